import { podsOf, shown } from "../../support/pods.ts";
import { quantity } from "../../support/quantity.ts";
import type { AnyRule } from "../../support/rule.ts";

/** An emptyDir has a limit. */
export const podScratchIsLimited: AnyRule = {
  name: "pod-scratch-is-limited",
  audience: "any",
  level: "advisory",
  reason: "a scratch folder without a limit fills the disk that the databases are on.",
  source: "Kyverno add-emptydir-sizelimit, kube-score",
  fix: "write a `sizeLimit`.",
  example: { refused: "emptyDir: {}", accepted: "emptyDir: { sizeLimit: 64Mi }" },
  *check(resource) {
    for (const { spec } of podsOf(resource)) {
      for (const volume of spec.at("volumes").list()) {
        const limit = volume.at("emptyDir", "sizeLimit");
        if (!volume.at("emptyDir").isAbsent && (quantity(limit) ?? 0) <= 0) yield { what: shown(limit) };
      }
    }
  },
};
