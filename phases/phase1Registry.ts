import * as pulumi from "@pulumi/pulumi";
import {
  readAuthority,
  serverCertificate,
  type Authority,
  type ServerCertificate,
} from "../components/certificateAuthority.ts";
import type { Cluster } from "../components/cluster/cluster.ts";
import { ClusterName } from "../components/cluster/clusterName.ts";
import { DockerAuthority } from "../components/host/dockerAuthority.ts";
import type { Host } from "../components/host/host.ts";
import { HostsEntry } from "../components/host/hostsEntry.ts";
import { K3sRegistries } from "../components/host/k3sRegistries.ts";
import type { Settings } from "../components/settings/index.ts";
import type { OwnRegistry } from "../components/settings/ownRegistry.ts";

type Registry = NonNullable<Settings["phase1"]["registry"]>;

// From the seeds: the intervention plan (1.2), the phase 1 plan at budget 0, its report.
const WHY = {
  name: "K3s pulls from the registry by its name, and no name server of the local network is known to have it",
  docker: "images are pushed from this host, and Docker takes no certificate that it cannot verify",
  registries:
    "images are to come from the private registry, scanned and versioned, over TLS that protects them on the way",
};

/** What proves that the registry is itself; what is undefined waits for `npm run secrets`. */
export interface RegistryIdentity {
  readonly authority: Authority | undefined;
  readonly server: ServerCertificate | undefined;
}

/**
 * The site's authority, and the registry's certificate of today.
 * @throws RunError when the authority cannot be read, or is not valid today.
 */
export async function registryIdentity({ phase1, secrets }: Settings): Promise<RegistryIdentity> {
  if (secrets.siteAuthority === undefined || phase1.registry === undefined) {
    return { authority: undefined, server: undefined };
  }
  try {
    const authority = readAuthority(secrets.siteAuthority.reveal());
    const key = secrets.registryServerKey?.reveal();
    return {
      authority,
      server: key === undefined ? undefined : await serverCertificate(authority, phase1.registry.host, key),
    };
  } catch (error) {
    throw new pulumi.RunError((error as Error).message);
  }
}

/**
 * What the host has of the registry: its name, its authority for Docker, and where K3s pulls from. With the registry down
 * nothing waits for it: K3s starts, and pulls other images from where they come.
 * @returns the last item.
 */
export function registryOnHost(
  settings: Settings,
  registry: Registry,
  { authority }: RegistryIdentity,
  host: Host,
  after: pulumi.Resource,
): pulumi.Resource {
  let before = after;
  if (registry.option !== "external") {
    before = new HostsEntry(
      "registry-name",
      { name: registry.host, address: settings.host.address, why: WHY.name },
      host,
      { dependsOn: before },
    );
    before = new DockerAuthority(
      "docker-authority",
      { registry: registry.host, certificate: authority?.certificate, why: WHY.docker },
      host,
      { dependsOn: before },
    );
  }
  const certificate = registry.option === "external" ? registry.caCertificate : authority?.certificate;
  return new K3sRegistries(
    "k3s-registries",
    {
      registry: registry.host,
      user: registry.pullUser,
      password: settings.secrets.registryPullPassword,
      why: WHY.registries,
      ...(certificate === "unknown" ? {} : { authority: { file: registry.caFile, certificate } }),
    },
    host,
    { dependsOn: before },
  );
}

/** What the cluster has of a registry of our own. */
export function registryOnCluster(
  settings: Settings,
  registry: OwnRegistry,
  cluster: Cluster,
  after: pulumi.Resource,
): void {
  new ClusterName(
    "registry-cluster-name",
    { host: registry.host, address: settings.host.address },
    { ...cluster.options, dependsOn: after },
  );
}
