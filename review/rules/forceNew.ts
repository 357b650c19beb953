import { type Change, isReplaced, kindOf } from "../plan.ts";
import { finding, fieldOf, type Rule } from "../rule.ts";
import { bothAt } from "../plan.ts";

/**
 * Fields that Kubernetes cannot change in place, by kind, and what is lost with the old object
 * (pulumi-kubernetes, provider/pkg/provider/diff and its force-new list).
 */
const FORCE_NEW: Readonly<Record<string, { fields: RegExp; lost: string }>> = {
  PersistentVolumeClaim: {
    fields: /^spec\.(accessModes|selector|storageClassName|volumeName|volumeMode)/,
    lost: "the claim's volume, and its data",
  },
  PersistentVolume: { fields: /^spec\.|^spec$/, lost: "the volume that claims are bound to" },
  StatefulSet: {
    fields: /^spec\.(podManagementPolicy|revisionHistoryLimit|selector|serviceName|volumeClaimTemplates)/,
    lost: "its pods at once, and the claims that the new one does not take over",
  },
  Deployment: { fields: /^spec\.selector/, lost: "all its pods at once" },
  DaemonSet: { fields: /^spec\.selector/, lost: "all its pods at once" },
  Job: { fields: /^spec\./, lost: "the run of the job, and its log" },
  Secret: {
    fields: /^(type|data|stringData|immutable)/,
    lost: "the secret, for as long as pods still want the old one",
  },
  ConfigMap: { fields: /^(data|binaryData|immutable)/, lost: "the file, for as long as pods still want the old one" },
  Service: { fields: /^spec\.(clusterIP|type)/, lost: "its address: whoever has it in memory speaks to nobody" },
  RoleBinding: { fields: /^(roleRef|subjects)/, lost: "the rights, between the old and the new one" },
  ClusterRoleBinding: { fields: /^(roleRef|subjects)/, lost: "the rights, between the old and the new one" },
  StorageClass: { fields: /^(parameters|provisioner)/, lost: "the class, for claims in between" },
};

/** A name or a namespace makes every object another one. */
const IDENTITY = /^metadata\.(name|namespace)$|^(metadata|kind|apiVersion)$/;

export const forceNew: Rule = {
  name: "force-new",
  refuses: "a change of a field that makes the object another one: the old one is deleted",
  reason: "a preview says `replace` in one word; which field did it, and what goes with the old object, is not in it",
  source: "pulumi-kubernetes' force-new fields; the Kubernetes API's immutable fields; research C02",
  example: {
    refused: "spec.storageClassName of a claim changes, so that it is made anew",
    accepted: "spec.resources of the claim grows, in place",
  },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      const lost = lossOf(change);
      return lost === undefined
        ? []
        : lost.fields.map((field) =>
            finding(change, {
              ...fieldOf(field, bothAt(change, field.replaceAll(/\[(\d+)\]/g, ".$1"))),
              why: `is replaced for ${field}: ${lost.what} is lost`,
              wayOut: "take the change back, or make a new object beside the old one and move over",
            }),
          );
    }),
};

/** The fields that a Kubernetes object is replaced for, and what is lost with it. */
export function lossOf(change: Change): { fields: readonly string[]; what: string } | undefined {
  const kind = kindOf(change);
  if (kind === undefined || !isReplaced(change) || change.replacedFor.length === 0) {
    return undefined;
  }
  const known = FORCE_NEW[kind];
  const fits = change.replacedFor.some((field) => known?.fields.test(field) === true || IDENTITY.test(field));
  return { fields: change.replacedFor, what: known !== undefined && fits ? known.lost : "the old object" };
}
