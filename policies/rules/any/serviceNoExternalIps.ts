import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No Service claims addresses by itself. */
export const serviceNoExternalIps: AnyRule = {
  name: "service-no-external-ips",
  audience: "any",
  level: "mandatory",
  reason: "whoever may make such a Service can draw the traffic of any address to their own pod (CVE-2020-8554).",
  source: "Kyverno restrict-external-ips, Trivy KSV-0108",
  fix: "use a LoadBalancer with an address of the pool.",
  example: { refused: "spec: { externalIPs: [192.168.0.1] }", accepted: "spec without externalIPs" },
  *check(resource) {
    if (!isKind(resource, "Service")) return;
    const addresses = resource.inputs.at("spec", "externalIPs");
    if (addresses.list().length > 0) yield { what: shown(addresses) };
  },
};
