import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Jobs do not write into their image. */
export const jobReadOnlyRoot: AnyRule = {
  name: "job-read-only-root",
  audience: "any",
  level: "mandatory",
  reason: "a job works with backups or with rights on the cluster, and runs unseen.",
  source: "kube-linter, Kyverno require-ro-rootfs, Trivy KSV-0014; stricter for jobs: our own",
  fix: "write `readOnlyRootFilesystem: true` and mount an emptyDir where it must write.",
  example: { refused: "securityContext: {}", accepted: "securityContext: { readOnlyRootFilesystem: true }" },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const readOnly = field.at("securityContext", "readOnlyRootFilesystem");
      if (!pods.job || readOnly.flag() === true || (pods.patch && readOnly.isAbsent)) continue;
      yield { what: `${title}: ${shown(readOnly)}` };
    }
  },
};
