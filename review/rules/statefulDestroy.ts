import { type Change, isDeleted, isDestroyed, isReplaced, kindOf } from "../plan.ts";
import { finding, type Rule } from "../rule.ts";
import { textAt } from "../values.ts";
import { lossOf } from "./forceNew.ts";

/** What is lost with an object of a kind. */
const KINDS: Readonly<Record<string, string>> = {
  PersistentVolumeClaim: "its data: a local volume is deleted with its claim",
  PersistentVolume: "the way to its data",
  StatefulSet: "its pods, and the order in which they own their volumes",
  Namespace: "everything in it, its volumes included",
  StorageClass: "the volumes that are to come: claims of it stay pending",
  CustomResourceDefinition: "every object of its kind in the whole cluster",
  Secret: "what is encrypted or guarded with it",
  HelmChart: "its release: K3s uninstalls it, and what that had",
  Release: "its release, and what that had",
};

/** Components that hold data, or that are the only way to it. */
const COMPONENTS: Readonly<Record<string, string>> = {
  "twisterlab:host:LogicalVolume": "the volume's care: it stays as it is, and nothing grows or checks it any more",
  "twisterlab:host:DataRoot": "the place of its data: the service goes back to the old one",
};

export const statefulDestroy: Rule = {
  name: "stateful-destroy",
  refuses: "deleting, replacing or discarding what holds data, or is the only way to it",
  reason: "there is one machine and no spare: what goes with it is in no other place but the last backup",
  source: "local-path-provisioner deletes a volume's folder with its claim; Terraform's prevent_destroy; research C01",
  example: {
    refused: "the claim of a database leaves the program",
    accepted: "the same with retainOnDelete: it stays on the cluster",
  },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      const lost = isDestroyed(change) ? whatIsLost(change) : undefined;
      // The rule about fields that make it another object says more.
      if (lost === undefined || (isReplaced(change) && lossOf(change) !== undefined)) {
        return [];
      }
      // The object stays where it is, and only leaves the program's hands.
      if (isDeleted(change) && change.old?.retainOnDelete === true) {
        return [];
      }
      return [
        finding(change, {
          why: `${isReplaced(change) ? "is replaced" : "is deleted"}, and with it goes ${lost}`,
          wayOut: "take the change back; or see that a backup of it was restored for a trial, and approve it",
        }),
      ];
    }),
};

/** What goes with a resource; undefined of one that holds nothing. */
export function whatIsLost(change: Change): string | undefined {
  const kind = kindOf(change);
  if (kind === "CronJob") {
    return isBackupJob(change) ? "every backup that is to come" : undefined;
  }
  return kind === undefined ? COMPONENTS[change.type] : KINDS[kind];
}

/** A job that saves data, or that tries whether it can be restored. */
export function isBackupJob(change: Change): boolean {
  const name = textAt(change.old?.inputs ?? change.new?.inputs, "metadata.name") ?? change.name;
  return /backup|dump|snapshot|drill/i.test(`${name} ${change.within.join(" ")}`);
}
