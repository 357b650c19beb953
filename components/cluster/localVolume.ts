import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";

export interface LocalVolumeArgs {
  /** Name of the claim. */
  claim: string;
  /** Namespace of the claim. */
  namespace: string;
  /** Node that the disk is in, by its name in Kubernetes. */
  node: string;
  /** Folder on that disk. */
  path: string;
  /** Kubernetes quantity: what is asked for. A folder has no limit of its own. */
  size: string;
}

/**
 * A folder of the node as a volume, and the claim for it. While its disk is not mounted there is no such folder, and pods that
 * need it do not start. Protected and retained: removing it from the program removes nothing.
 */
export function localVolume(
  name: string,
  args: LocalVolumeArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.PersistentVolumeClaim {
  const { claim, namespace, node } = args;
  const size = { storage: args.size };
  const kept = { ...opts, protect: true, retainOnDelete: true };
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
              { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
            ],
          },
        },
        claimRef: { namespace, name: claim },
      },
    },
    kept,
  );
  return new kubernetes.core.v1.PersistentVolumeClaim(
    name,
    {
      metadata: { name: claim, namespace, labels: MANAGED_BY },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "",
        volumeName: volume.metadata.name,
        resources: { requests: size },
      },
    },
    kept,
  );
}
