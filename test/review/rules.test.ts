import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDigest } from "../../review/digest.ts";
import { changesOf } from "../../review/plan.ts";
import { judge, RULES } from "../../review/rules/index.ts";
import { longestGap } from "../../review/rules/rpoWorsened.ts";
import { BAD_CHANGES, GOOD_CHANGES, HIDDEN_CHANGES } from "./changes/index.ts";
import { factsOf, findingsOf, planOf, UNKNOWN } from "./plans.ts";

test.each(BAD_CHANGES)("refused: $name", ({ rules, steps, more }) => {
  const findings = findingsOf(steps, more);
  expect([...new Set(findings.map(({ rule }) => rule))].sort()).toEqual([...rules].sort());
  for (const { why, wayOut, resource } of findings) {
    expect([why, wayOut, resource].every((text) => text.length > 3)).toBe(true);
  }
});

test.each(GOOD_CHANGES)("accepted: $name", ({ steps, more }) => {
  expect(findingsOf(steps, more)).toEqual([]);
});

test("what is found in each change is about the right field, and can be approved or not, as it was read once", async () => {
  const pages = BAD_CHANGES.map(({ name, steps, more }) => {
    const lines = findingsOf(steps, more).map((found) => `  ${found.rule}: ${factsOf(found)}`);
    return [name, ...lines].join("\n");
  });
  await expect(`${pages.join("\n")}\n`).toMatchFileSnapshot("__snapshots__/findings.txt");
});

test("no two changes have the same name", () => {
  const names = [...BAD_CHANGES, ...GOOD_CHANGES].map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("every rule refuses something in the corpus, and says why it is there", () => {
  const named = new Set(BAD_CHANGES.flatMap(({ rules }) => rules));
  expect(RULES.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
  for (const { reason, refuses, source, example } of RULES) {
    expect([reason, refuses, source].every((text) => text.length > 20)).toBe(true);
    expect([example.refused, example.accepted].every((text) => text.length > 10)).toBe(true);
  }
});

describe("what cannot be seen is refused, and never passed over", () => {
  test.each(HIDDEN_CHANGES.flatMap((each) => [["[secret]", each] as const, [UNKNOWN, each] as const]))(
    "%s: $name",
    (value, { steps, rule }) => {
      const found = findingsOf(steps(value)).filter((finding) => finding.rule === rule);
      expect(found.map(({ undecided }) => undecided)).toContain(true);
      expect(JSON.stringify(found)).not.toContain(UNKNOWN);
    },
  );
});

test.each([
  ["0 2 * * *", 24],
  ["0 2,14 * * *", 12],
  ["0 4 * * 0", 168],
  ["0 0 1 * *", 31 * 24],
  ["*/15 * * * *", 0.25],
  ["* 1-8 * * *", 16 + 1 / 60],
])("%s comes every %d h at most", (schedule, hours) => {
  expect(longestGap(schedule)).toBe(hours * 3_600_000);
});

test("what is no schedule, or is due once, has no gap", () => {
  expect(longestGap("nonsense")).toBeUndefined();
  expect(longestGap("0 0 30 2 *")).toBeUndefined();
});

describe("plans that the engine has printed", () => {
  const rulesOfFile = (name: string): string[] => {
    const text = readFileSync(join(import.meta.dirname, `fixtures/${name}.json`), "utf8");
    const changes = changesOf(parseDigest(text, "v3.250.0"));
    return [...new Set(judge({ ...planOf([]), changes }).map(({ rule }) => rule))];
  };

  test.each([
    ["firstUp", []],
    ["volumeGrowsDockerWeakened", ["daemon-json"]],
    ["replacedAfterRefresh", ["rollback-after-replace"]],
    ["destroyAfterRefresh", []],
  ])("%s", (name, rules) => {
    expect(rulesOfFile(name)).toEqual(rules);
  });
});
