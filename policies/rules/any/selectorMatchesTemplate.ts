import { selects, selectsAll } from "../../support/labels.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A controller finds its own pods. */
export const selectorMatchesTemplate: AnyRule = {
  name: "selector-matches-template",
  audience: "any",
  level: "mandatory",
  reason: "the controller does not find its own pods; Kubernetes refuses it, but only after other things were changed.",
  source: "kube-linter mismatching-selector, kube-score",
  fix: "write the labels of the template so that the selector takes them.",
  example: {
    refused: "selector: { matchLabels: { app: a } }, template labels: { app: b }",
    accepted: "selector: { matchLabels: { app: a } }, template labels: { app: a }",
  },
  *check(resource) {
    if (!isKind(resource, "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet") || kindOf(resource)?.patch === true)
      return;
    const selector = resource.inputs.at("spec", "selector");
    const labels = resource.inputs.at("spec", "template", "metadata", "labels").texts();
    if (selectsAll(selector)) yield { what: `${selector.path} is empty` };
    else if (!selects(selector, labels))
      yield { what: `${selector.path} does not take the labels of its own template` };
    if (isKind(resource, "StatefulSet") && (resource.inputs.at("spec", "serviceName").text() ?? "") === "") {
      yield { what: "spec.serviceName is not set" };
    }
  },
};
