import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { HARBOR_CONTAINERS, HARBOR_VOLUMES } from "../harborShape.ts";
import { sha256 } from "../host/bundle.ts";
import type { Secret } from "../settings/values/secret.ts";
import { HelmChart, type Chart, type ChartValues } from "./helmChart.ts";
import { htpasswdLine } from "./htpasswd.ts";
import { localVolume } from "./localVolume.ts";
import {
  certificateSecret,
  INGRESS_CLASS,
  ONLY_HTTPS,
  STARTUP,
  textSecret,
  type RegistryAccess,
} from "./registryIdentity.ts";

/** What nobody may know of Harbor; what is undefined waits for `npm run secrets`. */
export type HarborSecrets = Readonly<
  Record<
    | "adminPassword"
    | "secretKey"
    | "databasePassword"
    | "registryPassword"
    | "coreSecret"
    | "jobSecret"
    | "xsrfKey"
    | "tokenKey",
    Secret | undefined
  >
>;

export interface HarborArgs extends RegistryAccess {
  /** Namespace, which is there. */
  namespace: string;
  /** Version of the chart goharbor/harbor-helm. */
  version: string;
  /** Node that the disk is in, by its name in Kubernetes. */
  node: string;
  /** Folder on that disk, with a folder for each volume. */
  path: string;
  /** Kubernetes quantity: what is asked for, for the images. */
  size: string;
  secrets: HarborSecrets;
  /** Kubeconfig by which its installation is waited for. */
  kubeconfigFile: string;
}

/** Where goharbor publishes its charts: https://github.com/goharbor/harbor-helm. */
const REPOSITORY = "https://helm.goharbor.io";

/** Name of the release and of what it is made of. */
const RELEASE = "harbor";

/** User that Harbor reaches the registry in it by; nobody else does. */
const REGISTRY_USER = "harbor_registry_user";

/**
 * Harbor, installed by K3s' own Helm controller: behind K3s' Traefik with the site's certificate, its data on a disk of its own,
 * each container with requests and limits, one scan at a time. All its secrets are in two Secrets, none in the values.
 * Its volumes are kept whatever becomes of it.
 */
export class Harbor extends pulumi.ComponentResource {
  /** There when Harbor is installed; its pods may still be on their way up. */
  readonly installed: pulumi.Resource;

  constructor(name: string, args: HarborArgs, opts?: pulumi.ComponentResourceOptions) {
    const { namespace, host, version, node, path, size } = args;
    super("twisterlab:cluster:Harbor", name, { namespace, host, version, node, path, size }, opts);
    const volumes = Object.entries({ registry: { folder: "images", size }, ...HARBOR_VOLUMES }).map(([part, volume]) =>
      localVolume(
        `${name}-${part}`,
        { claim: claimOf(part), namespace, node, path: `${path}/${volume.folder}`, size: volume.size },
        { parent: this },
      ),
    );
    const texts = secretTexts(args);
    const values = databaseValues(args.secrets);
    const secrets = [
      certificateSecret(RELEASE, namespace, args, { parent: this }),
      textSecret(`${RELEASE}-secrets`, namespace, texts, { parent: this }),
      textSecret(`${RELEASE}-values`, namespace, { "values.yaml": values }, { parent: this }),
    ];
    const chart = new HelmChart(
      name,
      {
        ...harborChart(args, digestOf(texts)),
        secrets: [{ name: `${RELEASE}-values`, keys: ["values.yaml"], digest: digestOf({ values }) }],
        timeout: STARTUP,
        kubeconfigFile: args.kubeconfigFile,
      },
      { parent: this, dependsOn: [...volumes, ...secrets] },
    );
    this.installed = chart.installed;
    this.registerOutputs({});
  }
}

/** What Helm is to install. @param secrets as of its values. */
export function harborChart(args: Pick<HarborArgs, "namespace" | "version" | "host">, secrets: string): Chart {
  const { namespace, version, host } = args;
  return {
    name: RELEASE,
    namespace,
    chart: "harbor",
    repository: REPOSITORY,
    version,
    values: harborValues(host, secrets),
  };
}

/**
 * Values of goharbor/harbor-helm 1.19 (its values.yaml and templates). What is not here has a default that is no secret and fits.
 * @param secrets another text for other secrets: pods read theirs when they start, so they are started again.
 */
