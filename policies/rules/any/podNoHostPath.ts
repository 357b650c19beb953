import { podsOf, shown } from "../../support/pods.ts";
import { isKind } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No volume is a path of the machine. */
export const podNoHostPath: AnyRule = {
  name: "pod-no-host-path",
  audience: "any",
  level: "mandatory",
  reason: "it reaches past the volume into the machine: one writable path can be enough to become root there.",
  source: "Pod Security Standards baseline, kube-linter, Trivy KSV-0023, CIS 5.2.11",
  fix: "use a claim, or a `local` volume whose folder the host prepares.",
  example: {
    refused: "volumes: [{ hostPath: { path: /var/log } }]",
    accepted: "volumes: [{ persistentVolumeClaim: { claimName: backups } }]",
  },
  *check(resource) {
    for (const { spec } of podsOf(resource)) {
      for (const volume of spec.at("volumes").list()) {
        const path = volume.at("hostPath");
        if (!path.isAbsent) yield { what: shown(path) };
      }
    }
    const path = isKind(resource, "PersistentVolume") ? resource.inputs.at("spec", "hostPath") : undefined;
    if (path?.isAbsent === false) yield { what: shown(path) };
  },
};
