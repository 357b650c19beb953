import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

export interface ClusterAccess {
  /** Constant name of the cluster: without it a renewed kubeconfig could replace every object. */
  identifier: string;
  /** Path of the kubeconfig on the machine that runs Pulumi. */
  kubeconfigFile: pulumi.Input<string>;
}

/** The one Kubernetes provider of a stack. Default providers are switched off in the site file. */
export function clusterProvider(access: ClusterAccess): kubernetes.Provider {
  return new kubernetes.Provider("cluster", {
    clusterIdentifier: access.identifier,
    kubeconfig: access.kubeconfigFile,
    // Changed in place: replaced, which is the default, they would be gone for a moment, a certificate that is renewed too.
    enableConfigMapMutable: true,
    enableSecretMutable: true,
  });
}
