import { eachContainer } from "../../support/pods.ts";
import { holdsSecret, namesSecret } from "../../support/secrets.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No environment variable has a secret in clear. */
export const podNoSecretInEnv: AnyRule = {
  name: "pod-no-secret-in-env",
  audience: "any",
  level: "mandatory",
  reason: "it is in the state, in every diff and in `kubectl describe`, readable for all who may look at pods.",
  source: "kube-linter env-var-secret, Checkov CKV_K8S_35, CIS 5.4.1",
  fix: "put it into a Secret and name that by `valueFrom.secretKeyRef`, or mount it.",
  example: {
    refused: "env: [{ name: PGPASSWORD, value: hunter2 }]",
    accepted: "env: [{ name: PGPASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }]",
  },
  *check(resource) {
    for (const { field, title } of eachContainer(resource)) {
      for (const variable of field.at("env").list()) {
        const name = variable.at("name").text() ?? "";
        const value = variable.at("value");
        // What another resource makes is not known in a preview, and may be no secret at all; what its name gives away is.
        if (value.isAbsent || (value.isUnknown && !namesSecret(name))) continue;
        const text = value.text() ?? "";
        if (text !== "" && !/^\$\(\w+\)$/.test(text) && (namesSecret(name) || holdsSecret(text))) {
          yield { what: `${title}: the variable ${name} has its value in clear` };
        }
      }
    }
  },
};
