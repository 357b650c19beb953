import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Captured } from "../../../cli/capture.ts";
import type { ReportedItem } from "../../../components/host/plan.ts";
import { REVIEW } from "../../../review/review.ts";
import { approveAll, type ReviewedJson } from "../../support/approvals.ts";
import { checkout, type Checkout } from "../../support/checkout.ts";
import { requireSystemPackages } from "../../support/systemPackages.ts";
import { startBox, type Box, type BoxOptions } from "../box/box.ts";

/** A machine like EdgeServer, and a person with a checkout whose site file knows it. */
export interface ManagedBox {
  /** The machine; another one may take its place. */
  box: Box;
  readonly edge: Checkout;
  /** Runs one of our commands on a phase: `up` says yes by itself. */
  readonly phase: (verb: "preview" | "up" | "destroy", phase: number, ...flags: string[]) => Promise<Captured>;
  /** As `phase`, and throws with what was printed when it fails. @returns what it printed. */
  readonly succeed: (verb: "preview" | "up" | "destroy", phase: number, ...flags: string[]) => Promise<string>;
  /** What `npm run drift` says, item by item, and its exit code. */
  readonly drift: (phase: number) => Promise<{ code: number; items: ReportedItem[]; blind?: string }>;
  /** Standard output of a command as root, beside our own scripts. Throws when it fails. */
  readonly read: (command: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface ManagedBoxOptions extends BoxOptions {
  /** Port that the program connects to, when something stands between it and the box. Default: the box's own. */
  port?: (box: Box) => Promise<number>;
  /** Whether the site file has a key that may only observe; default: false. */
  observer?: boolean;
  /** Changes of the site file on top, by their key paths under `config`. */
  changes?: readonly (readonly [string[], unknown])[];
}

/** Starts a box and makes a checkout that knows it: facts filled in, secrets generated, cluster objects left out. */
export async function managedBox({
  port,
  observer = false,
  changes = [],
  ...options
}: ManagedBoxOptions = {}): Promise<ManagedBox> {
  const box = await startBox(options);
  const edge = checkout();
  const home = join(edge.home, ".ssh");
  mkdirSync(home);
  cpSync(box.keyFile, join(home, "id_ed25519"));
  chmodSync(join(home, "id_ed25519"), 0o600);
  edge.edit([
    [["twisterlab-edge:host", "address"], box.address],
    [["twisterlab-edge:host", "machineId"], box.machineId],
    [["twisterlab-edge:host", "ssh", "user"], box.user],
    [["twisterlab-edge:host", "ssh", "port"], port === undefined ? box.sshPort : await port(box)],
    [["twisterlab-edge:host", "ssh", "hostKey"], box.hostKey],
    [["twisterlab-edge:network", "cidr"], "127.0.0.0/24"],
    [["twisterlab-edge:cluster", "apiServer"], "https://127.0.0.1:6443"],
    [["twisterlab-edge:phase3", "metalLb", "pool"], "127.0.0.100-127.0.0.110"],
    // A machine without hardware virtualization takes its time.
    [["twisterlab-edge:safety", "observeTimeout"], "60 s"],
    // Nothing of Kubernetes runs in the box.
    [["twisterlab-edge:phase1", "harbor"], undefined],
    [["twisterlab-edge:phase0", "backups", "postgres"], undefined],
    [["twisterlab-edge:phase0", "backups", "redis"], undefined],
    [["twisterlab-edge:phase0", "podHygiene"], { leftovers: [], revisionHistoryLimit: 3 }],
    ...Object.entries(box.serials).map(
      ([name, serial]) => [["twisterlab-edge:disks", name, "serial"], serial] as [string[], unknown],
    ),
    ...(observer ? observerKey(home) : []),
    ...changes,
  ]);
  const managed: ManagedBox = {
    box,
    edge,
    phase: async (verb, phase, ...flags) => {
      const words = ["--", String(phase), ...(verb === "preview" ? [] : ["--yes"]), "--non-interactive", ...flags];
      const done = await edge.npm([verb, ...words]);
      if (done.code !== REVIEW.refused) {
        return done;
      }
      // What a story does to the host on purpose, its person has approved.
      const destroy = verb === "destroy" ? ["--destroy"] : [];
      const { stdout } = await edge.npm(["review", "--", String(phase), "--json", ...destroy]);
      approveAll(edge, JSON.parse(stdout) as ReviewedJson);
      return edge.npm([verb, ...words]);
    },
    succeed: async (verb, phase, ...flags) => {
      const done = await managed.phase(verb, phase, ...flags);
      if (done.code !== 0) {
        throw new Error(`npm run ${verb} -- ${phase} ended with ${done.code}:\n${done.stdout}\n${done.stderr}`);
      }
      return done.stdout;
    },
    drift: async (phase) => {
      const done = await edge.npm(["drift", "--", String(phase), "--json"]);
      if (![0, 20, 21].includes(done.code)) {
        throw new Error(`npm run drift -- ${phase} ended with ${done.code}:\n${done.stdout}\n${done.stderr}`);
      }
      return { code: done.code, ...(JSON.parse(done.stdout) as { items: ReportedItem[]; blind?: string }) };
    },
    read: async (command) => {
      const done = await managed.box.run(command);
      if (done.code !== 0) {
        throw new Error(`${command} ended with ${done.code} in the box:\n${done.stderr}`);
      }
      return done.stdout;
    },
    stop: async () => {
      await managed.box.stop();
      edge.remove();
    },
  };
  const secrets = await edge.npm(["secrets"]);
  if (secrets.code !== 0) {
    await managed.stop();
    throw new Error(`npm run secrets ended with ${secrets.code}:\n${secrets.stderr}`);
  }
  return managed;
}

/** A key that may only observe, in the site file's words. */
function observerKey(folder: string): [string[], unknown][] {
  requireSystemPackages([{ command: "ssh-keygen", debianPackage: "openssh-client" }]);
  const file = join(folder, "observer");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  return [
    [["twisterlab-edge:host", "ssh", "observerKeyFile"], file],
    [["twisterlab-edge:phase0", "access"], { observerKey: readFileSync(`${file}.pub`, "utf8").trim() }],
  ];
}

/**
 * Everything on a host that a preview could change by mistake, in one text: files with mode, owner, time and content
 * hash; units; volumes; mounts; containers. What changes by itself is left out.
 */
export function fingerprint({ read }: ManagedBox): Promise<string> {
  return read(FINGERPRINT);
}

const FINGERPRINT = String.raw`
set -e
find /etc /usr /opt /root /home /srv /boot /var/lib/twisterlab-edge /var/lib/rancher /var/spool /twisterlab -xdev \
  -path /var/lib/rancher/k3s/agent -prune -o -printf '%p %y %m %U:%G %T@ %l\n' 2> /dev/null | sort
find /etc /usr/local /root /home /var/lib/twisterlab-edge -xdev -type f -print0 2> /dev/null | sort -z | xargs -0 sha256sum
find /run /tmp /var/tmp -xdev -name '*twisterlab*' | sort
# A report of LVM's writes a backup of its metadata where there is none.
quiet='backup { backup = 0 archive = 0 }'
pvs --noheadings --units b --config "$quiet"
vgs --noheadings --units b --config "$quiet" -o +vg_seqno
lvs --noheadings --units b --config "$quiet"
findmnt --real --noheadings --output TARGET,SOURCE,FSTYPE,OPTIONS
systemctl list-unit-files --no-legend --no-pager
systemctl list-units --all --no-legend --no-pager --plain 'docker*' 'k3s*' 'twisterlab*' '*.timer' | awk '{ print $1, $2, $3, $4 }'
systemctl show --property NRestarts,ExecMainStartTimestampMonotonic docker k3s systemd-journald rsyslog
docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'; docker images --no-trunc --quiet
getent passwd | sort; getent group | sort
`;
