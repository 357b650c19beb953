import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No container takes a port of the machine. */
export const podNoHostPort: AnyRule = {
  name: "pod-no-host-port",
  audience: "any",
  level: "mandatory",
  reason: "the port is open on every address of the machine, past Services and network policies.",
  source: "Pod Security Standards baseline, Trivy KSV-0024, Checkov CKV_K8S_26, CIS 5.2.12",
  fix: "publish it by a Service.",
  example: { refused: "ports: [{ containerPort: 80, hostPort: 80 }]", accepted: "ports: [{ containerPort: 80 }]" },
  *check(resource) {
    for (const { field, title } of eachContainer(resource)) {
      for (const port of field.at("ports").list()) {
        const hostPort = port.at("hostPort");
        // 0 says as much as nothing.
        if ((hostPort.number() ?? 0) !== 0) yield { what: `${title}: ${shown(hostPort)}` };
      }
    }
  },
};
