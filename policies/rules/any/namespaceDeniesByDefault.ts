import { selectsAll } from "../../support/labels.ts";
import { isKind, kindOf, namespaceOf, type Resource } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A namespace is closed, but for what its policies open. */
export const namespaceDeniesByDefault: AnyRule = {
  name: "namespace-denies-by-default",
  audience: "any",
  level: "advisory",
  reason: "a pod that no policy selects may reach, and be reached by, everything.",
  source: "kube-linter non-isolated-pod, kubescape C-0054, CIS 5.3.2",
  fix: "declare a NetworkPolicy with an empty podSelector, both policyTypes and no rules.",
  example: {
    refused: "a Namespace alone",
    accepted: "a Namespace and a NetworkPolicy { podSelector: {}, policyTypes: [Ingress, Egress] }",
  },
  *checkStack(stack) {
    const closed = new Set(stack.filter(deniesAll).map(namespaceOf));
    for (const at of stack) {
      if (!isKind(at, "Namespace") || kindOf(at)?.patch === true) continue;
      const name = at.inputs.at("metadata", "name").text() ?? "";
      if (!closed.has(name)) yield { at, what: "no NetworkPolicy closes it by default" };
    }
  },
};

function deniesAll(resource: Resource): boolean {
  if (!isKind(resource, "NetworkPolicy")) return false;
  const spec = resource.inputs.at("spec");
  const types = spec
    .at("policyTypes")
    .list()
    .map((type) => type.text());
  const rules = [...spec.at("ingress").list(), ...spec.at("egress").list()];
  return (
    selectsAll(spec.at("podSelector")) && types.includes("Ingress") && types.includes("Egress") && rules.length === 0
  );
}
