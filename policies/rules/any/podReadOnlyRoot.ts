import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Containers that stay do not write into their image. */
export const podReadOnlyRoot: AnyRule = {
  name: "pod-read-only-root",
  audience: "any",
  level: "advisory",
  reason: "what cannot write into its image cannot leave anything behind there, nor fill the disk.",
  source: "kube-linter, Kyverno require-ro-rootfs, Trivy KSV-0014",
  fix: "write `readOnlyRootFilesystem: true` and mount an emptyDir where it must write.",
  example: { refused: "securityContext: {}", accepted: "securityContext: { readOnlyRootFilesystem: true }" },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const readOnly = field.at("securityContext", "readOnlyRootFilesystem");
      if (pods.job || readOnly.flag() === true || (pods.patch && readOnly.isAbsent)) continue;
      yield { what: `${title}: ${shown(readOnly)}` };
    }
  },
};
