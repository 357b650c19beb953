import { createHmac } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import {
  readAuthority,
  serverCertificate,
  type Authority,
  type ServerCertificate,
} from "../components/certificateAuthority.ts";
import type { Cluster } from "../components/cluster/cluster.ts";
import { Distribution } from "../components/cluster/distribution.ts";
import { Harbor } from "../components/cluster/harbor.ts";
import {
  configurationRevision,
  HarborConfiguration,
  lookAtHarbor,
  type HarborLook,
  type HarborTarget,
} from "../components/cluster/harborConfiguration.ts";
import { HARBOR_VOLUMES } from "../components/harborShape.ts";
import { expandHome } from "../components/host/connection.ts";
import { RegistryFolder } from "../components/host/registryFolder.ts";
import { budgetOf, describeBudget } from "./budget.ts";
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
  folder: "images are many, and the disk of / was full of them before",
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

/**
 * What a registry of our own has on the cluster.
 * @param configuration of Harbor, where that is the registry.
 */
export function registryOnCluster(
  settings: Settings,
  registry: OwnRegistry,
  { server }: RegistryIdentity,
  configuration: HarborState | undefined,
  cluster: Cluster,
  after: pulumi.Resource,
): void {
  const { host, cluster: access, phase1, secrets } = settings;
  const opts = (before: pulumi.Resource) => ({ ...cluster.options, dependsOn: before });
  const name = new ClusterName("registry-cluster-name", { host: registry.host, address: host.address }, opts(after));
  const common = {
    namespace: phase1.harbor?.namespace ?? "",
    host: registry.host,
    certificate: server?.certificate,
    key: secrets.registryServerKey,
    httpSecret: secrets.registryHttpSecret,
    node: access.node,
    path: registryPath(settings, registry),
    size: registry.size.text,
  };
  if (registry.option === "distribution") {
    const accounts = [
      { user: registry.pullUser, password: secrets.registryPullPassword },
      { user: registry.pushUser, password: secrets.registryPushPassword },
    ];
    new Distribution("registry", { ...common, image: registry.image, accounts }, opts(name));
    return;
  }
  const harbor = new Harbor(
    "harbor",
    {
      ...common,
      version: registry.version,
      kubeconfigFile: expandHome(access.kubeconfigFile),
      secrets: {
        adminPassword: secrets.harborAdminPassword,
        secretKey: secrets.harborSecretKey,
        databasePassword: secrets.harborDatabasePassword,
        registryPassword: secrets.harborRegistryPassword,
        coreSecret: secrets.harborCoreSecret,
        jobSecret: secrets.harborJobSecret,
        xsrfKey: secrets.harborXsrfKey,
        tokenKey: secrets.harborTokenKey,
      },
    },
    opts(name),
  );
  new HarborConfiguration(
    "harbor-configuration",
    { namespace: common.namespace, target: configuration?.target, revision: configuration?.revision ?? 1 },
    opts(harbor.installed),
  );
}

/** How Harbor is configured, and how it is to be. */
export interface HarborState {
  /** Undefined as long as a secret is missing. */
  readonly target: HarborTarget | undefined;
  readonly look: HarborLook;
  readonly revision: number;
}

/** Looks at Harbor, where it is the registry. @param last revision that the stack kept. */
export async function harborState(
  settings: Settings,
  { authority }: RegistryIdentity,
  last: unknown,
): Promise<HarborState | undefined> {
  const { registry } = settings.phase1;
  if (registry?.option !== "harbor") {
    return undefined;
  }
  const target = harborTarget(settings, registry, authority);
  const look =
    target === undefined
      ? { blind: "a secret of it is missing" }
      : last === undefined
        ? { blind: "this stack has not installed it yet" }
        : await lookAtHarbor(target);
  return { target, look, revision: configurationRevision(last, look) };
}

