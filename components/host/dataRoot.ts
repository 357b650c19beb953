import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason, type Restart } from "./plan.ts";

export interface DataRootArgs extends Reason {
  /** Folder that moves. */
  path: "/var/lib/docker" | "/var/lib/rancher";
  /** Serial of the disk it moves to. */
  diskSerial: string;
  /** Mount point of that disk. */
  mount: string;
  /** `none`: the disk is mounted there already. `ext4`: the disk is new and empty, and gets a partition and a filesystem. */
  format: "none" | "ext4";
}

/**
 * Docker's or K3s' data on another disk: copied while the service runs, compared while it stands, switched by a bind
 * mount, switched back when the service does not run from there. The old data stays beside the mount point.
 */
export class DataRoot extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: DataRootArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DataRoot", name, args, { ...opts, protect: true });
    const { stdout } = hostItem(
      name,
      {
        plan: planDataRoot(args, host.observation),
        why: args.why,
        restarts: [standstill(args.path)],
        apply: "data-root move",
        undo: "data-root undo",
        parameters: {
          path: args.path,
          disk_serial: args.diskSerial,
          mount: args.mount,
          format: args.format,
          service: serviceOf(args.path),
        },
        guarded: true,
      },
      host,
      { parent: this },
    );
    this.path = stdout.apply(() => args.path);
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of the move. */
export function planDataRoot(args: DataRootArgs, observation: Observation): ItemPlan {
  const wanted = `${args.path} on ${args.mount}`;
  const target = `${args.mount}/${args.path.split("/").at(-1) ?? ""}`;
  if ("facts" in observation) {
    const { mounts } = observation.facts;
    const there = mounts.find((mount) => mount.target === args.path);
    const disk = mounts.find((mount) => mount.target === args.mount);
    if (there !== undefined) {
      return disk !== undefined && there.source === `${disk.source}[/${args.path.split("/").at(-1) ?? ""}]`
        ? { state: "in sync", sentence: `${args.path} is on ${args.mount}`, wanted, observed: "as wanted" }
        : {
            state: "differs",
            sentence: `${args.path} is a mount already, from ${there.source}: up will refuse`,
            wanted,
            observed: `a mount from ${there.source}`,
            refused: true,
          };
    }
  }
  const format =
    args.format === "none" ? "" : `; the disk ${args.diskSerial}, which must be empty, gets ${args.format}`;
  const { service, meanwhile } = standstill(args.path);
  return {
    state: "facts" in observation ? "differs" : "not measured",
    sentence: `${args.path} moves to ${target}${format}; ${service} and ${meanwhile}; the old data stays in ${args.path}.before-twisterlab-edge`,
    wanted,
    observed: "facts" in observation ? "on the system's disk" : NOT_READ,
  };
}

/** For as long as the copying takes. */
function standstill(path: DataRootArgs["path"]): Restart {
  return path === "/var/lib/docker"
    ? { service: "Docker", meanwhile: "its containers stand still while the last differences are copied" }
    : { service: "K3s", meanwhile: "all its pods stand still while the last differences are copied" };
}

function serviceOf(path: DataRootArgs["path"]): "docker" | "k3s" {
  return path === "/var/lib/docker" ? "docker" : "k3s";
}
