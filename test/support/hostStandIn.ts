import { createHash, createHmac } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Stands in for EdgeServer behind a real SSH server, as its forced command: `node hostStandIn.ts FOLDER`. It changes nothing
// on this machine: it remembers what it was told to do in FOLDER/host.json, and tells that when it is observed. What it was
// asked is in FOLDER/commands and FOLDER/input. What the verbs do on a real host is tested in a virtual machine.

/** What the stand-in has instead of a machine. */
export interface StandIn {
  machineId: string;
  /** Size of the root volume in bytes. */
  rootVolume: number;
  /** Options of / in fstab, and of the live mount. */
  options: { fstab: string; live: string };
  files: Record<string, { mode: string; owner: string; content: string; shown: boolean }>;
  items: Record<string, { armed: boolean; revision: number }>;
  entryPoint: { sha256: string; users: Record<string, number> } | undefined;
  /** Who has the host; nobody lets it go but by `lease release` or `break`. */
  leaseOwner: string | undefined;
  /** Its answer to an observation ends after so many characters. */
  answerCutAfter?: number;
}

export function readStandIn(folder: string): StandIn {
  return JSON.parse(readFileSync(join(folder, "host.json"), "utf8")) as StandIn;
}

export function writeStandIn(folder: string, host: StandIn): void {
  writeFileSync(join(folder, "host.json"), JSON.stringify(host));
}

function answer(host: StandIn, command: string, input: string): void {
  const [, checksum, stack, installed] = / install -- ([0-9a-f]{64}) (\S+) (\d+)$/.exec(command) ?? [];
  if (checksum !== undefined && stack !== undefined) {
    const users = { ...host.entryPoint?.users, [stack]: Number(installed) };
    host.entryPoint = { sha256: checksum, users };
    return;
  }
  const [, verb = "", revision] = /twisterlab-edge (.+?)(?: --revision (\d+))?$/.exec(command) ?? [];
  // What is not for the installed entry point comes with our own scripts before its parameters.
  const ours = input.lastIndexOf('\nmain "$@"\n');
  const { parameters, content } = split(ours < 0 ? input : input.slice(ours + '\nmain "$@"\n'.length));
  switch (verb) {
    case "observe": {
      const facts = describe(host, parameters["key"] ?? "");
      process.stdout.write(facts.slice(0, host.answerCutAfter));
      return;
    }
    case "lease take":
      if (host.leaseOwner !== undefined && host.leaseOwner !== parameters["owner"]) {
        process.stderr.write(`refused: the host is held by '${host.leaseOwner}' for another 900 s\n`);
        process.exitCode = 65;
        return;
      }
      host.leaseOwner = parameters["owner"];
      return;
    case "lease release":
    case "lease break":
      host.leaseOwner = undefined;
      return;
    case "logical-volume grow":
      host.rootVolume = Number(parameters["size_bytes"]);
      break;
    case "mount-options put":
      host.options = { fstab: parameters["options"] ?? "", live: parameters["options"] ?? "" };
      break;
    case "host-file put": {
      const { path = "", mode = "", owner = "", sha256 } = parameters;
      if (createHash("sha256").update(content).digest("hex") !== sha256) {
        process.exitCode = 65;
        return;
      }
      host.files[path] = { mode, owner, content, shown: mode !== "600" };
      break;
    }
  }
  const item = parameters["item"];
  if (item !== undefined && revision !== undefined && verb !== "confirm") {
    host.items[item] = { armed: false, revision: Number(revision) };
  }
  process.stdout.write("done\n");
}

function split(input: string): { parameters: Record<string, string>; content: string } {
  const end = input.indexOf("\n\n");
  const lines = input.slice(0, end).split("\n");
  return {
    parameters: Object.fromEntries(lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string])),
    content: input.slice(end + 2),
  };
}

/** What `observe` prints of such a host. */
function describe(host: StandIn, key: string): string {
  const group = { vg_name: "ubuntu-vg", vg_size: GROUP, vg_free: GROUP - host.rootVolume, vg_extent_size: 4194304 };
  const volume = { vg_name: "ubuntu-vg", lv_name: "ubuntu-lv", lv_size: host.rootVolume, lv_layout: "linear" };
  const root = { target: "/", source: "/dev/mapper/x", fstype: "ext4", options: host.options.live };
  const backups = {
    target: "/twisterlab/data-warehouse",
    source: "/dev/sdc1",
    fstype: "ext4",
    options: "rw",
    size: 1,
    used: 0,
  };
  const fstab = { mode: "644", owner: "root:root", content: `/dev/x / ext4 ${host.options.fstab} 0 1\n`, shown: true };
  const files = Object.entries({ ...host.files, "/etc/fstab": fstab }).map(([path, file]) => [
    path,
    {
      mode: file.mode,
      owner: file.owner,
      keyedHash: createHmac("sha256", Buffer.from(key, "hex")).update(file.content).digest("hex"),
      ...(file.shown ? { content: file.content } : {}),
    },
  ]);
  const absent = { "/etc/docker/daemon.json": null, "/etc/rancher/k3s/registries.yaml": null };
  return [
    `== machine-id\n${host.machineId}`,
    `== volume-groups\n${JSON.stringify({ report: [{ vg: [{ ...group, vg_missing_pv_count: 0 }] }] })}`,
    `== logical-volumes\n${JSON.stringify({ report: [{ lv: [volume] }] })}`,
    `== mounts\n${JSON.stringify({ filesystems: [{ ...root, size: host.rootVolume, used: 1 }, backups] })}`,
    `== files\n${JSON.stringify({ ...absent, ...Object.fromEntries(files) })}`,
    `== items\n${JSON.stringify(host.items)}`,
    ...(host.leaseOwner === undefined
      ? []
      : [`== lease\n${JSON.stringify({ owner: host.leaseOwner, expiresIn: 900 })}`]),
    ...(host.entryPoint === undefined
      ? []
      : [
          `== entry-point\n${host.entryPoint.sha256}  /usr/local/sbin/twisterlab-edge`,
          ...[
            "== entry-point-users",
            ...Object.entries(host.entryPoint.users).map(([user, n]) => `/users/${user}:${n}`),
          ],
          "== units",
          ...["twisterlab-edge-revert.service", "twisterlab-edge-revert-at-boot.service"].map(
            (unit) => `Id=${unit}\nActiveState=inactive\nUnitFileState=enabled\n`,
          ),
        ]),
    "== end\n\n",
  ].join("\n");
}

/** Size of EdgeServer's volume group in bytes. */
const GROUP = 316_753_838_080;

if (process.argv[1] === import.meta.filename) {
  const folder = process.argv[2] ?? "";
  const command = process.env["SSH_ORIGINAL_COMMAND"] ?? "";
  const input = readFileSync(0, "utf8");
  appendFileSync(join(folder, "commands"), `${command}\n`);
  appendFileSync(join(folder, "input"), input);
  const host = readStandIn(folder);
  answer(host, command, input);
  writeStandIn(folder, host);
}
