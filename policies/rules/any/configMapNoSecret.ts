import { isKind } from "../../support/resource.ts";
import { holdsSecret, namesSecret } from "../../support/secrets.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No ConfigMap holds a secret. */
export const configMapNoSecret: AnyRule = {
  name: "config-map-no-secret",
  audience: "any",
  level: "mandatory",
  reason: "a ConfigMap is stored and shown in clear.",
  source: "Trivy KSV-0109, Polaris",
  fix: "move it into a Secret.",
  example: { refused: "data: { password: hunter2 }", accepted: "data: { user: postgres }" },
  *check(resource) {
    if (!isKind(resource, "ConfigMap")) return;
    for (const [key, value] of [
      ...resource.inputs.at("data").entries(),
      ...resource.inputs.at("binaryData").entries(),
    ]) {
      const text = value.text() ?? "";
      // A script that handles passwords has none in it; a line is what a password is written as.
      if (text !== "" && ((namesSecret(key) && !text.trim().includes("\n")) || holdsSecret(text))) {
        yield { what: `the key ${key} looks like a secret` };
      }
    }
  },
};
