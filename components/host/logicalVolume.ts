import * as pulumi from "@pulumi/pulumi";
import type { HostFacts } from "./facts.ts";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { gib, NOT_READ, type ItemPlan, type Reason } from "./plan.ts";

/** Which volume, and how big. Sizes in bytes. */
export interface LogicalVolumeArgs extends Reason {
  volumeGroup: string;
  logicalVolume: string;
  filesystem: "ext4" | "xfs";
  mount: string;
  /** Absolute size to reach; a volume that has more is refused, never shrunk. */
  size: number;
  /** Bytes that stay free in the volume group. */
  reserve: number;
  /** What the records say the volume has; only for the preview of a host that cannot be reached. */
  recordedSize: number;
  /** Serial of the disk that the volume group is on; a group elsewhere is refused. Left out: not known, not checked. */
  diskSerial?: string;
  /** Serial of an empty disk that joins the volume group first (option B of the plan). */
  addDisk?: string;
  /** Folder on a disk outside the volume group that keeps a copy of the group's metadata. */
  metadataBackup: string;
}

/**
 * A logical volume with its filesystem, grown while mounted to an absolute size (options A and B of the plan).
 * Removing the resource changes nothing on the host: a grown volume stays grown.
 */
export class LogicalVolume extends pulumi.ComponentResource {
  /** Size wanted, in bytes. */
  readonly size: pulumi.Output<number>;

  constructor(name: string, args: LogicalVolumeArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:LogicalVolume", name, args, { ...opts, protect: true });
    const common = { volume_group: args.volumeGroup, metadata_backup: args.metadataBackup };
    const dependsOn: pulumi.Resource[] = [];
    if (args.addDisk !== undefined) {
      const parameters = { ...common, disk_serial: args.addDisk };
      const plan = planAddDisk(args.volumeGroup, args.addDisk, host.observation);
      // No undo: taking a physical volume out again moves data.
      const { last } = hostItem(
        `${name}-disk`,
        { plan, why: args.why, apply: "volume-group add-disk", parameters },
        host,
        { parent: this },
      );
      dependsOn.push(last);
    }
    const { stdout } = hostItem(
      name,
      {
        plan: planLogicalVolume(args, host.observation),
        why: args.why,
        apply: "logical-volume grow",
        // No undo: shrinking is never done, and old metadata over a grown filesystem would cut it off.
        parameters: {
          ...common,
          logical_volume: args.logicalVolume,
          mount: args.mount,
          filesystem: args.filesystem,
          size_bytes: args.size,
          reserve_bytes: args.reserve,
          ...(args.diskSerial === undefined ? {} : { disk_serial: args.diskSerial }),
        },
      },
      host,
      { parent: this, dependsOn },
    );
    this.size = stdout.apply(() => args.size);
    this.registerOutputs({ size: this.size });
  }
}

/** What the preview says of the volume. */
export function planLogicalVolume(args: LogicalVolumeArgs, observation: Observation): ItemPlan {
  const device = `/dev/${args.volumeGroup}/${args.logicalVolume}`;
  const wanted = `${device} of ${gib(args.size)}`;
  const joins = args.addDisk === undefined ? "" : `; the empty disk ${args.addDisk} joins ${args.volumeGroup} first`;
  if ("blind" in observation) {
    const how =
      args.recordedSize === args.size
        ? "stays at"
        : `grows from ${gib(args.recordedSize)} (by the records; what is there decides) to`;
    return {
      state: "not measured",
      sentence: `${device} ${how} ${gib(args.size)} while mounted on ${args.mount}, ${args.filesystem} with it${joins}; ${gib(args.reserve)} of the volume group stay free; LVM metadata is kept in ${args.metadataBackup} first; cannot be undone`,
      wanted,
      observed: NOT_READ,
    };
  }
  const { volume, group, filesystem } = find(observation.facts, args);
  const differs = (sentence: string, observed: string): ItemPlan => ({ state: "differs", sentence, wanted, observed });
  const refused = (sentence: string, observed: string): ItemPlan => ({ ...differs(sentence, observed), refused: true });
  if (volume === undefined || group === undefined) {
    return refused(`${device} is not on this host: up will refuse`, "not there");
  }
  const observed = gib(volume.size);
  if (group.missing > 0) {
    return refused(`${args.volumeGroup} misses ${group.missing} of its disks: up will refuse`, observed);
  }
  if (volume.layout !== "linear") {
    return refused(`${device} is ${volume.layout}, not linear: up will refuse`, observed);
  }
  // LVM gives space in whole extents.
  const missing = Math.ceil(args.size / group.extentSize) * group.extentSize - volume.size;
  if (missing < 0) {
    return refused(
      `${device} has ${observed}, more than the ${gib(args.size)} wanted: up will refuse, a volume is never shrunk`,
      observed,
    );
  }
  if (missing === 0) {
    // A filesystem keeps a part of its device for itself, some percent at most.
    return filesystem !== undefined && filesystem.size < volume.size * 0.9
      ? differs(
          `${device} has ${observed}, its filesystem only ${gib(filesystem.size)}: ${args.filesystem} grows to the volume's size while mounted`,
          `${observed}, filesystem ${gib(filesystem.size)}`,
        )
      : { state: "in sync", sentence: `${device} has ${observed}`, wanted, observed };
  }
  const free = `${args.volumeGroup} has ${gib(group.free)} free`;
  if (args.addDisk === undefined && missing > group.free - args.reserve) {
    return refused(
      `${device} has ${observed}, wanted ${gib(args.size)}, but ${free} and ${gib(args.reserve)} must stay free: up will refuse`,
      observed,
    );
  }
  return differs(
    `${device} has ${observed}, wanted ${gib(args.size)}, ${free}: grows by ${gib(missing)} while mounted, ${args.filesystem} with it${joins}; cannot be undone`,
    observed,
  );
}

/** What the preview says of the disk that joins the volume group. */
export function planAddDisk(volumeGroup: string, serial: string, observation: Observation): ItemPlan {
  const wanted = `disk ${serial} in ${volumeGroup}`;
  const sentence = `the disk ${serial}, which must be empty, joins ${volumeGroup}; cannot be undone`;
  if ("blind" in observation) {
    return { state: "not measured", sentence, wanted, observed: NOT_READ };
  }
  const { disks, physicalVolumes } = observation.facts;
  const disk = disks.find((device) => device.serial === serial);
  if (disk === undefined) {
    return {
      state: "differs",
      sentence: `no disk with the serial ${serial} is on this host: up will refuse`,
      wanted,
      observed: "no such disk",
      refused: true,
    };
  }
  const owner = physicalVolumes.find(({ name }) => name === `/dev/${disk.name}`)?.volumeGroup;
  return owner === volumeGroup
    ? { state: "in sync", sentence: `the disk ${serial} is in ${volumeGroup}`, wanted, observed: "as wanted" }
    : { state: "differs", sentence, wanted, observed: owner ? `in ${owner}` : "in no volume group" };
}

function find(facts: HostFacts, args: LogicalVolumeArgs) {
  return {
    volume: facts.logicalVolumes.find((lv) => lv.volumeGroup === args.volumeGroup && lv.name === args.logicalVolume),
    group: facts.volumeGroups.find((vg) => vg.name === args.volumeGroup),
    filesystem: facts.mounts.find((mount) => mount.target === args.mount),
  };
}
