import { podsOf, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Only pods with a service account of their own get a token of the API. */
export const podNoApiToken: AnyRule = {
  name: "pod-no-api-token",
  audience: "any",
  level: "mandatory",
  reason: "the token that is mounted by default lets whoever breaks in ask the API server.",
  source: "Trivy KSV-0036, Checkov CKV_K8S_38, kubescape C-0034",
  fix: "write `automountServiceAccountToken: false`; a pod that needs the API names a service account of its own.",
  example: {
    refused: "spec: {}",
    accepted: "spec: { automountServiceAccountToken: false }, or a serviceAccountName of its own",
  },
  *check(resource) {
    for (const { spec, patch } of podsOf(resource)) {
      const mount = spec.at("automountServiceAccountToken");
      const account = spec.at("serviceAccountName");
      if (mount.flag() === false || (patch && mount.isAbsent)) continue;
      // The name itself may come of the account's own resource.
      if (!account.isUnknown && ["", "default"].includes(account.text() ?? "")) yield { what: shown(mount) };
    }
  },
};
