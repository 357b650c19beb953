import { Cron } from "croner";
import { bothAt, type Change, isAltered, isDeleted, kindOf } from "../plan.ts";
import { worsened, fieldOf, finding, undecided, type Finding, type Rule } from "../rule.ts";
import { listAt } from "../values.ts";
import { isBackupJob } from "./statefulDestroy.ts";

/** Components that save data or prove that it can be had back, and what goes with them. */
const COMPONENTS: Readonly<Record<string, string>> = {
  "twisterlab:cluster:PostgresBackup": "PostgreSQL is not saved any more",
  "twisterlab:cluster:RedisBackup": "Redis is not saved any more",
  "twisterlab:cluster:RestoreDrill": "nobody tries any more whether its backups can be restored",
  "twisterlab:host:K3sBackup": "K3s' datastore and token are not saved any more",
  "twisterlab:host:BackupCopy": "the backups are not copied to another place any more",
  "twisterlab:host:BackupLog": "nobody is told of a backup that fails, or is late",
};

export const rpoWorsened: Rule = {
  name: "rpo-worsened",
  refuses: "a backup or a trial restore that goes, is suspended or comes less often; fewer databases; a later alarm",
  reason: "what was written since the last backup is what a failure costs, and this makes it more",
  source: "GitLab 2017: backups that had failed for long, and nobody was told; Kasten's RPO policy; research C19, C21",
  example: {
    refused: "the schedule of a backup goes from each night to each Sunday",
    accepted: "it goes from 02:00 to 03:00",
  },
  check: ({ changes }) => changes.flatMap((change) => [...removed(change), ...rarer(change), ...fewer(change)]),
};

function removed(change: Change): Finding[] {
  const lost = COMPONENTS[change.type];
  return lost === undefined || !isDeleted(change)
    ? []
    : [finding(change, { why: lost, wayOut: "leave it, or save the same data in another way first, and approve it" })];
}

function rarer(change: Change): Finding[] {
  const isJob = kindOf(change) === "CronJob" && isBackupJob(change);
  const isComponent = change.type in COMPONENTS;
  if ((!isJob && !isComponent) || !isAltered(change)) {
    return [];
  }
  const suspended = bothAt(change, "spec.suspend");
  const stopped: Finding[] =
    !isJob || suspended.new.is === "absent" || (suspended.new.is === "value" && suspended.new.value !== true)
      ? []
      : suspended.new.is === "hidden"
        ? [undecided(change, "spec.suspend", "the job still runs")]
        : suspended.old.is === "value" && suspended.old.value === true
          ? []
          : [
              finding(change, {
                ...fieldOf("spec.suspend", suspended),
                why: "the job does not run any more",
                wayOut: "leave it",
              }),
            ];
  // The schedule of a job in one of our components is that of the component.
  const path = isJob ? "spec.schedule" : "schedule";
  const schedule = bothAt(change, path);
  const inOurs = isJob && change.within.some((type) => type in COMPONENTS);
  if (inOurs || schedule.old.is === "absent" || isSame(schedule)) {
    return stopped;
  }
  const [before, after] = [schedule.old, schedule.new].map((reading) =>
    reading.is === "value" ? longestGap(String(reading.value)) : undefined,
  );
  if (before === undefined || after === undefined) {
    return [...stopped, undecided(change, path, "it comes as often as before")];
  }
  const why = `comes every ${hours(after)} and not every ${hours(before)}: so much more can be lost`;
  return after > before
    ? [...stopped, finding(change, { ...fieldOf(path, schedule), why, wayOut: "leave it as often as it was" })]
    : stopped;
}

function isSame({ old, new: next }: ReturnType<typeof bothAt>): boolean {
  return old.is === "value" && next.is === "value" && old.value === next.value;
}

/** The databases that are copied or watched, and after how long something that is missing is an error. */
function fewer(change: Change): Finding[] {
  if (!/^twisterlab:host:Backup(Log|Copy)$/.test(change.type) || !isAltered(change)) {
    return [];
  }
  const lists = ["kinds", "drilled"].flatMap((path): Finding[] => {
    const both = bothAt(change, path);
    if (both.old.is === "hidden" || both.new.is === "hidden") {
      return [undecided(change, path, "every backup is still looked after")];
    }
    const next = listAt(change.new?.inputs, path);
    const gone = listAt(change.old?.inputs, path).filter((kind) => !next.includes(kind));
    const why = `${gone.join(", ")}: nobody looks any more after that backup`;
    return gone.length === 0 ? [] : [finding(change, { ...fieldOf(path, both), why, wayOut: "leave it in the list" })];
  });
  const late = { worse: "a backup that is missing is told later", wayOut: "leave it", ceiling: true as const };
  return [
    ...lists,
    ...worsened(
      change,
      ["maxAge", "maxDrillAge", "maxCopyAge"].map((path) => ({ path, ...late })),
    ),
  ];
}

/** A moment from which schedules are looked at: any, but always the same. A year has every kind of week and month. */
const FROM = new Date("2026-01-01T00:00:00Z");
/** Runs that are looked at: as many as tell of weeks and months; of a schedule that comes often, more than a day has. */
const RUNS = { few: 60, many: 1500 };
const MONTH = 32 * 24 * 3_600_000;

/** Milliseconds between two runs at most; undefined of what is no schedule, or of one that is never due twice. */
export function longestGap(schedule: string): number | undefined {
  try {
    const cron = new Cron(schedule, { paused: true, mode: "5-part", timezone: "UTC" });
    const next = (count: number): number[] => cron.nextRuns(count, FROM).map((run) => run.getTime());
    const few = next(RUNS.few);
    const isOften = few.length === RUNS.few && (few.at(-1) ?? 0) - FROM.getTime() < MONTH;
    const times = isOften ? next(RUNS.many) : few;
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
    return gaps.length === 0 ? undefined : Math.max(...gaps);
  } catch {
    return undefined;
  }
}

function hours(milliseconds: number): string {
  return `${Number((milliseconds / 3_600_000).toFixed(1))} h`;
}
