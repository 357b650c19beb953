import { eachContainer } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A container that listens says when it is ready. */
export const podHasReadinessProbe: AnyRule = {
  name: "pod-has-readiness-probe",
  audience: "any",
  level: "advisory",
  reason: "traffic is sent to a pod that cannot answer yet, and an update counts as done before it works.",
  source: "kube-linter no-readiness-probe, Checkov CKV_K8S_9, kube-score",
  fix: "write a `readinessProbe` for what serves.",
  example: {
    refused: "containers: [{ ports: [{ containerPort: 8080 }] }]",
    accepted: "containers: [{ readinessProbe: { httpGet: { path: /health, port: http } } }]",
  },
  *check(resource) {
    for (const { field, title, pods, main } of eachContainer(resource)) {
      if (pods.job || pods.patch || !main || field.at("ports").list().length === 0) continue;
      if (field.at("readinessProbe").entries().length === 0)
        yield { what: `${title} listens and has no readinessProbe` };
    }
  },
};
