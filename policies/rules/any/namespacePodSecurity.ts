import { shown } from "../../support/pods.ts";
import { isKind, kindOf, namespaceOf, type Resource } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A namespace enforces a level of the Pod Security Standards, of a fixed version. */
export const namespacePodSecurity: AnyRule = {
  name: "namespace-pod-security",
  audience: "any",
  level: "mandatory",
  reason: "without the label a namespace enforces nothing, and `latest` enforces something else after an upgrade.",
  source: "Kyverno, K3s hardening guide, Kubernetes: Pod Security Admission; for MetalLB its own documentation",
  fix: "write the labels pod-security.kubernetes.io/enforce, baseline or restricted (privileged for the chart of MetalLB alone, with warn and audit restricted), and enforce-version, a minor version.",
  example: {
    refused: "labels: {}",
    accepted: "labels: { pod-security.kubernetes.io/enforce: baseline, .../enforce-version: v1.33 }",
  },
  *checkStack(stack) {
    for (const at of stack) {
      if (!isKind(at, "Namespace") || kindOf(at)?.patch === true) continue;
      const labels = at.inputs.at("metadata", "labels");
      const level = labels.at("pod-security.kubernetes.io/enforce");
      const mayBe = ["baseline", "restricted", ...(isForMetalLb(at, stack) ? ["privileged"] : [])];
      if (!mayBe.includes(level.text() ?? "")) yield { at, what: shown(level) };
      const version = labels.at("pod-security.kubernetes.io/enforce-version");
      if (!/^v1\.\d+$/.test(version.text() ?? "")) yield { at, what: shown(version) };
    }
  },
};

/** Its speaker answers ARP in the network of the host. Nothing else of the stack is in that namespace but its chart. */
function isForMetalLb(namespace: Resource, stack: readonly Resource[]): boolean {
  const { inputs } = namespace;
  const name = inputs.at("metadata", "name").text();
  const labels = inputs.at("metadata", "labels");
  const reported = ["warn", "audit"].every(
    (mode) => labels.at(`pod-security.kubernetes.io/${mode}`).text() === "restricted",
  );
  const inside = stack.filter(
    (each) => kindOf(each) !== undefined && !isKind(each, "Namespace") && namespaceOf(each) === name,
  );
  const charts = inside.filter((each) => isKind(each, "HelmChart"));
  return (
    reported &&
    charts.length === 1 &&
    charts.every(({ inputs: chart }) => chart.at("spec", "chart").text() === "metallb") &&
    inside.every((each) => isKind(each, ...BESIDE))
  );
}

/** What has no pods of its own. */
const BESIDE = ["HelmChart", "ConfigMap", "NetworkPolicy", "IPAddressPool", "L2Advertisement"];
