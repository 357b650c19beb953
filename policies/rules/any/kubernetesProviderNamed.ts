import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** The cluster has a name of its own. */
export const kubernetesProviderNamed: AnyRule = {
  name: "kubernetes-provider-named",
  audience: "any",
  level: "mandatory",
  reason: "without it a renewed kubeconfig counts as another cluster, and every object is replaced.",
  source: "pulumi-kubernetes: clusterIdentifier",
  fix: "write a constant `clusterIdentifier`.",
  example: {
    refused: "new kubernetes.Provider(name, { kubeconfig })",
    accepted: "new kubernetes.Provider(name, { kubeconfig, clusterIdentifier: 'edge' })",
  },
  *check(resource) {
    if (resource.type !== "pulumi:providers:kubernetes") return;
    const identifier = resource.inputs.at("clusterIdentifier");
    if ((identifier.text() ?? "") === "") yield { what: shown(identifier) };
  },
};
