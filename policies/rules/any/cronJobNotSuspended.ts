import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A CronJob that is declared runs. */
export const cronJobNotSuspended: AnyRule = {
  name: "cron-job-not-suspended",
  audience: "any",
  level: "mandatory",
  reason: "a backup that is suspended is not made, and nothing says so.",
  source: "our own: no public linter has it",
  fix: "take `suspend` out; to have no job, take the CronJob out.",
  example: { refused: "spec: { suspend: true }", accepted: "spec without suspend" },
  *check(resource) {
    if (!isKind(resource, "CronJob")) return;
    const suspend = resource.inputs.at("spec", "suspend");
    if (suspend.flag() === true) yield { what: shown(suspend) };
  },
};
