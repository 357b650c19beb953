import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A disruption budget lets a pod go. */
export const disruptionBudgetLetsGo: AnyRule = {
  name: "disruption-budget-lets-go",
  audience: "any",
  level: "mandatory",
  reason: "a drain of the only node, before an upgrade, waits for ever.",
  source: "kube-linter pdb-max-unavailable and pdb-min-available, kube-score; on one node: our own",
  fix: "write `maxUnavailable: 1`, and `unhealthyPodEvictionPolicy: AlwaysAllow`.",
  example: { refused: "spec: { minAvailable: 1 }", accepted: "spec: { maxUnavailable: 1 }" },
  *check(resource) {
    if (!isKind(resource, "PodDisruptionBudget")) return;
    const [least, most] = [resource.inputs.at("spec", "minAvailable"), resource.inputs.at("spec", "maxUnavailable")];
    if (!least.isAbsent && !["0", "0%"].includes(String(least.value))) yield { what: shown(least) };
    if (["0", "0%"].includes(String(most.value))) yield { what: shown(most) };
  },
};
