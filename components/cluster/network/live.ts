import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import { STACK } from "../ownership.ts";
import type { Labels, Port } from "./flows.ts";
import type { Policy, PolicySpec } from "./policies.ts";

export interface LivePod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Whether it has a network of its own and has not ended: policies count for it. */
  readonly governed: boolean;
  readonly ready: boolean;
  /** How often its containers were started anew. */
  readonly restarts: number;
  readonly ports: readonly (Port & { readonly name?: string })[];
  /** Environment that is written down in clear. Values may be secrets all the same, and are shown nowhere. */
  readonly environment: readonly { readonly name: string; readonly value: string }[];
}

/** A Deployment, StatefulSet or DaemonSet. */
export interface LiveWorkload {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Labels of the pods that it makes. */
  readonly labels: Labels;
  readonly ready: number;
  readonly wanted: number;
}

export interface LiveService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Labels;
  readonly targets: readonly { readonly protocol: Port["protocol"]; readonly port: number | string }[];
}

export interface LivePolicy extends Policy {
  /** Stack of this program that has made it; undefined for another's. */
  readonly stack: string | undefined;
  /** The object itself, for the way back. */
  readonly object: KubernetesObject;
}

/** What network policies depend on, as a cluster has it. */
export interface LiveNetwork {
  readonly pods: readonly LivePod[];
  readonly workloads: readonly LiveWorkload[];
  readonly services: readonly LiveService[];
  readonly policies: readonly LivePolicy[];
  readonly namespaceLabels: Readonly<Record<string, Labels>>;
}

const POLICIES = ["networking.k8s.io/v1", "NetworkPolicy"] as const;

/** Reads all of it. @throws Error when the cluster does not answer. */
export async function readNetwork(api: KubernetesObjectApi): Promise<LiveNetwork> {
  const [health, services, policies, namespaces] = await Promise.all([
    readHealth(api),
    list<Service>(api, "v1", "Service"),
    readPolicies(api),
    list<object>(api, "v1", "Namespace"),
  ]);
  return {
    ...health,
    services: services.map(serviceOf),
    policies,
    namespaceLabels: Object.fromEntries(namespaces.map(({ name, labels }) => [name, labels])),
  };
}

/** Pods and workloads of a namespace, or of all of them. */
export async function readHealth(api: KubernetesObjectApi, namespace?: string) {
  const [pods, ...workloads] = await Promise.all([
    list<Pod>(api, "v1", "Pod", namespace),
    ...["Deployment", "StatefulSet", "DaemonSet"].map((kind) => list<Workload>(api, "apps/v1", kind, namespace)),
  ]);
  return { pods: pods.map(podOf), workloads: workloads.flat().map(workloadOf) };
}

export async function readPolicies(api: KubernetesObjectApi, namespace?: string): Promise<LivePolicy[]> {
  const policies = await list<{ spec: PolicySpec }>(api, ...POLICIES, namespace);
  return policies.map(({ name, namespace: there, annotations, object }) => ({
    name,
    namespace: there,
    spec: object.spec,
    stack: annotations[STACK],
    object: { ...object, apiVersion: POLICIES[0], kind: POLICIES[1] },
  }));
}

interface Pod {
  spec?: { hostNetwork?: boolean; containers: Container[] };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number }[];
  };
}

interface Container {
  ports?: { name?: string; containerPort: number; protocol?: Port["protocol"] }[];
  env?: { name: string; value?: string }[];
}

interface Service {
  spec?: {
    selector?: Labels;
    ports?: { port: number; targetPort?: number | string; protocol?: Port["protocol"] }[];
  };
}

interface Workload {
  spec: { replicas?: number; template: { metadata?: { labels?: Labels } } };
  status?: { readyReplicas?: number; numberReady?: number; desiredNumberScheduled?: number };
}

interface Named<T> {
  readonly name: string;
  readonly namespace: string;
  readonly kind: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly object: KubernetesObject & T;
}

async function list<T>(
  api: KubernetesObjectApi,
  apiVersion: string,
  kind: string,
  namespace?: string,
): Promise<Named<T>[]> {
  const { items } = await api.list<KubernetesObject & T>(apiVersion, kind, namespace);
  return items.map((object) => ({
    name: object.metadata?.name ?? "",
    namespace: object.metadata?.namespace ?? "",
    labels: object.metadata?.labels ?? {},
    annotations: object.metadata?.annotations ?? {},
    kind,
    object,
  }));
}

function podOf({ name, namespace, labels, object: { spec, status } }: Named<Pod>): LivePod {
  const containers = spec?.containers ?? [];
  const ended = ["Succeeded", "Failed"].includes(status?.phase ?? "");
  return {
    name,
    namespace,
    labels,
    governed: spec?.hostNetwork !== true && !ended,
    ready: status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false,
    restarts: (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    ports: containers.flatMap(({ ports = [] }) =>
      ports.map(({ name: called, containerPort, protocol = "TCP" }) => ({
        ...(called === undefined ? {} : { name: called }),
        port: containerPort,
        protocol,
      })),
    ),
    environment: containers.flatMap(({ env = [] }) =>
      env.flatMap(({ name: variable, value }) => (value === undefined ? [] : [{ name: variable, value }])),
    ),
  };
}

function workloadOf({ name, namespace, kind, object: { spec, status } }: Named<Workload>): LiveWorkload {
  return {
    kind,
    name,
    namespace,
    labels: spec.template.metadata?.labels ?? {},
    ready: status?.readyReplicas ?? status?.numberReady ?? 0,
    wanted: spec.replicas ?? status?.desiredNumberScheduled ?? 0,
  };
}

function serviceOf({ name, namespace, object: { spec } }: Named<Service>): LiveService {
  return {
    name,
    namespace,
    selector: spec?.selector ?? {},
    targets: (spec?.ports ?? []).map(({ port, targetPort = port, protocol = "TCP" }) => ({
      protocol,
      port: targetPort,
    })),
  };
}
