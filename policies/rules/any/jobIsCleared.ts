import { shown } from "../../support/pods.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Jobs that are over go away. */
export const jobIsCleared: AnyRule = {
  name: "job-is-cleared",
  audience: "any",
  level: "advisory",
  reason: "pods of jobs that are over stay until somebody clears them away.",
  source: "kube-linter job-ttl-seconds-after-finished, Kubernetes: TTL after finished",
  fix: "write `ttlSecondsAfterFinished` for a Job, and the two history limits for a CronJob.",
  example: {
    refused: "kind: Job without ttlSecondsAfterFinished",
    accepted: "successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 3",
  },
  *check(resource) {
    if (kindOf(resource)?.patch === true) return;
    const limits = isKind(resource, "Job")
      ? ["ttlSecondsAfterFinished"]
      : isKind(resource, "CronJob")
        ? ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"]
        : [];
    for (const limit of limits.map((key) => resource.inputs.at("spec", key))) {
      if (limit.number() === undefined) yield { what: shown(limit) };
    }
  },
};
