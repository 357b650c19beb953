import parse from "parse-duration";

import { type Notation, Refusal } from "./notation.ts";

/** A span of time. `text` is as written, `7 days`. */
export interface Duration {
  readonly seconds: number;
  readonly text: string;
}

// Months and years have no fixed length, and `m` has been read as minutes and as months.
const units = "seconds?|sec|s|minutes?|min|hours?|h|days?|d|weeks?|w";
const written = new RegExp(String.raw`^\d+(\.\d+)? ?(${units})$`);

/** A time span above zero with one unit, seconds to weeks: `10 s`, `5 min`, `7 days`. */
export const duration: Notation<Duration> = {
  what: "a duration",
  examples: ["7 days", "10 s"],
  pattern: String.raw`\d+(\.\d+)? ?(${units})`,
  read: (text) => {
    const milliseconds = written.test(text) ? parse(text) : undefined;
    if (milliseconds === undefined) throw new Refusal(hint(text));
    if (milliseconds === null || milliseconds <= 0) throw new Refusal("must be more than zero");
    const seconds = milliseconds / 1000;
    if (!Number.isSafeInteger(seconds)) throw new Refusal("must be whole seconds");
    return { seconds, text };
  },
};

function hint(text: string): string {
  if (/^\d+(\.\d+)?$/.test(text)) return `has no unit; write it like \`${text} s\` or \`${text} days\``;
  if (/\d ?m$/.test(text)) return `can be minutes or months; write \`${text.replace(/ ?m$/, " min")}\``;
  if (/mo|month|year|y$/.test(text)) return "has no fixed length; write it in days or weeks, like `30 days`";
  return "is not a duration; write a number and one unit from seconds to weeks, like `7 days` or `10 s`";
}
