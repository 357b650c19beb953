import { kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

const REMOVED = [
  /^extensions\//,
  /^apps\/v1beta/,
  /^(batch|networking\.k8s\.io|rbac\.authorization\.k8s\.io|policy|coordination\.k8s\.io|discovery\.k8s\.io|events\.k8s\.io|scheduling\.k8s\.io|storage\.k8s\.io|apiregistration\.k8s\.io|apiextensions\.k8s\.io|certificates\.k8s\.io|node\.k8s\.io|authentication\.k8s\.io\/v1beta1)\/?v1beta1$/,
  /^batch\/v2alpha1$/,
  /^autoscaling\/v2beta/,
  /^flowcontrol\.apiserver\.k8s\.io\/v1(alpha1|beta[123])$/,
];

/** Every object has a version that Kubernetes 1.33 serves. */
export const apiVersionServed: AnyRule = {
  name: "api-version-served",
  audience: "any",
  level: "mandatory",
  reason: "the API server of 1.33 does not know it, and what was made by it before an upgrade cannot be changed.",
  source: "kube-linter no-extensions-v1beta, Kubernetes: Deprecated API Migration Guide, to 1.32",
  fix: "use the version that the object's documentation names, v1 for most.",
  example: { refused: "apiVersion: batch/v1beta1, kind: CronJob", accepted: "apiVersion: batch/v1, kind: CronJob" },
  *check(resource) {
    const { apiVersion, kind } = kindOf(resource) ?? {};
    if (apiVersion !== undefined && REMOVED.some((each) => each.test(apiVersion))) {
      yield { what: `${apiVersion} ${kind ?? ""} is no longer served` };
    }
  },
};
