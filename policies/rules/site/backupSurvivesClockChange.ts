import { isKnown } from "../../../components/settings/schema/build.ts";
import { backupRuns } from "../../support/site/backups.ts";
import { clockChanges, runs } from "../../support/schedule.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** A backup is made on every night of the year. */
export const backupSurvivesClockChange: SiteRule = {
  name: "backup-survives-clock-change",
  audience: "site",
  level: "advisory",
  reason:
    "on one night of the year it is left out, on another it runs twice, and the age of the newest backup is over its limit.",
  source: "Kubernetes: CronJob; our own",
  fix: "choose an hour that the clocks do not leave out, or set a time zone without changes.",
  example: { refused: "schedule: 30 2 * * * in Europe/Paris", accepted: "schedule: 30 4 * * *" },
  *checkStack(stack, { site, now }) {
    const { timeZone } = site.policies;
    for (const { resource: at, schedule } of stack.flatMap(backupRuns)) {
      if (!isKnown(timeZone)) {
        const hour = Number(schedule.split(/\s+/)[1]);
        // Nearly all zones change their clocks between one and four.
        if (hour >= 1 && hour <= 3)
          yield { at, what: `it runs at ${hour} o'clock, and \`policies.timeZone\` is unknown` };
        continue;
      }
      const hours = (count: number) => count * 3_600_000;
      for (const change of clockChanges(timeZone, now)) {
        // The same two days a week before have as many runs as there should be.
        const count = (from: number) =>
          runs(schedule, timeZone, new Date(from - hours(24)), new Date(from + hours(24))).length;
        const [there, usual] = [count(change.getTime()), count(change.getTime() - hours(7 * 24))];
        const day = change.toISOString().slice(0, 10);
        if (there !== usual)
          yield { at, what: `when the clocks change on ${day}, it runs ${there} times instead of ${usual}` };
      }
    }
  },
};
