import type { AnyRule } from "../../support/rule.ts";

/** No helm Release: what it makes cannot be looked at. */
export const helmReleaseIsOpaque: AnyRule = {
  name: "helm-release-is-opaque",
  audience: "any",
  level: "mandatory",
  reason: "Pulumi sees one resource and none of what the chart makes: no other rule can look at it.",
  source: "pulumi-kubernetes: the manifest of a Release is no output",
  fix: "use a HelmChart object, or render the chart into resources (helm.v4.Chart).",
  example: { refused: "new kubernetes.helm.v3.Release(...)", accepted: "new kubernetes.helm.v4.Chart(...)" },
  *check(resource) {
    if (resource.type === "kubernetes:helm.sh/v3:Release") yield { what: "nobody can see what it makes" };
  },
};
