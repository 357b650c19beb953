import { MetalLb } from "../components/cluster/metalLb.ts";
import { expandHome } from "../components/host/connection.ts";
import { EntryPoint } from "../components/host/entryPoint.ts";
import { K3sServiceLb } from "../components/host/k3sServiceLb.ts";
import { ownRegistry } from "../components/settings/ownRegistry.ts";
import type { Settings } from "../components/settings/index.ts";
import * as pulumi from "@pulumi/pulumi";
import { machineOf, podSecurityVersion, withSite, type PhaseOutputs } from "./preparation.ts";

// From the seeds: the intervention plan (3.3).
const WHY = {
  serviceLb:
    "it and MetalLB would take the addresses of services from each other, and it knows the machine's own alone",
};

/**
 * Phase 3, high availability: MetalLB, which gives services addresses of the local network, and then K3s' own service load
 * balancer switched off: in this order no service is without an address for longer than K3s is restarted.
 */
export function buildPhase3(settings: Settings): Promise<PhaseOutputs> {
  return withSite(settings, (host, cluster) => {
    const { site, cluster: access, phase1, phase3 } = settings;
    const { namespace, version, pool } = phase3.metalLb;
    const entryPoint = new EntryPoint("entry-point", { stack: pulumi.getStack(), machine: machineOf(settings) }, host);
    const metalLb = new MetalLb(
      "metallb",
      {
        namespace,
        version,
        pool: pool.text,
        podSecurityVersion: podSecurityVersion(settings.host.k3sVersion),
        kubeconfigFile: expandHome(access.kubeconfigFile),
      },
      cluster.options,
    );
    const registry = ownRegistry(phase1);
    new K3sServiceLb(
      "k3s-servicelb",
      { pool: pool.text, namesOnNode: registry === undefined ? [] : [registry.host], why: WHY.serviceLb },
      host,
      { dependsOn: [entryPoint, metalLb.ready] },
    );
    return { site: site.name, addressPool: pool.text };
  });
}
