import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";
import { policyOf, type Policy } from "./network/policies.ts";
import type { Flow, Pods } from "./network/flows.ts";

/** A NetworkPolicy of this program: all of them are made here. */
export function networkPolicy(
  name: string,
  policy: Policy,
  opts: pulumi.CustomResourceOptions,
  annotations: Record<string, string> = {},
): kubernetes.networking.v1.NetworkPolicy {
  return new kubernetes.networking.v1.NetworkPolicy(
    name,
    {
      metadata: {
        name: policy.name,
        namespace: policy.namespace,
        labels: MANAGED_BY,
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      spec: policy.spec,
    },
    opts,
  );
}

/** The policy of a job's pods: they reach, and are reached by, nobody but those who must. */
export function jobNetworkPolicy(
  name: string,
  job: Pods,
  flows: readonly Flow[],
  opts: pulumi.CustomResourceOptions,
  annotations: Record<string, string> = {},
): kubernetes.networking.v1.NetworkPolicy {
  return networkPolicy(
    name,
    { name: job.name, namespace: job.namespace, spec: policyOf(job, flows) },
    opts,
    annotations,
  );
}
