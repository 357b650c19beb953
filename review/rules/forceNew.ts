import { bothAt, type Change, isReplaced, kindOf } from "../plan.ts";
import { finding, fieldOf, type Rule } from "../rule.ts";

/** What is lost with the old object, by its kind, whichever field it is replaced for. */
const LOST: Readonly<Record<string, string>> = {
  PersistentVolumeClaim: "the claim's volume, and its data",
  PersistentVolume: "the volume that claims are bound to",
  StatefulSet: "its pods at once, and the claims that the new one does not take over",
  Deployment: "all its pods at once",
  DaemonSet: "all its pods at once",
  Job: "the run of the job, and its log",
  Secret: "the secret, for as long as pods still want the old one",
  ConfigMap: "the file, for as long as pods still want the old one",
  Service: "its address: whoever has it in memory speaks to nobody",
  RoleBinding: "the rights, between the old and the new one",
  ClusterRoleBinding: "the rights, between the old and the new one",
  StorageClass: "the class, for claims in between",
};

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
  return kind === undefined || !isReplaced(change) || change.replacedFor.length === 0
    ? undefined
    : { fields: change.replacedFor, what: LOST[kind] ?? "the old object" };
}
