import { shown } from "../../support/pods.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A missed run is caught up with or given up, and does not stop the ones after it. */
export const cronJobHasDeadline: AnyRule = {
  name: "cron-job-has-deadline",
  audience: "any",
  level: "mandatory",
  reason: "without it a CronJob that missed a hundred runs never starts again; below 10 s it may never start at all.",
  source: "kube-score cronjob-has-deadline, Datree, Kubernetes: CronJob limitations",
  fix: "write `startingDeadlineSeconds`, 10 at least.",
  example: {
    refused: "spec: { schedule: 0 2 * * * }",
    accepted: "spec: { schedule: 0 2 * * *, startingDeadlineSeconds: 3600 }",
  },
  *check(resource) {
    if (!isKind(resource, "CronJob") || kindOf(resource)?.patch === true) return;
    const deadline = resource.inputs.at("spec", "startingDeadlineSeconds");
    if ((deadline.number() ?? 0) < 10) yield { what: shown(deadline) };
  },
};