export function harborValues(host: string, secrets: string): ChartValues {
  const existing = `${RELEASE}-secrets`;
  const restarted = { podAnnotations: { "twisterlab-edge/secrets": secrets } };
  const kept = { revisionHistoryLimit: 2 };
  const container = (part: keyof typeof HARBOR_CONTAINERS): ChartValues => ({
    resources: HARBOR_CONTAINERS[part],
  });
  return {
    externalURL: `https://${host}`,
    expose: {
      type: "ingress",
      // `auto` would make another authority at each upgrade.
      tls: { enabled: true, certSource: "secret", secret: { secretName: `${RELEASE}-tls` } },
      ingress: { hosts: { core: host }, className: INGRESS_CLASS, annotations: ONLY_HTTPS },
    },
    persistence: {
      enabled: true,
      resourcePolicy: "keep",
      persistentVolumeClaim: {
        registry: { existingClaim: claimOf("registry") },
        jobservice: { jobLog: { existingClaim: claimOf("jobservice") } },
        database: { existingClaim: claimOf("database") },
        redis: { existingClaim: claimOf("redis") },
        trivy: { existingClaim: claimOf("trivy") },
      },
    },
    // A volume of one node, and no memory for two of each.
    updateStrategy: { type: "Recreate" },
    ipFamily: { ipv6: { enabled: false } },
    existingSecretAdminPassword: existing,
    existingSecretSecretKey: existing,
    metrics: { enabled: true },
    portal: { ...container("portal"), ...kept },
    core: {
      ...container("core"),
      ...kept,
      ...restarted,
      existingSecret: existing,
      existingXsrfSecret: existing,
      secretName: existing,
    },
    // Ten by default, each with memory of its own: one scan at a time, and a garbage collection beside it.
    jobservice: { ...container("jobservice"), ...kept, ...restarted, existingSecret: existing, maxJobWorkers: 2 },
    registry: {
      ...kept,
      ...restarted,
      existingSecret: existing,
      credentials: { username: REGISTRY_USER, existingSecret: existing },
      registry: container("registry"),
      controller: container("registryctl"),
    },
    trivy: {
      enabled: true,
      ...container("trivy"),
      extraEnvVars: [{ name: "SCANNER_JOB_QUEUE_WORKER_CONCURRENCY", value: "1" }],
    },
    database: {
      type: "internal",
      internal: {
        ...container("database"),
        initContainer: { permissions: container("database") },
        // It counts as the container's memory; 512Mi by default.
        shmSizeLimit: "128Mi",
      },
      // 900 by default, some MiB of memory each.
      maxOpenConns: 50,
      maxIdleConns: 10,
    },
    redis: { type: "internal", internal: container("redis") },
    exporter: { ...container("exporter"), ...kept },
  };
}

/** What Harbor's parts read from the one Secret, by the keys that the chart has for it. */
function secretTexts({ secrets, httpSecret }: HarborArgs): Record<string, Secret | undefined> {
  return {
    HARBOR_ADMIN_PASSWORD: secrets.adminPassword,
    secretKey: secrets.secretKey,
    secret: secrets.coreSecret,
    JOBSERVICE_SECRET: secrets.jobSecret,
    CSRF_KEY: secrets.xsrfKey,
    REGISTRY_HTTP_SECRET: httpSecret,
    REGISTRY_PASSWD: secrets.registryPassword,
    REGISTRY_HTPASSWD: secrets.registryPassword?.map((password) => htpasswdLine(REGISTRY_USER, password)),
    "tls.key": secrets.tokenKey,
  };
}

/** The one secret that the chart takes from nowhere but its values. */
function databaseValues({ databasePassword }: HarborSecrets): Secret | undefined {
  return databasePassword?.map((password) => stringify(databaseValue(password)));
}

/** In the shape of the chart's values. */
export function databaseValue(password: string): ChartValues {
  return { database: { internal: { password } } };
}

/** Another text for every other content, which it does not tell. */
function digestOf(texts: Readonly<Record<string, Secret | undefined>>): string {
  return sha256(JSON.stringify(Object.entries(texts).map(([key, text]) => [key, text?.reveal() ?? ""]))).slice(0, 32);
}

function claimOf(part: string): string {
  return `${RELEASE}-${part}`;
}
