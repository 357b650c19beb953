import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";

export interface ClusterNameArgs {
  /** Host name, in small letters. */
  host: string;
  /** Its IP address. */
  address: string;
}

/**
 * The address of a name for the pods, whatever the local network's name servers say: a server of its own in K3s' CoreDNS, which
 * imports what ends with `.server` in this ConfigMap (manifests/coredns.yaml of K3s 1.33) and sees a change within a minute.
 * Not a line in its `NodeHosts`: K3s itself writes those. Not an `.override`: a second `hosts` in one server is refused.
 */
export class ClusterName extends pulumi.ComponentResource {
  constructor(name: string, args: ClusterNameArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:ClusterName", name, args, opts);
    new kubernetes.core.v1.ConfigMap(
      name,
      {
        metadata: { name: "coredns-custom", namespace: "kube-system", labels: MANAGED_BY },
        data: { "twisterlab-edge.server": renderServer(args) },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** A block of CoreDNS' Corefile that answers for one name and nothing else. */
export function renderServer({ host, address }: ClusterNameArgs): string {
  return `${host}:53 {\n  errors\n  hosts {\n    ${address} ${host}\n    ttl 60\n  }\n}\n`;
}
