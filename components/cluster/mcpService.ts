import { createHash } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";

export interface McpServiceArgs {
  /** Name of its Deployment, its Service and its disruption budget. */
  name: string;
  namespace: string;
  /** Image with its tag. */
  image: string;
  /** `Never` for an image that only K3s has; `IfNotPresent` for one that a registry has. */
  pullPolicy: "IfNotPresent" | "Never";
  /** What tells its pods from all others of the namespace. Kubernetes cannot change it: other labels are another Deployment. */
  labels: Readonly<Record<string, string>>;
  /** Port that it listens on, and its Service has. Default: 8080. */
  port?: number;
  /** Path that answers with 200 when it is well. Default: /health. */
  health?: string;
  /** Default: 1. */
  replicas?: number;
  /** Kubernetes quantities: what each pod is promised, and may use at most. */
  requests: { cpu: string; memory: string };
  limits: { cpu: string; memory: string };
  /** Old ReplicaSets that its Deployment keeps. */
  historyLimit: number;
  /** Environment of its container. Default: only HOME, which is /tmp. */
  environment?: readonly kubernetes.types.input.core.v1.EnvVar[];
}

/** Not root, and nobody in its image: what is to be read in there must be readable for all. Our choice. */
const USER = 10_580;

/** Seconds in which it must answer before it is started anew: Python on a spinning disk, with room. Our choice. */
const STARTUP = 90;

/** Seconds after which an update has failed; its last words come with the error. Kubernetes says so itself a little earlier. */
const UPDATE_LIMIT = 180;

/**
 * An MCP service: its pods, and the one address for them. An update ends when they answer, or fails within three minutes with
 * the reason and the end of the log of the pod that does not.
 */
export class McpService extends pulumi.ComponentResource {
  /** Where the cluster's other pods reach it. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: McpServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:McpService", name, args, opts);
    const { port = 8080, health = "/health", replicas = 1 } = args;
    const selector = { ...args.labels };
    const labels = { ...MANAGED_BY, ...selector };
    const metadata = { name: args.name, namespace: args.namespace, labels };
    const limit = `${UPDATE_LIMIT}s`;
    const customTimeouts = { create: limit, update: limit, delete: limit };
    const spec = {
      replicas,
      revisionHistoryLimit: args.historyLimit,
      progressDeadlineSeconds: UPDATE_LIMIT - 60,
      // Ready once is not enough: one that dies of its first request has not come up.
      minReadySeconds: 10,
      // One goes before another comes, also where there is only one: the node has no memory to spare, and what the kubelet
      // would evict for it could be a database. Not `Recreate`: the provider takes the moment in which there is neither
      // the old one nor the new one for the end of the update.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: args.name,
              image: args.image,
              imagePullPolicy: args.pullPolicy,
              ports: [{ name: "http", containerPort: port }],
              // Its user has no home, and nothing but /tmp can be written to.
              env: [{ name: "HOME", value: "/tmp" }, ...(args.environment ?? [])],
              resources: { requests: args.requests, limits: args.limits },
              startupProbe: { ...probe(health, 3), failureThreshold: STARTUP / 3 },
              readinessProbe: probe(health, 10),
              livenessProbe: probe(health, 20),
              terminationMessagePolicy: "FallbackToLogsOnError",
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
            },
          ],
          volumes: [{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } }],
        },
      },
    };
    const deployment = new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      { metadata, spec },
      { parent: this, customTimeouts },
    );
    // The provider (4.25) sometimes takes what it knew of a Deployment before an update for what has come of it, and is done
    // at once. A second look begins when it knows the update, and is taken whenever there is something else to look at.
    const confirmed = new kubernetes.apps.v1.DeploymentPatch(
      `${name}-confirm`,
      {
        metadata: {
          name: args.name,
          namespace: args.namespace,
          annotations: { "twisterlab-edge/confirmed": pulumi.jsonStringify(spec).apply(digest) },
        },
      },
      {
        parent: this,
        customTimeouts,
        dependsOn: [deployment],
        deletedWith: deployment,
        // What it sees of the Deployment is kept in the state, secrets in its environment and all.
        additionalSecretOutputs: ["metadata", "spec"],
      },
    );
    new kubernetes.core.v1.Service(
      `${name}-service`,
      { metadata, spec: { selector, ports: [{ name: "http", port, targetPort: "http" }] } },
      // It would wait for pods that answer as well, and say nothing of why they do not.
      { parent: this, customTimeouts, dependsOn: [confirmed] },
    );
    new kubernetes.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      {
        metadata,
        spec: {
          selector: { matchLabels: selector },
          // One after the other. With `minAvailable: 1` a drain would wait for ever for the only pod there is, and so it
          // would for one that never becomes ready, which protects nothing.
          maxUnavailable: 1,
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      { parent: this },
    );
    this.url = pulumi.output(`http://${args.name}.${args.namespace}.svc:${port}`);
    this.registerOutputs({ url: this.url });
  }
}

/** A probe that three times in a row must fail, with a machine in mind that is busy: its answer may take 5 s. */
function probe(path: string, periodSeconds: number): kubernetes.types.input.core.v1.Probe {
  return { httpGet: { path, port: "http" }, periodSeconds, timeoutSeconds: 5, failureThreshold: 3 };
}

/** A short text that is another one for every other content. */
function digest(content: string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
