import { backupRuns } from "../../support/site/backups.ts";
import { periods, runs, wall } from "../../support/schedule.ts";
import { isKnown } from "../../../components/settings/schema/build.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Backups and drills begin apart from each other. */
export const backupSchedulesApart: SiteRule = {
  name: "backup-schedules-apart",
  audience: "site",
  level: "mandatory",
  reason: "two of them at once read and write the same slow disk, and both take longer than their deadline.",
  source: "our own; the seeds: the disk is the machine's bottleneck",
  fix: "move one of them by `policies.backupSpacing` or more, also on the nights on which the clocks change.",
  example: { refused: "two backups at 0 2 * * *", accepted: "0 2 * * * and 15 2 * * *" },
  *checkStack(stack, { site, now }) {
    const { backupSpacing, timeZone } = site.policies;
    const fallback = isKnown(timeZone) ? timeZone : "UTC";
    const told = new Set<string>();
    const jobs = stack.flatMap(backupRuns);
    for (const { from, to } of periods(fallback, now)) {
      const all = jobs
        .flatMap(({ resource, schedule }) => runs(schedule, fallback, from, to).map((at) => ({ resource, at })))
        .sort((one, other) => one.at.getTime() - other.at.getTime());
      for (const [index, { resource, at }] of all.entries()) {
        const before = all[index - 1];
        const key = `${before?.resource.urn ?? ""} ${resource.urn}`;
        if (before === undefined || before.resource.urn === resource.urn || told.has(key)) continue;
        const minutes = (at.getTime() - before.at.getTime()) / 60_000;
        if (minutes * 60 >= backupSpacing.seconds) continue;
        told.add(key);
        const day = at.toISOString().slice(0, 10);
        yield {
          at: resource,
          what: `on ${day} it begins at ${wall(at, fallback)}, ${minutes} min after ${before.resource.name}`,
        };
      }
    }
  },
};
