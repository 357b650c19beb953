import { describe, expect, test } from "vitest";
import { RULE_NAMES } from "../../policies/catalogue.ts";
import { RULES } from "../../policies/rules/index.ts";
import { type Field, UNKNOWN } from "../../policies/support/field.ts";
import { judge, judgeStack, type Verdict } from "../../policies/support/site/evaluate.ts";
import type { Facts, Rule } from "../../policies/support/site/rule.ts";
import {
  changed,
  NOW,
  put,
  siteOf,
  stackOf,
  throughTheEngine,
  type Change,
  type Inputs,
  type Plain,
  type Table,
} from "./table.ts";
import { TABLES } from "./tables/index.ts";

const SITE = siteOf();

describe.each(RULES.map((rule) => [rule.name, rule] as const))("%s", (name, rule) => {
  const table = TABLES[name];
  if (table === undefined) throw new Error(`${name} has no table in test/policies/tables`);
  const facts: Facts = { site: table.site === undefined ? SITE : siteOf(table.site), now: NOW };
  const kinds = (stack: readonly Plain[], wrap?: (inputs: Inputs) => Field): string[] =>
    verdictsOf(rule, stack, facts, wrap).map(({ kind }) => kind);

  test("accepts its base", () => {
    expect(kinds(table.base())).toEqual([]);
    expect(kinds(table.base(), throughTheEngine)).toEqual([]);
  });

  test.each(Object.entries(table.accepted ?? {}))("accepts: %s", (_, change) => {
    expect(kinds(changed(table.base, change))).toEqual([]);
  });

  test.each(Object.entries(broken(table)))("refuses: %s", (_, change) => {
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

  const someBreak = Object.values(broken(table))[0] ?? (() => undefined);
  test("an exemption lets pass what it names, until its end", () => {
    const stack = changed(table.base, someBreak);
    const refused = verdictsOf(rule, stack, facts);
    const names = refused.map(({ urn }) => urn?.split("::").at(-1) ?? "");
    const exempted = (resource: string, until: string): string[] => {
      const exemption = { rule: name, resource, reason: "it is being mended", until };
      const policies = { ...facts.site.policies, exemptions: [exemption] };
      return verdictsOf(rule, stack, { ...facts, site: { ...facts.site, policies } }).map(({ kind }) => kind);
    };
    expect(exempted(names[0] ?? "", "2026-11-27")).toContain("exempt");
    expect(exempted("*", "2026-11-27")).toEqual(refused.map(() => "exempt"));
    expect(exempted("*", "2026-11-26")).toEqual(refused.map(() => "refused"));
    expect(exempted("another", "2027-01-01")).toEqual(refused.map(() => "refused"));
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

/** What is refused, what is absent, and both in the other kinds of containers. */
function broken(table: Table): Record<string, Change> {
  const absent = (table.absent ?? []).map((path) => [`without ${path}`, [path, undefined]] as const);
  const all: Record<string, Change> = { ...table.refused, ...Object.fromEntries(absent) };
  if (table.pods === undefined) return all;
  const moved = Object.entries(all).flatMap(([what, change]) =>
    (["initContainers", "ephemeralContainers"] as const).flatMap((list) =>
      typeof change === "function" || !change[0].includes(".containers[0]")
        ? []
        : [
            [`${what}, in ${list}`, moveTo(list, change)] as const,
            ...(table.pods === true
              ? [[`${what}, in ${list} of a CronJob`, asCronJob(moveTo(list, change))] as const]
              : []),
          ],
    ),
  );
  return { ...all, ...Object.fromEntries(moved) };
}

/** The same change of a container beside a good one, in another list. */
function moveTo(list: string, [path, value]: Extract<Change, readonly unknown[]>): (stack: Plain[]) => void {
  return ([each]) => {
    if (each === undefined) return;
    const { spec } = (each.inputs as { spec: { template: { spec: Record<string, unknown[]> } } }).spec.template;
    spec[list] = structuredClone(spec["containers"] ?? []);
    put(each.inputs, path.replace(".containers[0]", `.${list}[0]`), value);
  };
}

function asCronJob(change: (stack: Plain[]) => void): (stack: Plain[]) => void {
  return (stack) => {
    change(stack);
    const [each] = stack;
    if (each === undefined) return;
    each.type = "kubernetes:batch/v1:CronJob";
    const { template } = each.inputs["spec"] as Inputs;
    each.inputs["spec"] = { jobTemplate: { spec: { template } } };
  };
}

function verdictsOf(rule: Rule, plain: readonly Plain[], facts: Facts, wrap?: (inputs: Inputs) => Field): Verdict[] {
  const stack = stackOf(plain, wrap);
  return [...stack.flatMap((resource) => judge(rule, resource, facts)), ...judgeStack(rule, stack, facts)];
}
