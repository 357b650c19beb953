import { Cron } from "croner";

import { type Notation, Refusal } from "./notation.ts";

/** A cron expression of five fields, as a Kubernetes CronJob takes it. */
export const cronSchedule: Notation<string> = {
  what: "a cron expression of five fields",
  examples: ["0 2 * * *"],
  pattern: String.raw`\S+( +\S+){4}`,
  read: (text) => {
    const fields = text.split(/ +/);
    // croner knows more than Kubernetes does: words like @daily, L and #, and Sunday as 7.
    if (fields.length !== 5 || !fields.every((field) => /^([\d*/,-]|[A-Za-z]{3})+$/.test(field)))
      throw new Refusal(howTo);
    if (/(^|[,-])7/.test(fields[4] ?? ""))
      throw new Refusal("has a weekday 7, which Kubernetes does not know; Sunday is 0");
    if (nextRun(text, "5-part", howTo) === null) throw new Refusal("never comes due");
    return text;
  },
};

const howTo = "is not a cron expression of five fields; write minute, hour, day, month, weekday like `0 2 * * *`";

/** A cron expression of six fields, as Harbor takes it: seconds come first, and the time is UTC. */
export const harborSchedule: Notation<string> = {
  what: "a cron expression of six fields",
  examples: ["0 0 3 * * 0"],
  pattern: String.raw`0( +\S+){5}`,
  read: (text) => {
    const fields = text.split(/ +/);
    if (fields.length !== 6 || !fields.every((field) => /^[\d*/,-]+$/.test(field))) throw new Refusal(howToInHarbor);
    // ValidateCronString in src/common/utils/utils.go of Harbor 2.15.2.
    if (fields[0] !== "0")
      throw new Refusal("does not begin with `0`, the second of the minute: Harbor takes no other");
    if (nextRun(text, "6-part", howToInHarbor) === null) throw new Refusal("never comes due");
    return fields.join(" ");
  },
};

const howToInHarbor =
  "is not a cron expression of six fields; write second, minute, hour, day, month, weekday like `0 0 3 * * 0`";

function nextRun(text: string, mode: "5-part" | "6-part", refusal: string): Date | null {
  try {
    return new Cron(text, { paused: true, mode }).nextRun();
  } catch {
    throw new Refusal(refusal);
  }
}
