import semver from "semver";

import { type Notation, Refusal } from "./notation.ts";

/** Versions that no site should have, and why. */
type Skipped = readonly { range: string; why: string }[];

/**
 * A version of goharbor/harbor-helm. Harbor mends its three newest minor versions; the chart's is the application's and four:
 * https://github.com/goharbor/harbor/blob/main/RELEASES.md.
 */
export const harborChart = chartVersion("Harbor", "1.19.4", [
  { range: "1.19.3", why: "has a regression that 1.19.4 takes back" },
  { range: "<1.17.0", why: "is out of support: it gets no security fixes any more" },
]);

/** A version of MetalLB's chart, which is the application's. From 0.16 on metrics are served over TLS by MetalLB itself. */
export const metalLbChart = chartVersion("MetalLB", "0.16.1", [
  { range: "<0.16.0", why: "is not mended any more: only the newest minor version is" },
]);

/** @param newest the version to take instead of one that is skipped. */
function chartVersion(name: string, newest: string, skipped: Skipped): Notation<string> {
  return {
    what: `a version of ${name}'s chart`,
    examples: [newest],
    pattern: String.raw`\d+\.\d+\.\d+`,
    read: (text) => {
      if (!/^\d+\.\d+\.\d+$/.test(text) || semver.valid(text) !== text) {
        throw new Refusal(`is not a version of ${name}'s chart; write it like \`${newest}\``);
      }
      const found = skipped.find(({ range }) => semver.satisfies(text, range));
      if (found !== undefined) throw new Refusal(`${found.why}; take \`${newest}\``);
      return text;
    },
  };
}
