import * as pulumi from "@pulumi/pulumi";
import type { HostFacts } from "./facts.ts";
import { hostCommand, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { gib, type ItemPlan, type Reason } from "./plan.ts";

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
    host.report.add(name, planLogicalVolume(args, host.observation), args);

    const common = { volume_group: args.volumeGroup, metadata_backup: args.metadataBackup };
    const dependsOn: pulumi.Resource[] = [];
    if (args.addDisk !== undefined) {
      const parameters = { item: `${name}-disk`, ...common, disk_serial: args.addDisk };
      // No undo: taking a physical volume out again moves data.
      dependsOn.push(
        hostCommand(`${name}-disk`, { apply: "volume-group add-disk", parameters }, host, { parent: this }),
      );
    }
    const grown = hostCommand(
      `${name}-grow`,
      {
        apply: "logical-volume grow",
        // No undo: shrinking is never done, and old metadata over a grown filesystem would cut it off.
        parameters: {
          item: name,
          ...common,
          logical_volume: args.logicalVolume,
          mount: args.mount,
          filesystem: args.filesystem,
          size_bytes: args.size,
          reserve_bytes: args.reserve,
        },
      },
      host,
      { parent: this, dependsOn },
    );
    this.size = grown.id.apply(() => args.size);
    this.registerOutputs({ size: this.size });
  }
}

/** What the preview says of the volume. */
export function planLogicalVolume(args: LogicalVolumeArgs, observation: Observation): ItemPlan {
  const device = `/dev/${args.volumeGroup}/${args.logicalVolume}`;
  const joins = args.addDisk === undefined ? "" : `; the empty disk ${args.addDisk} joins ${args.volumeGroup} first`;
  if ("blind" in observation) {
    const how =
      args.recordedSize === args.size
        ? "stays at"
        : `grows from ${gib(args.recordedSize)} (by the records; what is there decides) to`;
    return {
      state: "not measured",
      sentence: `${device} ${how} ${gib(args.size)} while mounted on ${args.mount}, ${args.filesystem} with it${joins}; ${gib(args.reserve)} of the volume group stay free; LVM metadata is kept in ${args.metadataBackup} first; cannot be undone`,
    };
  }
  const { volume, group } = find(observation.facts, args);
  if (volume === undefined || group === undefined) {
    return { state: "not measured", sentence: `${device} is not on this host: up will refuse` };
  }
  // LVM gives space in whole extents.
  const missing = Math.ceil(args.size / group.extentSize) * group.extentSize - volume.size;
  if (missing === 0) {
    return { state: "in sync", sentence: `${device} has ${gib(args.size)}` };
  }
  if (missing < 0) {
    return {
      state: "differs",
      sentence: `${device} has ${gib(volume.size)}, more than the ${gib(args.size)} wanted: up will refuse, a volume is never shrunk`,
    };
  }
  const free = `${args.volumeGroup} has ${gib(group.free)} free`;
  if (args.addDisk === undefined && missing > group.free - args.reserve) {
    return {
      state: "differs",
      sentence: `${device} has ${gib(volume.size)}, wanted ${gib(args.size)}, but ${free} and ${gib(args.reserve)} must stay free: up will refuse`,
    };
  }
  return {
    state: "differs",
    sentence: `${device} has ${gib(volume.size)}, wanted ${gib(args.size)}, ${free}: grows by ${gib(missing)} while mounted, ${args.filesystem} with it${joins}; cannot be undone`,
  };
}

function find(facts: HostFacts, args: LogicalVolumeArgs) {
  return {
    volume: facts.logicalVolumes.find((lv) => lv.volumeGroup === args.volumeGroup && lv.name === args.logicalVolume),
    group: facts.volumeGroups.find((vg) => vg.name === args.volumeGroup),
  };
}
