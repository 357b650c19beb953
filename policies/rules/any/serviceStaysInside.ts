import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Services are for the cluster. */
export const serviceStaysInside: AnyRule = {
  name: "service-stays-inside",
  audience: "any",
  level: "advisory",
  reason: "it can be reached from the local network, and NodePorts on every address of the machine.",
  source: "kube-linter exposed-services, Pulumi's Kubernetes pack",
  fix: "use a ClusterIP Service behind the ingress.",
  example: { refused: "spec: { type: NodePort }", accepted: "spec: { type: ClusterIP }" },
  *check(resource) {
    if (!isKind(resource, "Service")) return;
    const type = resource.inputs.at("spec", "type");
    if (["NodePort", "LoadBalancer"].includes(type.text() ?? "ClusterIP")) yield { what: shown(type) };
  },
};
