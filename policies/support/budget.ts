import type { Field } from "./field.ts";
import { kindOf, namespaceOf, type Resource } from "./resource.ts";
import { podsOf, type Pods } from "./pods.ts";
import { millicores, quantity } from "./quantity.ts";

/** What is asked of the machine, in thousandths of a core and bytes. */
export interface Share {
  readonly cpu: number;
  readonly memory: number;
}

export const NOTHING: Share = { cpu: 0, memory: 0 };

export function plus(one: Share, other: Share): Share {
  return { cpu: one.cpu + other.cpu, memory: one.memory + other.memory };
}

export function times(share: Share, count: number): Share {
  return { cpu: share.cpu * count, memory: share.memory * count };
}

/** The larger of each. */
export function most(one: Share, other: Share): Share {
  return { cpu: Math.max(one.cpu, other.cpu), memory: Math.max(one.memory, other.memory) };
}

/**
 * What the scheduler counts for a pod: its containers together, or an init container with the sidecars before it, where that is
 * more. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
export function podRequest({ spec }: Pods): Share {
  let [sidecars, peak] = [NOTHING, NOTHING];
  for (const container of spec.at("initContainers").list()) {
    if (container.at("restartPolicy").text() === "Always") sidecars = plus(sidecars, request(container));
    else peak = most(peak, plus(sidecars, request(container)));
  }
  const containers = spec.at("containers").list().map(request);
  return most(peak, containers.reduce(plus, sidecars));
}

/** An object with pods, as the machine has to bear it. */
export interface Load {
  readonly resource: Resource;
  readonly name: string;
  /** While nothing changes. */
  readonly steady: Share;
  /** On top, while it is updated. */
  readonly surge: Share;
}

/** What a resource asks of the one node; undefined for what makes no pods, or only patches them. */
export function loadOf(resource: Resource): Load | undefined {
  const [pods] = podsOf(resource);
  if (pods === undefined || pods.patch) return undefined;
  const share = podRequest(pods);
  const { inputs } = resource;
  const kind = kindOf(resource)?.kind;
  const spec = inputs.at("spec");
  const isCounted = kind === "Deployment" || kind === "StatefulSet" || kind === "ReplicaSet";
  const replicas = isCounted ? (spec.at("replicas").number() ?? 1) : 1;
  const count = kind === "CronJob" || kind === "Job" ? (podsOfJob(spec, kind) ?? 1) : replicas;
  return {
    resource,
    name: `${namespaceOf(resource)}/${inputs.at("metadata", "name").text() ?? resource.name}`,
    steady: times(share, count),
    surge: times(share, kind === "Deployment" ? surge(spec.at("strategy"), replicas) : 0),
  };
}

function podsOfJob(spec: Field, kind: "CronJob" | "Job"): number | undefined {
  return (kind === "Job" ? spec : spec.at("jobTemplate", "spec")).at("parallelism").number();
}

/** Pods that come before others go; the default is a quarter, rounded up. */
export function surge(strategy: Field, replicas: number): number {
  if (strategy.at("type").text() === "Recreate") return 0;
  const given = strategy.at("rollingUpdate", "maxSurge");
  if (typeof given.value === "number") return given.value;
  return Math.ceil((replicas * Number.parseFloat(given.text() ?? "25%")) / 100);
}

function request(container: Field): Share {
  const requests = container.at("resources", "requests");
  return { cpu: millicores(requests.at("cpu")) ?? 0, memory: quantity(requests.at("memory")) ?? 0 };
}
