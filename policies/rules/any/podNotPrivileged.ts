import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No container is privileged. */
export const podNotPrivileged: AnyRule = {
  name: "pod-not-privileged",
  audience: "any",
  level: "mandatory",
  reason: "a privileged container is root on the machine itself.",
  source: "Pod Security Standards baseline, kube-linter, Trivy KSV-0017, CIS 5.2.2",
  fix: "leave `privileged` out and add the one capability that is needed, or do the work outside of a pod.",
  example: {
    refused: "securityContext: { privileged: true }",
    accepted: "securityContext: { privileged: false }, or nothing",
  },
  *check(resource) {
    for (const { field, title } of eachContainer(resource)) {
      const privileged = field.at("securityContext", "privileged");
      if (privileged.flag() === true) yield { what: `${title}: ${shown(privileged)}` };
    }
  },
};
