import semver from "semver";

import { type Notation, Refusal } from "./notation.ts";

/**
 * Versions that no site should have, and why. Harbor mends its three newest minor versions; the chart's is the
 * application's and four: https://github.com/goharbor/harbor/blob/main/RELEASES.md.
 */
const SKIPPED: readonly { range: string; why: string }[] = [
  { range: "1.19.3", why: "has a regression that 1.19.4 takes back" },
  { range: "<1.17.0", why: "is out of support: it gets no security fixes any more" },
];

/** A version of goharbor/harbor-helm. */
export const harborChart: Notation<string> = {
  what: "a version of Harbor's chart",
  examples: ["1.19.4"],
  pattern: String.raw`\d+\.\d+\.\d+`,
  read: (text) => {
    if (!/^\d+\.\d+\.\d+$/.test(text) || semver.valid(text) !== text) {
      throw new Refusal("is not a version of Harbor's chart; write it like `1.19.4`");
    }
    const skipped = SKIPPED.find(({ range }) => semver.satisfies(text, range));
    if (skipped !== undefined) throw new Refusal(`${skipped.why}; take \`1.19.4\``);
    return text;
  },
};
