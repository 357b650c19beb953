import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";

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
    const { stdout } = hostItem(
      name,
      {
        plan: planMountOptions(args, host.observation),
        why: args.why,
        apply: "mount-options put",
        undo: "mount-options undo",
        parameters: { mount: args.mount, options: args.options.join(",") },
        guarded: true,
      },
      host,
      { parent: this },
    );
    this.mount = stdout.apply(() => args.mount);
    this.registerOutputs({ mount: this.mount });
  }
}

/** What the preview says of the mount: of its line in /etc/fstab, and of the mount as it is. */
export function planMountOptions(args: MountOptionsArgs, observation: Observation): ItemPlan {
  const options = args.options.join(",");
  const wanted = `${args.mount} with ${options}`;
  if ("blind" in observation) {
    return {
      state: "not measured",
      sentence: `${args.mount} carries ${options} in /etc/fstab and at once by a remount; the other lines of fstab stay as they are`,
      wanted,
      observed: NOT_READ,
    };
  }
  const live = observation.facts.mounts.find((mount) => mount.target === args.mount);
  const fstab = optionsInFstab(observation.facts.files["/etc/fstab"]?.content, args.mount);
  if (live === undefined || fstab === undefined) {
    const missing = live === undefined ? "is not mounted on this host" : "has not exactly one line in /etc/fstab";
    return {
      state: "differs",
      sentence: `${args.mount} ${missing}: up will refuse`,
      wanted,
      observed: missing,
      refused: true,
    };
  }
  // The kernel shows nodiratime only where noatime does not already cover it.
  const missingLive = args.options.filter(
    (option) => !live.options.includes(option) && !(option === "nodiratime" && live.options.includes("noatime")),
  );
  const missingInFstab = args.options.filter((option) => !fstab.includes(option));
  if (missingLive.length === 0 && missingInFstab.length === 0) {
    return { state: "in sync", sentence: `${args.mount} carries ${options}`, wanted, observed: "as wanted" };
  }
  const observed = [
    ...(missingInFstab.length > 0 ? [`/etc/fstab has ${fstab.join(",")}`] : []),
    ...(missingLive.length > 0 ? [`it is mounted with ${live.options.join(",")}`] : []),
  ].join(" and ");
  return {
    state: "differs",
    sentence: `${args.mount}: ${observed}, wanted ${options} in both; set by a remount`,
    wanted,
    observed,
  };
}

/** The options in the one line of a mount point; undefined when fstab has no such line, or several. */
function optionsInFstab(fstab: string | undefined, mount: string): string[] | undefined {
  const lines = (fstab ?? "")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([first = "", target]) => !first.startsWith("#") && target === mount);
  return lines.length === 1 ? lines[0]?.[3]?.split(",") : undefined;
}
