/** A block device, from `lsblk`. Sizes in bytes. */
export interface BlockDevice {
  name: string;
  type: string;
  size: number;
  serial: string | undefined;
  filesystem: string | undefined;
  mount: string | undefined;
  children: BlockDevice[];
}

/** What `scripts/observe.sh` read on the host. A fact that could not be read is undefined. Sizes in bytes. */
export interface HostFacts {
  machineId: string | undefined;
  operatingSystem: string | undefined;
  kernel: string | undefined;
  threads: number | undefined;
  memory: number | undefined;
  disks: BlockDevice[];
  mounts: { target: string; source: string; filesystem: string; options: string[]; size: number; used: number }[];
  volumeGroups: { name: string; size: number; free: number; extentSize: number; missing: number }[];
  logicalVolumes: { volumeGroup: string; name: string; size: number; layout: string }[];
  gateway: string | undefined;
  hostKey: string | undefined;
  dockerVersion: string | undefined;
  k3sVersion: string | undefined;
  /** Text of /etc/docker/daemon.json. */
  dockerDaemon: string | undefined;
  /** SHA-256 of /etc/rancher/k3s/registries.yaml. */
  registriesSha256: string | undefined;
}

/**
 * The facts from the text that `observe` prints.
 * @throws Error when the text was cut off, or is not from `observe`.
 */
export function parseFacts(text: string): HostFacts {
  const sections = splitSections(text);
  if (!sections.has("end")) {
    throw new Error("what the host answered is incomplete");
  }
  const line = (name: string): string | undefined => sections.get(name)?.trim().split("\n")[0];
  return {
    machineId: line("machine-id"),
    operatingSystem: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(sections.get("os-release") ?? "")?.[1],
    kernel: line("kernel"),
    threads: number(line("threads")),
    memory: kib(line("memory")),
    disks: json(sections, "disks", "blockdevices").map(blockDevice),
    mounts: flattenMounts(json(sections, "mounts", "filesystems")),
    volumeGroups: report(sections, "volume-groups", "vg").map((vg) => ({
      name: asText(vg["vg_name"]),
      size: Number(vg["vg_size"]),
      free: Number(vg["vg_free"]),
      extentSize: Number(vg["vg_extent_size"]),
      missing: Number(vg["vg_missing_pv_count"]),
    })),
    logicalVolumes: report(sections, "logical-volumes", "lv").map((lv) => ({
      volumeGroup: asText(lv["vg_name"]),
      name: asText(lv["lv_name"]),
      size: Number(lv["lv_size"]),
      layout: asText(lv["lv_layout"]),
    })),
    gateway: optional(parsed(sections, "default-route")[0]?.["gateway"]),
    // Without the comment at its end, which names the host.
    hostKey: line("host-key")?.split(" ").slice(0, 2).join(" "),
    dockerVersion: line("docker-version"),
    k3sVersion: /^k3s version (\S+)/.exec(line("k3s-version") ?? "")?.[1],
    dockerDaemon: sections.get("docker-daemon"),
    registriesSha256: line("registries")?.split(" ")[0],
  };
}

/** All disks, partitions and volumes, flat. */
export function everyBlockDevice(devices: readonly BlockDevice[]): BlockDevice[] {
  return devices.flatMap((device) => [device, ...everyBlockDevice(device.children)]);
}

type Row = Record<string, unknown>;

function splitSections(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split("\n")) {
    const heading = /^== ([a-z0-9-]+)$/.exec(line)?.[1];
    if (heading !== undefined) {
      name = heading;
      sections.set(name, "");
    } else if (name !== undefined) {
      sections.set(name, `${sections.get(name) ?? ""}${line}\n`);
    }
  }
  return sections;
}

function parsed(sections: Map<string, string>, section: string): Row[] {
  const text = sections.get(section);
  if (text === undefined) {
    return [];
  }
  return JSON.parse(text) as Row[];
}

function json(sections: Map<string, string>, section: string, key: string): Row[] {
  const text = sections.get(section);
  return text === undefined ? [] : ((JSON.parse(text) as Record<string, Row[]>)[key] ?? []);
}

/** Rows of LVM's `--reportformat json`: {"report": [{"vg": [...]}]}. */
function report(sections: Map<string, string>, section: string, key: string): Row[] {
  return json(sections, section, "report").flatMap((part) => (part[key] ?? []) as Row[]);
}

function blockDevice(row: Row): BlockDevice {
  return {
    name: asText(row["name"]),
    type: asText(row["type"]),
    size: Number(row["size"]),
    serial: optional(row["serial"]),
    filesystem: optional(row["fstype"]),
    mount: optional(row["mountpoint"]),
    children: ((row["children"] ?? []) as Row[]).map(blockDevice),
  };
}

function flattenMounts(rows: Row[]): HostFacts["mounts"] {
  return rows.flatMap((row) => [
    {
      target: asText(row["target"]),
      source: asText(row["source"]),
      filesystem: asText(row["fstype"]),
      options: asText(row["options"]).split(","),
      size: Number(row["size"]),
      used: Number(row["used"]),
    },
    ...flattenMounts((row["children"] ?? []) as Row[]),
  ]);
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function number(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Bytes from a line of /proc/meminfo, which counts in KiB and calls them kB. */
function kib(value: string | undefined): number | undefined {
  const amount = /(\d+) kB/.exec(value ?? "")?.[1];
  return amount === undefined ? undefined : Number(amount) * 1024;
}
