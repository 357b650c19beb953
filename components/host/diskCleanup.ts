import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { gib, type Reason } from "./plan.ts";
import { scheduleVerb } from "./scheduledVerb.ts";

export interface DiskCleanupArgs extends Reason {
  /** Percent of / in use above which it clears. */
  threshold: number;
  /** Hour of the day in which it looks, in the time of the machine. */
  hour: number;
  /** Bytes that the journal may keep, whatever is cleared; its last day stays also above them. */
  journalLimit: number;
}

/**
 * Clearing, once a day and only when / is too full, of what can be had again: the package cache, the journal above its limit,
 * temporary files that nobody has touched for ten days, Docker's dangling images and old build cache, K3s' unused images of a
 * registry. Never a volume, a container, data, or a log of the last day. `scripts/diskCleanup.sh` says how to try it dry.
 */
export class DiskCleanup extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: DiskCleanupArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DiskCleanup", name, args, opts);
    const { threshold, hour, journalLimit, why } = args;
    const time = `${String(hour).padStart(2, "0")}:00`;
    const timer = scheduleVerb(
      name,
      {
        description: "Clearing of what can be had again when / fills up",
        verb: "disk-cleanup",
        parameters: { threshold, journal_limit: journalLimit },
        timeout: 30,
        calendar: `*-*-* ${time}:00`,
        effect:
          `at ${time}, while / is more than ${threshold} % full: package cache, journal above ${gib(journalLimit)}, temporary files of ` +
          "ten days, dangling Docker images and build cache of a week, unused K3s images of a registry are deleted, which cannot be " +
          "undone; never a volume, a container, data or a log of the last day",
        why,
      },
      host,
      this,
    );
    this.path = timer.path;
    this.registerOutputs({ path: this.path });
  }
}
