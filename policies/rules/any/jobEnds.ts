import { shown } from "../../support/pods.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A job comes to an end, whatever becomes of it. */
export const jobEnds: AnyRule = {
  name: "job-ends",
  audience: "any",
  level: "mandatory",
  reason: "a job that hangs holds its lock, its memory and its turn for ever.",
  source:
    "kube-score cronjob-restartpolicy; activeDeadlineSeconds and backoffLimit: our own, no public linter has them",
  fix: "write `restartPolicy: Never`, `activeDeadlineSeconds` and `backoffLimit`.",
  example: {
    refused: "template: { spec: { restartPolicy: Always } }",
    accepted: "spec: { activeDeadlineSeconds: 7200, backoffLimit: 1 }, restartPolicy: Never",
  },
  *check(resource) {
    if (!isKind(resource, "Job", "CronJob") || kindOf(resource)?.patch === true) return;
    const { inputs } = resource;
    const spec = isKind(resource, "Job") ? inputs.at("spec") : inputs.at("spec", "jobTemplate", "spec");
    const restart = spec.at("template", "spec", "restartPolicy");
    if (!["Never", "OnFailure"].includes(restart.text() ?? "")) yield { what: shown(restart) };
    const deadline = spec.at("activeDeadlineSeconds");
    if ((deadline.number() ?? 0) < 1) yield { what: shown(deadline) };
    // The default is six tries, which is six times the deadline's work.
    const backoff = spec.at("backoffLimit");
    if (backoff.number() === undefined) yield { what: shown(backoff) };
  },
};