function harborTarget(
  { host, safety, secrets }: Settings,
  registry: Extract<OwnRegistry, { option: "harbor" }>,
  authority: Authority | undefined,
): HarborTarget | undefined {
  const { harborAdminPassword, registryPullPassword, registryPushPassword, replicationPassword } = secrets;
  const { replication, projects, retention, garbageCollection } = registry;
  if (
    authority === undefined ||
    harborAdminPassword === undefined ||
    registryPullPassword === undefined ||
    registryPushPassword === undefined ||
    (replication !== undefined && replicationPassword === undefined)
  ) {
    return undefined;
  }
  return {
    access: {
      host: registry.host,
      address: host.address,
      authority: authority.certificate,
      user: "admin",
      password: harborAdminPassword,
      timeout: safety.observeTimeout.seconds,
    },
    wanted: {
      projects,
      retention,
      garbageCollection,
      robots: [
        { name: registry.pullUser, may: ["pull"], password: registryPullPassword },
        { name: registry.pushUser, may: ["pull", "push"], password: registryPushPassword },
      ],
      ...(replication === undefined || replicationPassword === undefined
        ? {}
        : {
            replication: {
              ...replication,
              password: replicationPassword,
              // Keyed: this password is somebody's own, and perhaps short.
              passwordMark: createHmac("sha256", harborAdminPassword.reveal())
                .update(replicationPassword.reveal())
                .digest("hex")
                .slice(0, 16),
            },
          }),
    },
  };
}

/** The folders of its volumes, on its disk. */
export function registryFolder(
  settings: Settings,
  registry: OwnRegistry,
  host: Host,
  after: pulumi.Resource,
): pulumi.Resource {
  const folders =
    registry.option === "distribution"
      ? ["distribution"]
      : ["images", ...Object.values(HARBOR_VOLUMES).map(({ folder }) => folder)];
  const path = registryPath(settings, registry);
  const mount = settings.disks[registry.disk]?.mount ?? "";
  return new RegistryFolder("registry-folder", { mount, path, folders, why: WHY.folder }, host, { dependsOn: after });
}

function registryPath({ disks }: Settings, { disk }: OwnRegistry): string {
  return `${disks[disk]?.mount ?? ""}/twisterlab-edge/registry`;
}

/**
 * What a preview says of a registry of our own: the machine's budget, its certificate, and what becomes of the data when another
 * one takes its place.
 * @param before option that the stack was last applied with; undefined: none, or it never was.
 */
export function describeRegistry(
  settings: Settings,
  registry: Registry,
  { server }: RegistryIdentity,
  configuration: HarborState | undefined,
  before: string | undefined,
): string {
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  return [
    ...(before === undefined || before === registry.option ? [] : [describeSwitch(before, registry.option)]),
    ...(server === undefined
      ? []
      : [
          `${registry.host} has a certificate of the site's authority until ${day(server.validUntil)}; from ${day(server.renewedFrom)} on, up renews it.`,
        ]),
    ...(configuration === undefined ? [] : [describeLook(configuration.look)]),
    ...(registry.option === "external" ? [] : [describeBudget(budgetOf(settings))]),
  ].join("\n\n");
}

function describeLook(look: HarborLook): string {
  if ("blind" in look) {
    return `Harbor was not asked how it is configured: ${look.blind}. What it has is not compared: up looks again, when Harbor is up.`;
  }
  return look.changes.length === 0
    ? "Harbor is configured as the site file has it."
    : `Harbor is configured otherwise; up changes it:\n${look.changes.map((change) => `  - ${change}`).join("\n")}`;
}

/** What becomes of the data of a registry that another one takes the place of. */
export function describeSwitch(before: string, next: string): string {
  const stays: Record<string, string> = {
    harbor:
      "Harbor's images, database and volumes stay on their disk. Its HelmChart, its volumes and claims are protected, and up is refused until somebody has unprotected them (`npx pulumi state unprotect`); then Helm takes Harbor's pods away, and the volumes are left, with all that is in them: the same choice as before brings Harbor back as it was",
    distribution:
      "the images stay on their disk, in their volume. It is protected, and up is refused until somebody has unprotected it (`npx pulumi state unprotect`); then the pod goes, and the volume is left, with all that is in it",
    external: "whoever runs it keeps it as it is; K3s does not pull from it any more",
  };
  return `The registry was \`${before}\` and is to be \`${next}\`. Nothing is deleted: ${stays[before] ?? "nothing is known of it"}. No image is carried over: push again what is needed.`;
}

/** @throws RunError with the whole table, when the machine has not what all phases need with the registry. */
export function refuseOverBudget(settings: Settings, registry: Registry): void {
  if (registry.option === "external") {
    return;
  }
  const budget = budgetOf(settings);
  if (budget.faults.length > 0) {
    const faults = budget.faults.map((fault) => `  - ${fault}`).join("\n");
    throw new pulumi.RunError(
      `${settings.file}: there is no room for \`phase1.registry.option\` ${registry.option}:\n${faults}\n${describeBudget(budget)}\nTake something out, lower what \`workloads\` and \`phase0.mcpServices\` take on the cluster and here, or choose \`distribution\`.`,
    );
  }
}
