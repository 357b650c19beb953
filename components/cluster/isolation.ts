import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { jobLabels, MANAGED_BY } from "./labels.ts";

export interface IsolationArgs {
  namespace: string;
  /** The job whose pods are meant. */
  app: string;
  /** The one place that they may reach; default: none. */
  reaches?: { labels: Readonly<Record<string, string>>; port: number };
}

/** A network policy for the pods of a job: nobody reaches them, and they reach no more than they must. */
export function isolated(
  name: string,
  { namespace, app, reaches }: IsolationArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.networking.v1.NetworkPolicy {
  const egress = reaches && [
    {
      to: [{ podSelector: { matchLabels: { ...reaches.labels } } }],
      ports: [{ protocol: "TCP", port: reaches.port }],
    },
  ];
  return new kubernetes.networking.v1.NetworkPolicy(
    name,
    {
      metadata: { name: app, namespace, labels: MANAGED_BY },
      spec: {
        podSelector: { matchLabels: jobLabels(app) },
        policyTypes: ["Ingress", "Egress"],
        ...(egress === undefined ? {} : { egress }),
      },
    },
    opts,
  );
}
