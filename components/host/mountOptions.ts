import * as pulumi from "@pulumi/pulumi";
import { hostCommand, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import type { ItemPlan, Reason } from "./plan.ts";

export interface MountOptionsArgs extends Reason {
  /** Mount point whose line in /etc/fstab is changed. */
  mount: string;
  /** Options added to it; those that stand there stay. */
  options: string[];
}

/** Options of one mount, in /etc/fstab and on the live mount. Removing the resource brings fstab back byte for byte. */
export class MountOptions extends pulumi.ComponentResource {
  readonly mount: pulumi.Output<string>;

  constructor(name: string, args: MountOptionsArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:MountOptions", name, args, opts);
    host.report.add(name, planMountOptions(args, host.observation), args);
    const put = hostCommand(
      `${name}-put`,
      {
        apply: "mount-options put",
        undo: "mount-options undo",
        parameters: { item: name, mount: args.mount, options: args.options.join(",") },
      },
      host,
      { parent: this },
    );
    this.mount = put.id.apply(() => args.mount);
    this.registerOutputs({ mount: this.mount });
  }
}

/** What the preview says of the mount. */
export function planMountOptions(args: MountOptionsArgs, observation: Observation): ItemPlan {
  const wanted = args.options.join(",");
  if ("blind" in observation) {
    return {
      state: "not measured",
      sentence: `${args.mount} carries ${wanted} in /etc/fstab and at once by a remount; the other lines of fstab stay as they are`,
    };
  }
  const live = observation.facts.mounts.find((mount) => mount.target === args.mount);
  if (live === undefined) {
    return { state: "not measured", sentence: `${args.mount} is not mounted on this host: up will refuse` };
  }
  // The kernel shows nodiratime only where noatime does not already cover it.
  const missing = args.options.filter(
    (option) => !live.options.includes(option) && !(option === "nodiratime" && live.options.includes("noatime")),
  );
  if (missing.length === 0) {
    return {
      state: "in sync",
      sentence: `${args.mount} carries ${wanted} (asked of the live mount, not of /etc/fstab)`,
    };
  }
  return {
    state: "differs",
    sentence: `${args.mount} has ${live.options.join(",")}: ${missing.join(",")} added in /etc/fstab and by a remount`,
  };
}
