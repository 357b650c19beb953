import { isKind } from "../../support/resource.ts";
import type { Field } from "../../support/field.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Roles give what is used, and nothing that leads to everything. */
export const rbacLeastPrivilege: AnyRule = {
  name: "rbac-least-privilege",
  audience: "any",
  level: "mandatory",
  reason: "whoever has it can take over the whole cluster, or read every secret in it.",
  source: "kube-linter, Trivy KSV-0041 to KSV-0056, Checkov CKV_K8S_49 and 155 to 158, CIS 5.1",
  fix: "name the verbs and resources that are used; for a secret, its name under `resourceNames`.",
  example: {
    refused: "rules: [{ apiGroups: [*], resources: [*], verbs: [*] }]",
    accepted: 'rules: [{ apiGroups: [""], resources: [pods], verbs: [get, list] }]',
  },
  *check(resource) {
    if (isKind(resource, "Role", "ClusterRole")) {
      for (const rule of resource.inputs.at("rules").list()) {
        for (const why of objections(rule)) yield { what: `${rule.path} ${why}` };
      }
    }
    if (isKind(resource, "RoleBinding", "ClusterRoleBinding")) {
      const role = resource.inputs.at("roleRef", "name").text();
      if (role === "cluster-admin" || role === "admin") yield { what: `it gives the role ${role}` };
    }
  },
};

const DANGEROUS_VERBS = ["escalate", "bind", "impersonate"];
const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete", "deletecollection"];
/** Verbs of a resource that are as good as being root. */
const DANGEROUS: Readonly<Record<string, readonly string[]>> = {
  secrets: [...READ, ...WRITE],
  "pods/exec": ["create", "get"],
  "pods/attach": ["create", "get"],
  "pods/ephemeralcontainers": ["update", "patch"],
  "nodes/proxy": [...READ, "create"],
  "serviceaccounts/token": ["create"],
  validatingwebhookconfigurations: WRITE,
  mutatingwebhookconfigurations: WRITE,
  persistentvolumes: ["create"],
};

function* objections(rule: Field): Iterable<string> {
  const texts = (key: string) =>
    rule
      .at(key)
      .list()
      .map((each) => each.text() ?? "");
  const [verbs, resources, names] = [texts("verbs"), texts("resources"), texts("resourceNames")];
  for (const key of ["verbs", "resources", "apiGroups"]) {
    if (texts(key).includes("*")) yield `has a wildcard in its ${key}`;
  }
  const verb = verbs.find((each) => DANGEROUS_VERBS.includes(each));
  if (verb !== undefined) yield `gives the verb ${verb}`;
  for (const name of resources) {
    // `list` and `watch` go past the names.
    const refused = verbs.filter(
      (each) => DANGEROUS[name]?.includes(each) === true && !(names.length > 0 && each === "get"),
    );
    if (refused.length > 0) yield `gives ${refused.join(", ")} on ${name}`;
  }
}
