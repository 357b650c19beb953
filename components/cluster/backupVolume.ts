import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";

export interface BackupVolumeArgs {
  /** Namespace of the claim: that of the databases. */
  namespace: string;
  /** Node that the disk is in, by its name in Kubernetes. */
  node: string;
  /** Folder on that disk. */
  path: string;
  /** Kubernetes quantity: what is asked for. A folder has no limit of its own. */
  size: string;
}

/**
 * The folder of the backups, as a volume: on a disk other than the databases'. While that disk is not mounted there is no
 * such folder, and pods that need it do not start. Protected and retained: removing it from the program removes no backup.
 */
export class BackupVolume extends pulumi.ComponentResource {
  /** Name of the claim. */
  readonly claim: pulumi.Output<string>;

  constructor(name: string, args: BackupVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:BackupVolume", name, args, opts);
    const size = { storage: args.size };
    const volume = new kubernetes.core.v1.PersistentVolume(
      name,
      {
        metadata: { name: `twisterlab-${name}`, labels: MANAGED_BY },
        spec: {
          capacity: size,
          accessModes: ["ReadWriteOnce"],
          persistentVolumeReclaimPolicy: "Retain",
          // No class: the default one would make a volume of its own.
          storageClassName: "",
          local: { path: args.path },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [args.node] }] },
              ],
            },
          },
          claimRef: { namespace: args.namespace, name },
        },
      },
      { parent: this, protect: true, retainOnDelete: true },
    );
    const claim = new kubernetes.core.v1.PersistentVolumeClaim(
      name,
      {
        metadata: { name, namespace: args.namespace, labels: MANAGED_BY },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: "",
          volumeName: volume.metadata.name,
          resources: { requests: size },
        },
      },
      { parent: this, protect: true, retainOnDelete: true },
    );
    this.claim = claim.metadata.name;
    this.registerOutputs({ claim: this.claim });
  }
}
