import { podsOf, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No pod shares the machine's network, processes or memory. */
export const podNoHostNamespaces: AnyRule = {
  name: "pod-no-host-namespaces",
  audience: "any",
  level: "mandatory",
  reason: "its processes see, and may signal or listen in on, those of the machine and of all other pods.",
  source: "Pod Security Standards baseline, kube-linter, Trivy KSV-0008 to KSV-0010, CIS 5.2.3 to 5.2.5",
  fix: "leave it out; what must have it (MetalLB's speaker, node-exporter) gets an exemption with a reason.",
  example: { refused: "spec: { hostNetwork: true }", accepted: "spec without hostNetwork, hostPID and hostIPC" },
  *check(resource) {
    for (const { spec } of podsOf(resource)) {
      for (const key of ["hostNetwork", "hostPID", "hostIPC"]) {
        if (spec.at(key).flag() === true) yield { what: shown(spec.at(key)) };
      }
    }
  },
};
