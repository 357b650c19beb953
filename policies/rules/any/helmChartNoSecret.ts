import { isKind } from "../../support/resource.ts";
import { holdsSecret, namesSecret } from "../../support/secrets.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A chart's values hold no secret. */
export const helmChartNoSecret: AnyRule = {
  name: "helm-chart-no-secret",
  audience: "any",
  level: "mandatory",
  reason: "the values of a HelmChart are stored and shown in clear.",
  source: "our own",
  fix: "put it into a Secret and name that under `valuesSecrets`.",
  example: {
    refused: "spec: { valuesContent: 'adminPassword: hunter2' }",
    accepted: "spec: { valuesSecrets: [{ name: harbor-values, keys: [values.yaml] }] }",
  },
  *check(resource) {
    if (!isKind(resource, "HelmChart", "HelmChartConfig")) return;
    const values = resource.inputs.at("spec", "valuesContent");
    for (const [index, line] of (values.text() ?? "").split("\n").entries()) {
      const [, key = "", value = ""] = /^[\s-]*["']?([\w.-]+)["']?\s*:\s*(.*)$/.exec(line) ?? [];
      if (isSecretValue(key, value) || holdsSecret(line))
        yield { what: `${values.path}, line ${index + 1}, has a secret in clear` };
    }
    for (const [key, value] of resource.inputs.at("spec", "set").entries()) {
      if (isSecretValue(key.split(".").at(-1) ?? "", String(value.value)))
        yield { what: `${value.path} has a secret in clear` };
    }
  },
};

/** A name of a secret, with a value that is one: neither empty nor the name of the Secret that has it. */
function isSecretValue(key: string, value: string): boolean {
  const text = value.trim().replaceAll(/^["']|["']$/g, "");
  return namesSecret(key) && !["", "null", "~", "true", "false", "{}", "|", ">"].includes(text);
}
