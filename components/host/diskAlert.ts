import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import type { Reason } from "./plan.ts";
import { scheduleVerb } from "./scheduledVerb.ts";

export interface DiskAlertArgs extends Reason {
  /** Percent of the space, or of the inodes, in use above which it warns. */
  threshold: number;
  /** Percent above which the warning is a critical one. */
  critical: number;
  /** Mount points that it looks at. */
  mounts: string[];
}

/**
 * A warning in the system log, each hour, for every file system that is too full: under the tag
 * `twisterlab-edge-disk-alert`, with the priority err, or crit. Nothing of the others.
 */
export class DiskAlert extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: DiskAlertArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DiskAlert", name, args, opts);
    const { threshold, critical, mounts, why } = args;
    const timer = scheduleVerb(
      name,
      {
        description: "Warning in the system log when a disk fills up",
        verb: "disk-alert",
        parameters: { threshold, critical, mounts: mounts.join(" ") },
        // It counts what takes most, a minute for each of three folders.
        timeout: 5,
        calendar: "hourly",
        effect: `each hour the system log is told which of ${mounts.join(", ")} is more than ${threshold} % full (err) or ${critical} % (crit)`,
        why,
      },
      host,
      this,
    );
    this.path = timer.path;
    this.registerOutputs({ path: this.path });
  }
}
