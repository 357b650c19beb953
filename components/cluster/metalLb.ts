import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { METALLB_CONTAINERS } from "../metalLbShape.ts";
import { HelmChart, type Chart, type ChartValues } from "./helmChart.ts";
import { MANAGED_BY } from "./labels.ts";
import { awaitMetalLb } from "./metalLbReady.ts";

export interface MetalLbArgs {
  /** Namespace that is made for it. */
  namespace: string;
  /** Kubernetes minor version whose Pod Security Standards are meant, `v1.33`. */
  podSecurityVersion: string;
  /** Version of its chart. */
  version: string;
  /** Addresses that it gives out, `192.168.0.100-192.168.0.110`. */
  pool: string;
  /** Kubeconfig by which its installation is waited for. */
  kubeconfigFile: string;
}

/** Where MetalLB publishes its charts: https://metallb.io/installation. */
const REPOSITORY = "https://metallb.github.io/metallb";

/** Name of the release. */
const RELEASE = "metallb";

/** Name of the pool, and of what announces it. */
const POOL = "local-network";

/** Seconds for Helm, two images of a slow line among them. Our choice. */
const INSTALLATION = 600;

/** Seconds from Helm's end until its webhook answers: a pod that starts, and makes a certificate for itself. Our choice. */
const READINESS = 300;

/**
 * MetalLB in layer 2 mode: services of the type LoadBalancer get addresses of the local network, and this node answers ARP for
 * them. Its pool is made when its kinds are served and its webhook answers. With one node there is no failover.
 *
 * Only its namespace is privileged: the speaker is in the host's network (https://metallb.io/installation).
 */
export class MetalLb extends pulumi.ComponentResource {
  /** There when services get addresses, and the local network can reach them. */
  readonly ready: pulumi.Resource;

  constructor(name: string, args: MetalLbArgs, opts?: pulumi.ComponentResourceOptions) {
    const { kubeconfigFile, ...rest } = args;
    super("twisterlab:cluster:MetalLb", name, rest, opts);
    const { namespace } = args;
    const home = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: namespace,
          labels: {
            ...MANAGED_BY,
            "pod-security.kubernetes.io/enforce": "privileged",
            "pod-security.kubernetes.io/enforce-version": args.podSecurityVersion,
            "pod-security.kubernetes.io/audit": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
          },
        },
      },
      { parent: this, protect: true },
    );
    const chart = new HelmChart(
      name,
      {
        ...metalLbChart(args),
        timeout: INSTALLATION,
        kubeconfigFile,
      },
      { parent: this, dependsOn: home },
    );
    const metadata = { name: POOL, namespace, labels: MANAGED_BY };
    const pool = {
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata,
      spec: { addresses: [args.pool] },
    };
    const ready = new pulumi.ResourceHook(`${name}-ready`, () => awaitMetalLb(kubeconfigFile, pool, READINESS));
    const addresses = new kubernetes.apiextensions.CustomResource(`${name}-pool`, pool, {
      parent: this,
      dependsOn: chart.installed,
      hooks: { beforeCreate: [ready], beforeUpdate: [ready] },
    });
    // Without it an address is given out and nobody answers for it.
    this.ready = new kubernetes.apiextensions.CustomResource(
      `${name}-advertisement`,
      {
        apiVersion: "metallb.io/v1beta1",
        kind: "L2Advertisement",
        metadata,
        // Naming none would be all, also those that somebody else makes.
        spec: { ipAddressPools: [POOL] },
      },
      { parent: this, dependsOn: addresses },
    );
    this.registerOutputs({});
  }
}

/** What Helm is to install. */
export function metalLbChart({ namespace, version }: Pick<MetalLbArgs, "namespace" | "version">): Chart {
  return { name: RELEASE, namespace, chart: "metallb", repository: REPOSITORY, version, values: metalLbValues() };
}

/** Values of MetalLB's chart 0.16 (its values.yaml). What is not here has a default that fits. */
export function metalLbValues(): ChartValues {
  return {
    // On by default since 0.16. Both are for BGP, which nobody speaks here.
    frrk8s: { enabled: false },
    controller: { resources: METALLB_CONTAINERS.controller },
    speaker: { resources: METALLB_CONTAINERS.speaker, frr: { enabled: false } },
  };
}
