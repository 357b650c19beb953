import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import { planRun, type Reason } from "./plan.ts";

/** What may be removed because it can be had again. */
export interface ReclaimedSpaceArgs extends Reason {
  /**
   * Docker's dangling images and build cache older than a week, and K3s' images that no container uses and that came
   * from a registry.
   */
  images: boolean;
  /** Package caches, and packages and kernels that nothing needs. */
  packages: boolean;
}

/**
 * Space freed on / instead of a bigger volume (option C of the plan). Never a Docker volume, a container or a log: the
 * seeds' `docker system prune --volumes` would have deleted data.
 */
export class ReclaimedSpace extends pulumi.ComponentResource {
  /** What was freed, in the host's words. */
  readonly report: pulumi.Output<string>;

  constructor(name: string, args: ReclaimedSpaceArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:ReclaimedSpace", name, args, opts);
    const removed = [
      ...(args.images ? ["unused images and old build cache"] : []),
      ...(args.packages ? ["package caches and unneeded packages"] : []),
    ];
    const { stdout } = hostItem(
      name,
      {
        plan: planRun(
          name,
          `frees space on /: ${removed.join(", ")}; never a volume, a container or a log; cannot be undone`,
          host.observation,
        ),
        why: args.why,
        apply: "reclaim-space run",
        parameters: { images: args.images, packages: args.packages },
      },
      host,
      { parent: this },
    );
    this.report = stdout;
    this.registerOutputs({ report: this.report });
  }
}
