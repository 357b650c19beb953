import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A chart whose upgrade fails stays as it is. */
export const helmChartAborts: AnyRule = {
  name: "helm-chart-aborts",
  audience: "any",
  level: "mandatory",
  reason: "the default, `reinstall`, uninstalls what failed to upgrade.",
  source: "helm-controller: HelmChart",
  fix: "write `failurePolicy: abort`.",
  example: { refused: "spec: { chart: harbor }", accepted: "spec: { chart: harbor, failurePolicy: abort }" },
  *check(resource) {
    if (!isKind(resource, "HelmChart", "HelmChartConfig")) return;
    const policy = resource.inputs.at("spec", "failurePolicy");
    if (policy.text() !== "abort") yield { what: shown(policy) };
  },
};
