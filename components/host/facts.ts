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
  disks: BlockDevice[];
  mounts: { target: string; source: string; filesystem: string; options: string[]; size: number; used: number }[];
  volumeGroups: { name: string; size: number; free: number; extentSize: number; missing: number }[];
  logicalVolumes: { volumeGroup: string; name: string; size: number; layout: string }[];
  physicalVolumes: { name: string; volumeGroup: string }[];
  gateway: string | undefined;
  k3sVersion: string | undefined;
  /** Key of the hashes in `files`: made for one observation, so that a hash says nothing to anybody else. */
  hashKey: string;
  /** Files worth comparing, by path: null when it is not there; a path that was not looked at is not in here. */
  files: Record<string, FileFact | null>;
  /** What the host keeps of the items that were applied to it, by their names. */
  items: Record<string, ItemRecord>;
  /** The folders of backups that items have made, by the items' names; undefined when the host's program says nothing of them. */
  backupFolders: Record<string, BackupFolderFact> | undefined;
  /** The entry point that is installed, and the stacks that use it, with how often each had to put it there. */
  entryPoint: { sha256: string | undefined; users: Record<string, number> };
  /** Who holds the host for a run; undefined when nobody does. */
  lease: Lease | undefined;
  /** systemd's view of the units that the items are about, by name. */
  units: Record<string, UnitFact>;
  /** The files that journald reads, in its order: the last assignment counts. */
  journaldConfig: ConfigFile[] | undefined;
  /** What the journal takes on disk, in bytes. */
  journalBytes: number | undefined;
  /** What the kubelet runs with; undefined also while K3s is down. */
  kubelet: KubeletFact | undefined;
  /** Images that K3s has; undefined also while K3s is down. */
  k3sImages: K3sImage[] | undefined;
  /** IDs of the images that Docker has, by their names with tag, as Docker writes them. */
  dockerImages: Record<string, string> | undefined;
  /** The account that may only observe: null when there is none. */
  observerAccount: AccountFact | null | undefined;
  /** What the account that applies may do without a password, beside what our own rules say. */
  passwordlessSudo: SudoRule[] | undefined;
}

/** A file of the host. */
export interface FileFact {
  /** Octal, as `stat -c %a` prints it. */
  mode: string;
  /** `user:group`. */
  owner: string;
  /** HMAC-SHA256 of the content with the observation's key, in hexadecimal. */
  keyedHash: string;
  /** Undefined for what may hold a secret, and for what is no text or longer than 64 KiB. */
  content?: string;
}

/** One of the files that a configuration is put together from. */
export interface ConfigFile {
  path: string;
  content: string;
}

/** What the host keeps of an item in /var/lib/twisterlab-edge/items. */
export interface ItemRecord {
  /** How often it was applied. */
  revision?: number;
  /** A change waits to be confirmed, or was cut off: it is undone by itself. */
  armed: boolean;
  /** Its file is, byte for byte, what this program installed last; nobody edited it by hand since. */
  ours?: boolean;
  /** When and why the host undid the last change by itself, in its own words. */
  reverted?: string;
}

/** The folder of the backups. */
export interface BackupFolderFact {
  path: string;
  /** What has the name of each entry of ours, null where nothing has; `.` is the folder itself. */
  entries: Readonly<Record<string, EntryFact | null>>;
}

/** What has a name in a folder. */
export interface EntryFact {
  kind: "folder" | "file" | "other";
  /** Octal, as `stat -c %a` prints it. */
  mode: string;
  /** Numbers, `user:group`. */
  owner: string;
}

/** A run that holds the host. */
export interface Lease {
  /** Who and where: `user@machine pid 4711 edge-phase-1`. */
  owner: string;
  /** Seconds until it expires by itself. */
  expiresIn: number;
}

/** The part of the kubelet's configuration that the items are about, as the kubelet itself writes it. */
export interface KubeletFact {
  imageGCHighThresholdPercent: number;
  imageGCLowThresholdPercent: number;
  /** By signal, `memory.available` for instance. */
  evictionHard: Readonly<Record<string, string>> | null;
  evictionMinimumReclaim: Readonly<Record<string, string>> | null;
  containerLogMaxSize: string;
  containerLogMaxFiles: number;
}

/** An image of K3s, as the kubelet sees it. */
export interface K3sImage {
  /** `sha256:...`: digest of its configuration. */
  id: string;
  /** Full names, `docker.io/library/redis:7-alpine` for instance. */
  names: string[];
  /** Never cleared away by the kubelet. */
  pinned: boolean;
}

