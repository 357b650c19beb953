import { isKind } from "../../support/resource.ts";
import { namespaceOf } from "../../support/resource.ts";
import { podsOf } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Beside everything with pods. */
const KINDS = ["Service", "Ingress", "ConfigMap", "Secret", "PersistentVolumeClaim", "HelmChart"];

/** Nothing that runs, serves or is kept is in the default namespace. */
export const objectHasNamespace: AnyRule = {
  name: "object-has-namespace",
  audience: "any",
  level: "mandatory",
  reason: "what stands in `default` meets no quota, no Pod Security level and no network policy.",
  source: "kube-linter use-namespace, Trivy KSV-0110, CIS 5.6.4",
  fix: "write the namespace that it belongs to.",
  example: { refused: "metadata: { name: api }", accepted: "metadata: { name: api, namespace: twisterlab }" },
  *check(resource) {
    if (podsOf(resource).length === 0 && !isKind(resource, ...KINDS)) return;
    if (namespaceOf(resource) === "default") yield { what: "it is in the namespace `default`" };
  },
};
