import { matches } from "./exemptions.ts";
import { Undecided } from "../field.ts";
import { title, type Resource } from "../resource.ts";
import type { Finding } from "../rule.ts";
import type { Facts, Rule } from "./rule.ts";

export type Exemption = Facts["site"]["policies"]["exemptions"][number];

/** What a rule has to say of a resource, ready for people. */
export interface Verdict {
  readonly rule: Rule;
  /** What was found, without the resource. */
  readonly what: string;
  /** URN; undefined where it is about the stack as a whole. */
  readonly urn: string | undefined;
  readonly message: string;
  /** `refused`: a violation. `pending`: decided in up. `exempt`: a violation that the site file lets pass. */
  readonly kind: "refused" | "pending" | "exempt";
  readonly exemption?: Exemption;
}

/** What one rule says of one resource; nothing, when it has no objection. Pure: the pack and a gate call it alike. */
export function judge(rule: Rule, resource: Resource, facts: Facts): Verdict[] {
  return "check" in rule ? verdicts(rule, () => rule.check(resource, facts), resource, facts) : [];
}

/** What one rule says of a whole stack. */
export function judgeStack(rule: Rule, stack: readonly Resource[], facts: Facts): Verdict[] {
  return "checkStack" in rule ? verdicts(rule, () => rule.checkStack(stack, facts), undefined, facts) : [];
}

function verdicts(rule: Rule, check: () => Iterable<Finding>, resource: Resource | undefined, facts: Facts): Verdict[] {
  return [...findings(check)].map(({ what, at = resource, pending }) => {
    const message = `${at === undefined ? "" : `${title(at)}: `}${what}. Why: ${rule.reason} Fix: ${rule.fix}`;
    const verdict = { rule, what, urn: at?.urn, message };
    const exemption = pending === true ? undefined : exemptionOf(rule, at, facts);
    if (exemption !== undefined) return { ...verdict, kind: "exempt", exemption };
    return { ...verdict, kind: pending === true ? "pending" : "refused" };
  });
}

/** What is pending, each thing once, with the resources and the rules that wait for it. */
export function describePending(verdicts: readonly Verdict[]): string[] {
  const pending = verdicts.filter(({ kind }) => kind === "pending");
  return [...new Set(pending.map(({ what }) => what))].map((what) => {
    const same = pending.filter((verdict) => verdict.what === what);
    const names = new Set(same.map(({ urn }) => urn?.split("::").at(-1) ?? "the stack"));
    const rules = new Set(same.map(({ rule }) => rule.name));
    return `${what}: ${[...names].join(", ")} (${[...rules].join(", ")})`;
  });
}

/** What the check yields; what it cannot decide is a finding as well. */
function* findings(check: () => Iterable<Finding>): Iterable<Finding> {
  try {
    yield* check();
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    yield { what: `cannot be decided, which counts as refused: ${error.message}` };
  }
}

function exemptionOf(rule: Rule, resource: Resource | undefined, { site, now }: Facts): Exemption | undefined {
  return resource === undefined
    ? undefined
    : site.policies.exemptions.find((each) => each.rule === rule.name && matches(each, resource, now));
}
