import { Cron } from "croner";
import { Undecided } from "./field.ts";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/**
 * When a cron expression comes due, between two times.
 *
 * As Kubernetes does it: what falls into the hour that a change of clocks leaves out is left out, what falls into the one that it
 * repeats runs twice.
 * @param zone IANA name of the time zone.
 * @throws Undecided for no cron expression.
 */
export function runs(schedule: string, zone: string, from: Date, to: Date): Date[] {
  const due: Date[] = [];
  let cron: Cron;
  try {
    cron = new Cron(schedule, { timezone: zone, mode: "5-part", paused: true });
  } catch {
    throw new Undecided("schedule", `is no cron expression: ${JSON.stringify(schedule)}`);
  }
  for (let at = cron.nextRun(new Date(from.getTime() - 1)); at !== null && at < to; at = cron.nextRun(at)) {
    if (cron.match(at)) due.push(at);
    const again = new Date(at.getTime() + HOUR);
    if (wall(again, zone) === wall(at, zone) && due.at(-1)?.getTime() !== again.getTime()) due.push(again);
  }
  return due;
}

/** Times at which the clocks of a zone change, within the year that begins at `from`; to the minute. */
export function clockChanges(zone: string, from: Date): Date[] {
  const changes: Date[] = [];
  for (let day = from.getTime(); day < from.getTime() + 366 * DAY; day += DAY) {
    let [before, after] = [day, day + DAY];
    if (offset(before, zone) === offset(after, zone)) continue;
    while (after - before > MINUTE) {
      const middle = before + Math.floor((after - before) / 2);
      if (offset(middle, zone) === offset(day, zone)) before = middle;
      else after = middle;
    }
    changes.push(new Date(after - (after % MINUTE)));
  }
  return changes;
}

/** Times around which schedules are looked at: now, and each change of clocks of the next year. Each is 35 days wide. */
export function periods(zone: string, now: Date): { from: Date; to: Date }[] {
  const begin = new Date(now.getTime() - (now.getTime() % DAY));
  const before = (change: Date) => new Date(change.getTime() - 17 * DAY);
  return [begin, ...clockChanges(zone, begin).map(before)].map((from) => ({
    from,
    to: new Date(from.getTime() + 35 * DAY),
  }));
}

/** Hours and minutes that a clock on the wall shows. */
export function wall(at: Date, zone: string): string {
  return formatter(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** The day that a calendar on the wall shows, `2027-03-28`. */
export function day(at: Date, zone: string): string {
  return formatter(zone, { year: "numeric", month: "2-digit", day: "2-digit" })
    .format(at)
    .split("/")
    .reverse()
    .join("-");
}

function offset(at: number, zone: string): string {
  const parts = formatter(zone, { timeZoneName: "longOffset" }).formatToParts(at);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making one takes longer than a hundred uses of it. */
function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([zone, options]);
  const kept = formatters.get(key) ?? new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  formatters.set(key, kept);
  return kept;
}
