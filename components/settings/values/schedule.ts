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
    if (nextRun(text) === null) throw new Refusal("never comes due");
    return text;
  },
};

const howTo = "is not a cron expression of five fields; write minute, hour, day, month, weekday like `0 2 * * *`";

function nextRun(text: string): Date | null {
  try {
    return new Cron(text, { paused: true, mode: "5-part" }).nextRun();
  } catch {
    throw new Refusal(howTo);
  }
}
