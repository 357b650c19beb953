import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { jobLabels, MANAGED_BY } from "./labels.ts";

/** Pods, and a TCP port. */
interface Peer {
  labels: Readonly<Record<string, string>>;
  port: number;
}

export interface IsolationArgs {
  namespace: string;
  /** The job whose pods are meant. */
  app: string;
  /** The one place that they may reach; default: none. */
  reaches?: Peer;
  /** The pods that may reach them, and the port of theirs; default: none. */
  reachedBy?: Peer;
  /** Who makes those pods, where no object does: a policy that selects nothing is refused otherwise. */
  podsMadeBy?: string;
}

/** A network policy for the pods of a job: they reach, and are reached by, nobody but those who must. */
export function isolated(
  name: string,
  { namespace, app, reaches, reachedBy, podsMadeBy }: IsolationArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.networking.v1.NetworkPolicy {
  const peers = ({ labels }: Peer) => [{ podSelector: { matchLabels: { ...labels } } }];
  const ports = ({ port }: Peer) => [{ protocol: "TCP", port }];
  return new kubernetes.networking.v1.NetworkPolicy(
    name,
    {
      metadata: {
        name: app,
        namespace,
        labels: MANAGED_BY,
        ...(podsMadeBy === undefined ? {} : { annotations: { "twisterlab-edge/pods-made-by": podsMadeBy } }),
      },
      spec: {
        podSelector: { matchLabels: jobLabels(app) },
        policyTypes: ["Ingress", "Egress"],
        ...(reaches === undefined ? {} : { egress: [{ to: peers(reaches), ports: ports(reaches) }] }),
        ...(reachedBy === undefined ? {} : { ingress: [{ from: peers(reachedBy), ports: ports(reachedBy) }] }),
      },
    },
    opts,
  );
}
