import { shown } from "../../support/pods.ts";
import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A namespace enforces a level of the Pod Security Standards, of a fixed version. */
export const namespacePodSecurity: AnyRule = {
  name: "namespace-pod-security",
  audience: "any",
  level: "mandatory",
  reason: "without the label a namespace enforces nothing, and `latest` enforces something else after an upgrade.",
  source: "Kyverno, K3s hardening guide, Kubernetes: Pod Security Admission",
  fix: "write the labels pod-security.kubernetes.io/enforce, baseline or restricted, and enforce-version, a minor version.",
  example: {
    refused: "labels: {}",
    accepted: "labels: { pod-security.kubernetes.io/enforce: baseline, .../enforce-version: v1.33 }",
  },
  *check(resource) {
    if (!isKind(resource, "Namespace") || kindOf(resource)?.patch === true) return;
    const labels = resource.inputs.at("metadata", "labels");
    const level = labels.at("pod-security.kubernetes.io/enforce");
    if (!["baseline", "restricted"].includes(level.text() ?? "")) yield { what: shown(level) };
    const version = labels.at("pod-security.kubernetes.io/enforce-version");
    if (!/^v1\.\d+$/.test(version.text() ?? "")) yield { what: shown(version) };
  },
};
