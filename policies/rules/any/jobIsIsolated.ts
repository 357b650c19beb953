import { podsOfStack, selects } from "../../support/labels.ts";
import { isKind, namespaceOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** The pods of a job meet a network policy in both directions. */
export const jobIsIsolated: AnyRule = {
  name: "job-is-isolated",
  audience: "any",
  level: "mandatory",
  reason: "a job holds a password or rights, and needs to reach one thing.",
  source: "kube-linter non-isolated-pod, kube-score pod-networkpolicy; for jobs mandatory: our own",
  fix: "declare a NetworkPolicy for its pods that opens what they must reach.",
  example: {
    refused: "a CronJob alone",
    accepted: "a CronJob and a NetworkPolicy that selects its pods, for Ingress and Egress",
  },
  *checkStack(stack) {
    const policies = stack.filter((each) => isKind(each, "NetworkPolicy"));
    for (const { owner: at, namespace, labels } of podsOfStack(stack)) {
      if (!isKind(at, "Job", "CronJob")) continue;
      for (const direction of ["Ingress", "Egress"]) {
        const isClosed = policies.some((policy) => {
          const spec = policy.inputs.at("spec");
          const types = spec.at("policyTypes").list();
          return (
            namespaceOf(policy) === namespace &&
            types.some((type) => type.text() === direction) &&
            selects(spec.at("podSelector"), labels)
          );
        });
        if (!isClosed) yield { at, what: `no NetworkPolicy selects its pods for ${direction}` };
      }
    }
  },
};