/** An account of the host. */
export interface AccountFact {
  home: string;
  shell: string;
  /** As `passwd --status` prints it: `L` when no password fits. */
  password: string;
}

/** A rule of sudo that asks for no password. */
export interface SudoRule {
  user: string;
  /** Where it stands; null when this sudo does not say. */
  file: string | null;
  /** Paths of the commands, or `ALL`. */
  commands: string[];
}

/** A systemd unit. */
export interface UnitFact {
  /** `enabled`, `disabled`, `static`...; empty when there is no such unit. */
  enabled: string;
  /** `active`, `inactive`, `failed`... */
  active: string;
}

/**
 * The facts from the text that `observe` prints, when it was given `hashKey`.
 * @throws Error when the text was cut off, or is not from `observe`.
 */
export function parseFacts(text: string, hashKey: string): HostFacts {
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
    physicalVolumes: report(sections, "physical-volumes", "pv").map((pv) => ({
      name: asText(pv["pv_name"]),
      volumeGroup: asText(pv["vg_name"]),
    })),
    gateway: optional(parsed(sections, "default-route")[0]?.["gateway"]),
    // Without the comment at its end, which names the host.
    k3sVersion: /^k3s version (\S+)/.exec(line("k3s-version") ?? "")?.[1],
    hashKey,
    files: object(sections, "files") as HostFacts["files"],
    items: object(sections, "items") as HostFacts["items"],
    backupFolders: sections.has("backup-folders")
      ? (object(sections, "backup-folders") as unknown as Record<string, BackupFolderFact>)
      : undefined,
    entryPoint: {
      sha256: line("entry-point")?.split(" ")[0],
      users: Object.fromEntries(
        [...(sections.get("entry-point-users") ?? "").matchAll(/\/([a-z0-9-]+):(\d+)$/gm)].map(([, user, revision]) => [
          user ?? "",
          Number(revision),
        ]),
      ),
    },
    lease: sections.has("lease") ? (object(sections, "lease") as unknown as Lease) : undefined,
    units: unitFacts(sections.get("units") ?? ""),
    journaldConfig: sections.has("journald-config") ? configFiles(sections.get("journald-config") ?? "") : undefined,
    journalBytes: number(line("journal-bytes")?.split("\t")[0]),
    kubelet: sections.has("kubelet") ? (object(sections, "kubelet") as unknown as KubeletFact) : undefined,
    k3sImages: sections.has("k3s-images") ? json(sections, "k3s-images", "images").map(k3sImage) : undefined,
    dockerImages: dockerImages(sections.get("docker-images")),
    observerAccount: account(line("observer-account")),
    passwordlessSudo: sections.has("passwordless-sudo")
      ? (parsed(sections, "passwordless-sudo") as unknown as SudoRule[])
      : undefined,
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

function object(sections: Map<string, string>, section: string): Record<string, unknown> {
  return JSON.parse(sections.get(section) ?? "{}") as Record<string, unknown>;
}

/** From `systemctl show`: blocks of `Name=value`, one block a unit. */
function unitFacts(text: string): Record<string, UnitFact> {
  const blocks = text.split("\n\n").map((block) => new Map(block.split("\n").map((row) => split(row, "="))));
  return Object.fromEntries(
    blocks
      .filter((block) => block.has("Id"))
      .map((block) => [
        block.get("Id") ?? "",
        { enabled: block.get("UnitFileState") ?? "", active: block.get("ActiveState") ?? "" },
      ]),
  );
}

/** From `systemd-analyze cat-config`: each file after a line `# PATH`. */
function configFiles(text: string): ConfigFile[] {
  const [, ...parts] = text.split(/^# (\/\S+)$/m);
  return parts.flatMap((path, index) => (index % 2 === 0 ? [{ path, content: parts[index + 1] ?? "" }] : []));
}

/** From `crictl images`. */
function k3sImage(row: Row): K3sImage {
  return { id: asText(row["id"]), names: (row["repoTags"] ?? []) as string[], pinned: row["pinned"] === true };
}

/** From lines of `name:tag sha256:...`. */
function dockerImages(text: string | undefined): Record<string, string> | undefined {
  const rows = text?.split("\n").filter((row) => row !== "" && !row.includes("<none>"));
  return rows === undefined ? undefined : Object.fromEntries(rows.map((row) => split(row, " ")));
}

/** Home, shell and password status; no words when there is no such account. */
function account(text: string | undefined): AccountFact | null | undefined {
  if (text === undefined || text === "") {
    return text === undefined ? undefined : null;
  }
  const [home = "", shell = "", password = ""] = text.split(" ");
  return { home, shell, password };
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
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
