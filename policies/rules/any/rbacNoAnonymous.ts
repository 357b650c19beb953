import { isKind } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

const EVERYBODY = ["system:anonymous", "system:unauthenticated", "system:authenticated", "system:masters"];

/** No role is given to everybody. */
export const rbacNoAnonymous: AnyRule = {
  name: "rbac-no-anonymous",
  audience: "any",
  level: "mandatory",
  reason: "everybody who can reach the API server then has the role.",
  source: "Trivy KSV-0122, KSV-0123 and KSV-01011, kubescape",
  fix: "bind a service account or a user by name.",
  example: {
    refused: "subjects: [{ kind: Group, name: system:authenticated }]",
    accepted: "subjects: [{ kind: ServiceAccount, name: backup, namespace: twisterlab }]",
  },
  *check(resource) {
    if (!isKind(resource, "RoleBinding", "ClusterRoleBinding")) return;
    for (const subject of resource.inputs.at("subjects").list()) {
      const name = subject.at("name").text() ?? "";
      if (EVERYBODY.includes(name) || name.startsWith("system:serviceaccounts"))
        yield { what: `${subject.path} is ${name}` };
    }
  },
};
