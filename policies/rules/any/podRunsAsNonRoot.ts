import { eachContainer, security, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No container runs as root. */
export const podRunsAsNonRoot: AnyRule = {
  name: "pod-runs-as-non-root",
  audience: "any",
  level: "mandatory",
  reason: "root in a container is root on the machine as soon as one hole is found.",
  source: "Pod Security Standards restricted, kube-linter, Trivy KSV-0012 and KSV-0105, CIS 5.2.7",
  fix: "write `runAsNonRoot: true` and a `runAsUser` other than 0, for the pod or for each container.",
  example: {
    refused: "securityContext: { runAsUser: 0 }",
    accepted: "securityContext: { runAsNonRoot: true, runAsUser: 10001 }",
  },
  *check(resource) {
    for (const container of eachContainer(resource)) {
      const nonRoot = security(container, "runAsNonRoot");
      if (nonRoot.flag() !== true && !(container.pods.patch && nonRoot.isAbsent)) {
        yield { what: `${container.title}: ${shown(nonRoot)}` };
      }
      const user = security(container, "runAsUser");
      if (user.number() === 0) yield { what: `${container.title}: ${shown(user)}` };
    }
  },
};
