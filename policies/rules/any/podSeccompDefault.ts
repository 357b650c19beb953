import { eachContainer, security, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Every container runs under a seccomp profile. */
export const podSeccompDefault: AnyRule = {
  name: "pod-seccomp-default",
  audience: "any",
  level: "mandatory",
  reason: "without a profile every system call of the kernel is open to the container.",
  source: "Pod Security Standards restricted, Trivy KSV-0030, Checkov CKV_K8S_31, CIS 5.6.2",
  fix: "write `seccompProfile: { type: RuntimeDefault }` for the pod.",
  example: { refused: "seccompProfile: { type: Unconfined }", accepted: "seccompProfile: { type: RuntimeDefault }" },
  *check(resource) {
    for (const container of eachContainer(resource)) {
      const profile = security(container, "seccompProfile", "type");
      if (["RuntimeDefault", "Localhost"].includes(profile.text() ?? "")) continue;
      if (container.pods.patch && profile.isAbsent) continue;
      yield { what: `${container.title}: ${shown(profile)}` };
    }
  },
};
