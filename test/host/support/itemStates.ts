import type { ManagedBox } from "./managedBox.ts";

/**
 * What each item's place on the host is, read without our scripts: an item is in its old state or in its new one, and a
 * look at all of them tells which. Times and records of our own are not part of it.
 */
export type ItemStates = Record<string, string>;

/** Commands that show the whole of what an item changes; equal output is equal state. */
const LOOKS: Readonly<Record<string, string>> = {
  "journald drop-in": file("/etc/systemd/journald.conf.d/zz-twisterlab-edge.conf"),
  "logrotate stanza": file("/etc/logrotate.d/rsyslog"),
  "logrotate timer": file("/etc/systemd/system/logrotate.timer.d/50-twisterlab-edge.conf"),
  sudoers: file("/etc/sudoers.d/twisterlab-edge"),
  "kubelet config": file("/etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml"),
  "registries.yaml": file("/etc/rancher/k3s/registries.yaml"),
  "daemon.json": file("/etc/docker/daemon.json"),
  fstab: file("/etc/fstab"),
  "root volume": "lvs --noheadings --units b --options lv_size ubuntu-vg/ubuntu-lv",
  "imported images": "k3s crictl images --quiet | sort",
  "disk alert": file("/etc/systemd/system/twisterlab-edge-disk-alert.timer"),
  "disk cleanup": file("/etc/systemd/system/twisterlab-edge-disk-cleanup.timer"),
};

function file(path: string): string {
  return `if [ -e ${path} ]; then stat -c '%a %U:%G' ${path}; sha256sum ${path}; else echo absent; fi`;
}

export async function itemStates({ read }: ManagedBox): Promise<ItemStates> {
  const script = Object.entries(LOOKS)
    .map(([name, look]) => `printf '%s\\n' '== ${name}'; { ${look}; } 2>&1`)
    .join("\n");
  const states: ItemStates = {};
  for (const part of (await read(script)).split(/^== /m).slice(1)) {
    const [name = "", ...lines] = part.split("\n");
    states[name] = lines.join("\n").trim();
  }
  return states;
}

/** The items that are neither as they were nor as they are wanted: there must be none. */
export function between(now: ItemStates, old: ItemStates, wanted: ItemStates): string[] {
  return Object.keys(now).filter((item) => now[item] !== old[item] && now[item] !== wanted[item]);
}

/** Waits until no change is under way on the host and nothing is waiting to be confirmed. */
export async function settled({ read }: ManagedBox, limit = 240): Promise<void> {
  await read(
    `timeout ${limit} bash -c 'until [ -z "$(ls -A /var/lib/twisterlab-edge/armed 2> /dev/null)" ] &&
      { [ ! -e /var/lib/twisterlab-edge/turn ] || flock --nonblock /var/lib/twisterlab-edge/turn true; }; do sleep 0.5; done'`,
  );
}
