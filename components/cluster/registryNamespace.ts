import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";

export interface RegistryNamespaceArgs {
  /** Name of the namespace. */
  namespace: string;
  /** Level of the Pod Security Standards that is enforced. What is above it is reported. */
  podSecurity: "privileged" | "baseline" | "restricted";
  /** Kubernetes minor version whose standards are meant, `v1.33`: `latest` would change under us at an upgrade. */
  podSecurityVersion: string;
  /** Kubernetes quantities that all pods and claims of the namespace must keep to together. */
  quota: {
    requestsCpu: string;
    requestsMemory: string;
    limitsCpu: string;
    limitsMemory: string;
    /** Number of persistent volume claims. */
    claims: number;
    /** Sum of their sizes. */
    storage: string;
  };
}

/**
 * What a container gets that says nothing of its own: the quota would refuse its pod. Our choice, small enough for a
 * dozen of them within the quota of EdgeServer.
 */
const CONTAINER_DEFAULTS = {
  defaultRequest: { cpu: "50m", memory: "128Mi" },
  default: { cpu: "300m", memory: "384Mi" },
};

/**
 * The registry's namespace, with its pod security level and what it may take of the node. Protected: deleting the
 * namespace deletes the registry's claims, and with them its images.
 */
export class RegistryNamespace extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: RegistryNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:RegistryNamespace", name, args, opts);
    const namespace = new kubernetes.core.v1.Namespace(
      name,
      {
        metadata: {
          name: args.namespace,
          labels: {
            ...MANAGED_BY,
            "pod-security.kubernetes.io/enforce": args.podSecurity,
            "pod-security.kubernetes.io/enforce-version": args.podSecurityVersion,
            "pod-security.kubernetes.io/audit": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
          },
        },
      },
      { parent: this, protect: true },
    );
    new kubernetes.core.v1.ResourceQuota(
      `${name}-quota`,
      {
        metadata: { name: "budget", namespace: args.namespace },
        spec: {
          hard: {
            "requests.cpu": args.quota.requestsCpu,
            "requests.memory": args.quota.requestsMemory,
            "limits.cpu": args.quota.limitsCpu,
            "limits.memory": args.quota.limitsMemory,
            persistentvolumeclaims: String(args.quota.claims),
            "requests.storage": args.quota.storage,
          },
        },
      },
      { parent: this, dependsOn: namespace },
    );
    new kubernetes.core.v1.LimitRange(
      `${name}-defaults`,
      {
        metadata: { name: "defaults", namespace: args.namespace },
        spec: { limits: [{ type: "Container", ...CONTAINER_DEFAULTS }] },
      },
      { parent: this, dependsOn: namespace },
    );
    this.namespace = namespace.metadata.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}
