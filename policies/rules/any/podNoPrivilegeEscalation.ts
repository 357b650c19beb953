import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Every container says that it gains no rights. */
export const podNoPrivilegeEscalation: AnyRule = {
  name: "pod-no-privilege-escalation",
  audience: "any",
  level: "mandatory",
  reason: "a setuid program in the image would make root of whoever breaks into the container.",
  source: "Pod Security Standards restricted, kube-linter, Trivy KSV-0001, CIS 5.2.6",
  fix: "write `allowPrivilegeEscalation: false` for each container.",
  example: { refused: "securityContext: {}", accepted: "securityContext: { allowPrivilegeEscalation: false }" },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const escalation = field.at("securityContext", "allowPrivilegeEscalation");
      if (escalation.flag() === false || (pods.patch && escalation.isAbsent)) continue;
      yield { what: `${title}: ${shown(escalation)}` };
    }
  },
};
