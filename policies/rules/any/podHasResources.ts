import { eachContainer, shown } from "../../support/pods.ts";
import { quantity } from "../../support/quantity.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Every container says what it needs. */
export const podHasResources: AnyRule = {
  name: "pod-has-resources",
  audience: "any",
  level: "mandatory",
  reason: "the scheduler counts what nobody asked for as nothing, and the kernel then kills a database for the memory.",
  source:
    "kube-linter unset-*-requirements, Kyverno require-requests-limits, Trivy KSV-0011 to KSV-0018, Checkov CKV_K8S_10 to 13",
  fix: "write requests for cpu and memory, and a limit for memory, not below what is requested.",
  example: {
    refused: "resources: {}",
    accepted: "resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 128Mi } }",
  },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const resources = field.at("resources");
      if (pods.patch && resources.isAbsent) continue;
      const asked = ["requests.cpu", "requests.memory", "limits.memory"].map((path) =>
        resources.at(...path.split(".")),
      );
      for (const amount of asked) {
        if ((quantity(amount) ?? 0) <= 0) yield { what: `${title}: ${shown(amount)}` };
      }
      const [request, limit] = [
        quantity(resources.at("requests", "memory")),
        quantity(resources.at("limits", "memory")),
      ];
      if (request !== undefined && limit !== undefined && request > limit) {
        yield { what: `${title}: it requests more memory than its limit` };
      }
    }
  },
};
