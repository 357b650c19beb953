import { shown } from "../../support/pods.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** One run of a CronJob at a time. */
export const cronJobNoOverlap: AnyRule = {
  name: "cron-job-no-overlap",
  audience: "any",
  level: "mandatory",
  reason: "two runs at once work on the same data, and one that hangs is joined by another each time.",
  source: "our own: no public linter has it",
  fix: "write `concurrencyPolicy: Forbid`.",
  example: { refused: "spec: { concurrencyPolicy: Allow }", accepted: "spec: { concurrencyPolicy: Forbid }" },
  *check(resource) {
    if (!isKind(resource, "CronJob")) return;
    const policy = resource.inputs.at("spec", "concurrencyPolicy");
    if (policy.text() === "Forbid" || (kindOf(resource)?.patch === true && policy.isAbsent)) return;
    yield { what: shown(policy) };
  },
};
