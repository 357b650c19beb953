import * as pulumi from "@pulumi/pulumi";
import { BACKUP_GROUP } from "../backupGroup.ts";
import { everyBlockDevice, type BackupFolderFact, type EntryFact, type HostFacts } from "./facts.ts";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";

export interface BackupFolderArgs extends Reason {
  /** Mount point of a disk that / is not on. */
  mount: string;
  /** The folder, an absolute path below it. */
  path: string;
}

/**
 * The folder of all backups, on a disk other than the system's: refused unless that disk is mounted. Pods write to it with a
 * group of their own, and leave their records in `runs` and `drills`; `k3s` is root's alone. A mark in it,
 * `.twisterlab-edge`, says that its disk is there: no backup is made without.
 *
 * Removing the resource changes nothing on the host: the folder stays, with every backup. So does all that is in a folder
 * that was there before; only its mode and owner become those of ours.
 */
export class BackupFolder extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: BackupFolderArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:BackupFolder", name, args, opts);
    const { mount, path, why } = args;
    const { stdout } = hostItem(
      name,
      {
        plan: planBackupFolder(name, args, host.observation),
        why,
        apply: "backup-folder make",
        // No undo: nothing that may hold a backup is ever removed.
        goingBack: "stays, with every backup in it, also when it is taken out of the site file",
        parameters: { mount, path, group: BACKUP_GROUP },
      },
      host,
      { parent: this },
    );
    this.path = stdout.apply(() => path);
    this.registerOutputs({ path: this.path });
  }
}

const SHARED: EntryFact = { kind: "folder", mode: "2770", owner: `0:${BACKUP_GROUP}` };

/** What scripts/backupFolder.sh makes. */
const ENTRIES: Readonly<Record<string, EntryFact>> = {
  ".": SHARED,
  runs: SHARED,
  drills: SHARED,
  k3s: { kind: "folder", mode: "700", owner: "0:0" },
  ".twisterlab-edge": { kind: "file", mode: "644", owner: "0:0" },
};

/** What the preview says of the folder, and of the disk that it is to be on. */
export function planBackupFolder(
  name: string,
  { mount, path }: Omit<BackupFolderArgs, "why">,
  observation: Observation,
): ItemPlan {
  const wanted = `${path} on the disk at ${mount}, for root and the group ${BACKUP_GROUP}`;
  const makes = `${path} is made on the disk at ${mount}, for root and the group ${BACKUP_GROUP}; what is there already stays, and all of it when this item is removed`;
  if ("blind" in observation) {
    return { state: "not measured", sentence: makes, wanted, observed: NOT_READ };
  }
  const { facts } = observation;
  const objection = objectionTo(mount, path, facts);
  if (objection !== undefined) {
    const sentence = `${path}: ${objection}: up will refuse, because a backup is to be on a disk of its own`;
    return { state: "differs", sentence, wanted, observed: objection, refused: true };
  }
  if (facts.backupFolders === undefined || facts.mounts.length === 0) {
    return { state: "not measured", sentence: makes, wanted, observed: NOT_READ };
  }
  const there = facts.backupFolders[name];
  if (there === undefined) {
    return { state: "differs", sentence: makes, wanted, observed: "not made yet" };
  }
  if (there.path !== path) {
    const observed = `made at ${there.path}`;
    const sentence = `${makes}; the backups in ${there.path} stay there, and are no longer looked after`;
    return { state: "differs", sentence, wanted, observed };
  }
  const observed = differences(there).join("; ");
  return observed === ""
    ? { state: "in sync", sentence: `${path} is as wanted, on the disk at ${mount}`, wanted, observed: "as wanted" }
    : { state: "differs", sentence: `${path}: ${observed}; mended, no backup is touched`, wanted, observed };
}

/** Why no backup may go there; undefined also when the mounts or the disks are not known. */
function objectionTo(mount: string, path: string, { mounts, disks }: HostFacts): string | undefined {
  const holding = mounts
    .map(({ target }) => target)
    .filter((target) => isBelow(path, target))
    .reduce((deepest, target) => (target.length > deepest.length ? target : deepest), "");
  if (holding !== "" && holding !== mount) {
    return mounts.some(({ target }) => target === mount)
      ? `it is on the file system at ${holding}, not on that at ${mount}`
      : `${mount} is not a mount point: its disk is not mounted`;
  }
  const shared = disks.find((disk) => {
    const mounted = everyBlockDevice([disk]).map((device) => device.mount);
    return mounted.includes("/") && mounted.includes(mount);
  });
  return shared === undefined ? undefined : `${mount} is on ${shared.name}, the disk of /`;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function differences({ entries }: BackupFolderFact): string[] {
  return Object.entries(ENTRIES).flatMap(([name, wanted]) => {
    const there = entries[name] ?? null;
    const what = name === "." ? "the folder" : name;
    if (there === null) {
      return [`${what} is not there any more`];
    }
    return there.kind === wanted.kind && there.mode === wanted.mode && there.owner === wanted.owner
      ? []
      : [`${what} is a ${describe(there)}, wanted a ${describe(wanted)}`];
  });
}

function describe({ kind, mode, owner }: EntryFact): string {
  return `${kind === "other" ? "link or device" : kind} of ${owner} with mode ${mode}`;
}
