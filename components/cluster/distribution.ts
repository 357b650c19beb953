import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { DISTRIBUTION_CONTAINER } from "../harborShape.ts";
import { sha256 } from "../host/bundle.ts";
import { Secret } from "../settings/values/secret.ts";
import { htpasswdLine } from "./htpasswd.ts";
import { jobLabels } from "./labels.ts";
import { localVolume } from "./localVolume.ts";
import { certificateSecret, INGRESS_CLASS, ONLY_HTTPS, textSecret, type RegistryAccess } from "./registryIdentity.ts";

export interface DistributionArgs extends RegistryAccess {
  /** Namespace, which is there. */
  namespace: string;
  /** Image of the CNCF's distribution, with its tag. */
  image: string;
  /** Node that the disk is in, by its name in Kubernetes. */
  node: string;
  /** Folder on that disk, with a folder for the images. */
  path: string;
  /** Kubernetes quantity: what is asked for, for the images. */
  size: string;
  /** Accounts that may pull and push, with their passwords: it knows no other rights. */
  accounts: readonly { user: string; password: Secret | undefined }[];
}

/** Name of its objects. */
const NAME = "registry";

const PORT = 5000;

/** Not root, and nobody on the node. Its volume belongs to the group. */
const USER = 10_590;

/**
 * A plain registry of the CNCF's distribution behind K3s' Traefik, with the site's certificate and passwords: what is left of
 * Harbor where the machine has no room for it. It scans nothing, and whoever may pull may push.
 */
export class Distribution extends pulumi.ComponentResource {
  constructor(name: string, args: DistributionArgs, opts?: pulumi.ComponentResourceOptions) {
    const { namespace, host, image, node, path, size } = args;
    super("twisterlab:cluster:Distribution", name, { namespace, host, image, node, path, size }, opts);
    const labels = jobLabels(NAME);
    const metadata = { name: NAME, namespace, labels };
    const claim = localVolume(
      `${name}-images`,
      { claim: `${NAME}-images`, namespace, node, path: `${path}/distribution`, size },
      { parent: this },
    );
    const passwords = htpasswd(args);
    const secrets = [
      certificateSecret(NAME, namespace, args, { parent: this }),
      textSecret(
        `${NAME}-secrets`,
        namespace,
        { htpasswd: passwords, REGISTRY_HTTP_SECRET: args.httpSecret },
        { parent: this },
      ),
    ];
    const config = distributionConfig(host);
    const settings = new kubernetes.core.v1.ConfigMap(
      `${name}-config`,
      { metadata, data: { "config.yml": config } },
      { parent: this },
    );
    const probe = { tcpSocket: { port: "http" }, periodSeconds: 10, timeoutSeconds: 5 };
    const deployment = new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          revisionHistoryLimit: 2,
          // Two of them on one folder would not know of each other's uploads.
          strategy: { type: "Recreate" },
          selector: { matchLabels: labels },
          template: {
            metadata: {
              labels,
              // It reads both when it starts.
              annotations: {
                "twisterlab-edge/accounts": sha256(passwords?.reveal() ?? "").slice(0, 32),
                "twisterlab-edge/config": sha256(config).slice(0, 32),
              },
            },
            spec: {
              automountServiceAccountToken: false,
              securityContext: {
                runAsNonRoot: true,
                runAsUser: USER,
                runAsGroup: USER,
                fsGroup: USER,
                fsGroupChangePolicy: "OnRootMismatch",
                seccompProfile: { type: "RuntimeDefault" },
              },
              containers: [
                {
                  name: NAME,
                  image,
                  ports: [{ name: "http", containerPort: PORT }],
                  // Its image takes a file for the configuration that it is to serve.
                  args: ["/config/config.yml"],
                  env: [
                    // It would look for a collector on its own port otherwise.
                    { name: "OTEL_TRACES_EXPORTER", value: "none" },
                    {
                      name: "REGISTRY_HTTP_SECRET",
                      valueFrom: { secretKeyRef: { name: `${NAME}-secrets`, key: "REGISTRY_HTTP_SECRET" } },
                    },
                  ],
                  resources: DISTRIBUTION_CONTAINER,
                  readinessProbe: probe,
                  livenessProbe: { ...probe, initialDelaySeconds: 30 },
                  terminationMessagePolicy: "FallbackToLogsOnError",
                  securityContext: {
                    allowPrivilegeEscalation: false,
                    readOnlyRootFilesystem: true,
                    capabilities: { drop: ["ALL"] },
                  },
                  volumeMounts: [
                    { name: "images", mountPath: "/images" },
                    { name: "accounts", mountPath: "/accounts", readOnly: true },
                    { name: "config", mountPath: "/config", readOnly: true },
                  ],
                },
              ],
              volumes: [
                { name: "images", persistentVolumeClaim: { claimName: claim.metadata.name } },
                {
                  name: "accounts",
                  secret: { secretName: `${NAME}-secrets`, items: [{ key: "htpasswd", path: "htpasswd" }] },
                },
                { name: "config", configMap: { name: NAME } },
              ],
            },
          },
        },
      },
      { parent: this, dependsOn: [claim, settings, ...secrets] },
    );
    const service = new kubernetes.core.v1.Service(
      `${name}-service`,
      { metadata, spec: { selector: labels, ports: [{ name: "http", port: PORT, targetPort: "http" }] } },
      { parent: this, dependsOn: deployment },
    );
    new kubernetes.networking.v1.Ingress(
      `${name}-ingress`,
      {
        metadata: { ...metadata, annotations: ONLY_HTTPS },
        spec: {
          ingressClassName: INGRESS_CLASS,
          tls: [{ hosts: [host], secretName: `${NAME}-tls` }],
          rules: [
            {
              host,
              http: {
                paths: [
                  { path: "/v2/", pathType: "Prefix", backend: { service: { name: NAME, port: { name: "http" } } } },
                ],
              },
            },
          ],
        },
      },
      { parent: this, dependsOn: service },
    );
    this.registerOutputs({});
  }
}

/** Its configuration: https://distribution.github.io/distribution/about/configuration/. */
export function distributionConfig(host: string): string {
  return stringify({
    version: 0.1,
    log: { level: "info" },
    http: { addr: `:${PORT}`, host: `https://${host}` },
    storage: { filesystem: { rootdirectory: "/images" }, delete: { enabled: true } },
    auth: { htpasswd: { realm: host, path: "/accounts/htpasswd" } },
  });
}

/** The accounts as the registry reads them; undefined as long as a password is missing. */
function htpasswd({ accounts }: DistributionArgs): Secret | undefined {
  const lines = accounts.map(({ user, password }) => password?.map((text) => htpasswdLine(user, text)));
  const known = lines.filter((line) => line !== undefined);
  return known.length < lines.length ? undefined : new Secret(known.map((line) => line.reveal()).join("\n"));
}
