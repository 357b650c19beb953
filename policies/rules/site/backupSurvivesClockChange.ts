import { isKnown } from "../../../components/settings/schema/build.ts";
import { backupRuns } from "../../support/site/backups.ts";
import { clockChanges, day, runs } from "../../support/schedule.ts";
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
      for (const change of clockChanges(timeZone, now)) {
        const [there, usual] = [runsOn(schedule, timeZone, change), runsOn(schedule, timeZone, weekBefore(change))];
        const what = `when the clocks change on ${day(change, timeZone)}, it runs ${there} times instead of ${usual}`;
        if (there !== usual) yield { at, what };
      }
    }
  },
};

const HOUR = 3_600_000;

function weekBefore(at: Date): Date {
  return new Date(at.getTime() - 7 * 24 * HOUR);
}

/** How often a schedule comes due on the day that a time falls on. */
function runsOn(schedule: string, zone: string, at: Date): number {
  const around = [-48, 48].map((hours) => new Date(at.getTime() + hours * HOUR)) as [Date, Date];
  return runs(schedule, zone, ...around).filter((run) => day(run, zone) === day(at, zone)).length;
}
