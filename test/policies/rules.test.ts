import { describe, expect, test } from "vitest";
import { RULE_NAMES } from "../../policies/catalogue.ts";
import { RULES } from "../../policies/rules/index.ts";
import { type Field, UNKNOWN } from "../../policies/support/field.ts";
import type { Facts } from "../../policies/support/site/rule.ts";
import { broken, verdictsOf } from "./judging.ts";
import { changed, NOW, siteOf, throughTheEngine, type Inputs, type Plain } from "./table.ts";
import { TABLES } from "./tables/index.ts";

const SITE = siteOf();

const TRIALS = RULES.flatMap((rule) => {
  const table = TABLES[rule.name];
  if (table === undefined) throw new Error(`${rule.name} has no table in test/policies/tables`);
  const { also } = table;
  return [
    [rule.name, rule, table] as const,
    ...(also === undefined ? [] : [[`${rule.name}, once more`, rule, also] as const]),
  ];
});

describe.each(TRIALS)("%s", (_, rule, table) => {
  const facts: Facts = { site: table.site === undefined ? SITE : siteOf(table.site), now: NOW };
  const kinds = (stack: readonly Plain[], wrap?: (inputs: Inputs) => Field): string[] =>
    verdictsOf(rule, stack, facts, wrap).map(({ kind }) => kind);

  test("accepts its base", () => {
    expect(kinds(table.base())).toEqual([]);
    expect(kinds(table.base(), throughTheEngine)).toEqual([]);
  });

  test.each(Object.entries(table.accepted ?? {}))("accepts: %s", (_what, change) => {
    expect(kinds(changed(table.base, change))).toEqual([]);
  });

  test.each(Object.entries(broken(table)))("refuses: %s", (_what, change) => {
    const stack = changed(table.base, change);
    expect(kinds(stack)).toContain("refused");
    // Every text a secret, and by the way that the engine hands them over.
    expect(kinds(stack, throughTheEngine)).toEqual(kinds(stack));
  });

  test.each((table.unknown ?? []).map((path) => [path]))("refuses what it cannot know: %s", (path) => {
    const stack = changed(table.base, [path, UNKNOWN]);
    expect(kinds(stack)).toContain("refused");
    expect(kinds(stack, throughTheEngine)).toEqual(kinds(stack));
  });

  test.each((table.pending ?? []).map((path) => [path]))("waits for up: %s", (path) => {
    const told = kinds(changed(table.base, [path, UNKNOWN]));
    expect(new Set(told)).toEqual(new Set(["pending"]));
  });

  test.each(Object.entries(table.waits ?? {}))("waits for up: %s", (_what, change) => {
    const told = kinds(changed(table.base, change));
    expect(new Set(told)).toEqual(new Set(["pending"]));
  });

  const someBreak = Object.values(broken(table))[0] ?? (() => undefined);
  test("an exemption lets pass what it names, until its end", () => {
    const stack = changed(table.base, someBreak);
    const refused = verdictsOf(rule, stack, facts);
    const names = refused.map(({ urn }) => urn?.split("::").at(-1) ?? "");
    const exempted = (resource: string, until: string): string[] => {
      const exemption = { rule: rule.name, resource, reason: "it is being mended", until };
      const policies = { ...facts.site.policies, exemptions: [exemption] };
      return verdictsOf(rule, stack, { ...facts, site: { ...facts.site, policies } }).map(({ kind }) => kind);
    };
    expect(exempted(names[0] ?? "", "2026-11-27")).toContain("exempt");
    expect(exempted("*", "2026-11-27")).toEqual(refused.map(({ kind }) => (kind === "refused" ? "exempt" : kind)));
    expect(exempted("*", "2026-11-26")).toEqual(refused.map(({ kind }) => kind));
    expect(exempted("another", "2027-01-01")).toEqual(refused.map(({ kind }) => kind));
  });

  test("says what, where, why and how to mend it", () => {
    const [first] = verdictsOf(rule, changed(table.base, someBreak), facts);
    expect(first?.message).toMatch(/^\S.*: \S.*\. Why: \S.*\. Fix: \S.*\.$/s);
    expect(first?.message).toContain(rule.reason);
    expect(first?.message).toContain(rule.fix);
  });
});

test("every rule has a name, a table and an example, and is listed", () => {
  const names = RULES.map(({ name }) => name).sort();
  expect(names).toEqual([...RULE_NAMES].sort());
  expect(Object.keys(TABLES).sort()).toEqual(names);
  for (const { reason, fix, source, example } of RULES) {
    expect(reason).toMatch(/\.$/);
    expect(fix).toMatch(/\.$/);
    expect(source.length).toBeGreaterThan(5);
    expect(example.refused).not.toBe(example.accepted);
  }
});

test("no rule is taken away, or made softer, by the way", () => {
  expect(RULES.map(({ name, audience, level }) => `${name} ${audience} ${level}`).sort()).toMatchSnapshot();
});
