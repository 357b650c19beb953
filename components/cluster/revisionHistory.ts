import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

export interface RevisionHistoryArgs {
  /** Old ReplicaSets that each Deployment keeps. */
  limit: number;
  /** Deployments that others have made and that are there, as namespace/name. One of this program's own says it itself. */
  deployments: readonly string[];
}

/**
 * How the provider is to change the field. It writes these annotations onto the Deployment too, and takes them away with it.
 */
const PATCH = {
  // A name of its own: what one manager applies later without a field gives that field up.
  "pulumi.com/patchFieldManager": "twisterlab-edge-revision-history",
  // Whoever has made a Deployment with `kubectl apply` owns this field, also when the manifest is silent about it: what the
  // server has filled in counts as theirs.
  "pulumi.com/patchForce": "true",
  // A Deployment that is ill for other reasons is no reason to fail: no pod is touched.
  "pulumi.com/skipAwait": "true",
};

/**
 * How many old ReplicaSets Deployments keep that others have made. Of each it owns this one field, by server-side apply.
 * Going back leaves the field without an owner, and Kubernetes puts its own 10 there: whoever had written another number
 * applies their manifest again.
 */
export class RevisionHistory extends pulumi.ComponentResource {
  constructor(name: string, args: RevisionHistoryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:RevisionHistory", name, args, opts);
    for (const deployment of args.deployments) {
      const [namespace = "", called = ""] = deployment.split("/");
      new kubernetes.apps.v1.DeploymentPatch(
        `${name}-${deployment}`,
        {
          metadata: { name: called, namespace, annotations: PATCH },
          spec: { revisionHistoryLimit: args.limit },
        },
        // The engine keeps all of a Deployment that it has patched, and others may have written a password into theirs.
        { parent: this, additionalSecretOutputs: ["metadata", "spec"] },
      );
    }
    this.registerOutputs({});
  }
}
