import type { KubernetesObject, V1CustomResourceDefinition } from "@kubernetes/client-node";
import { setTimeout as pause } from "node:timers/promises";
import { reasonOf } from "./clusterApi.ts";

/** What the cluster has of MetalLB. */
export interface MetalLbView {
  /** Its definitions, by name; undefined: not there. */
  readonly definitions: Readonly<Record<string, V1CustomResourceDefinition | undefined>>;
  /** What the webhook said to the pool on trial: nothing when it takes it. Undefined: it was not asked. */
  readonly answer?: { readonly refusal?: string };
}

/** The kinds that are made: both go through the same webhook. */
export const DEFINITIONS = ["ipaddresspools.metallb.io", "l2advertisements.metallb.io"];

export type MetalLbVerdict = { is: "ready" } | { is: "refused"; why: string } | { is: "waiting"; for: string };

/** Whether a pool can be made: its kinds are served, and the webhook, whose failure policy is `Fail`, answers. */
export function judgeMetalLb({ definitions, answer }: MetalLbView): MetalLbVerdict {
  const missing = DEFINITIONS.find((name) => !isEstablished(definitions[name]));
  if (missing !== undefined) {
    return { is: "waiting", for: `the kind ${missing} is not served yet` };
  }
  if (answer === undefined) {
    return { is: "waiting", for: "its webhook was not asked yet" };
  }
  if (answer.refusal === undefined) {
    return { is: "ready" };
  }
  // The API server's words for a webhook that it did not reach; whatever else is said, the webhook has said.
  return answer.refusal.includes("failed calling webhook")
    ? { is: "waiting", for: `its webhook does not answer yet (${answer.refusal})` }
    : { is: "refused", why: answer.refusal };
}

/** Seconds between two looks. */
const INTERVAL = 2;

/**
 * Waits until a pool can be made. It is made on trial for that, which changes nothing.
 * @param limit seconds.
 * @throws Error when the webhook refuses the pool, or when it is not ready in time, with what it waits for.
 */
export async function awaitMetalLb(kubeconfigFile: string, pool: KubernetesObject, limit: number): Promise<void> {
  const view = await openView(kubeconfigFile, pool);
  const end = Date.now() + limit * 1000;
  for (;;) {
    let verdict: MetalLbVerdict;
    try {
      verdict = judgeMetalLb(await view());
    } catch (error) {
      // The API server may be away for a while.
      verdict = { is: "waiting", for: reasonOf(error) };
    }
    if (verdict.is === "ready") {
      return;
    }
    if (verdict.is === "refused") {
      throw new Error(`MetalLB does not take the pool: ${verdict.why}`);
    }
    if (Date.now() > end) {
      throw new Error(`MetalLB was not ready within ${limit} s: ${verdict.for}`);
    }
    await pause(INTERVAL * 1000);
  }
}

function isEstablished(definition: V1CustomResourceDefinition | undefined): boolean {
  return (
    definition?.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") === true
  );
}

async function openView(kubeconfigFile: string, pool: KubernetesObject): Promise<() => Promise<MetalLbView>> {
  // Only here: a preview that waits for nothing does not pay for loading the library.
  const { ApiextensionsV1Api, KubeConfig, KubernetesObjectApi, PatchStrategy } =
    await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigFile);
  const extensions = config.makeApiClient(ApiextensionsV1Api);
  return async () => {
    const { items } = await extensions.listCustomResourceDefinition();
    const definitions = Object.fromEntries(
      DEFINITIONS.map((name) => [name, items.find(({ metadata }) => metadata?.name === name)]),
    );
    if (!DEFINITIONS.every((name) => isEstablished(definitions[name]))) {
      return { definitions };
    }
    try {
      // A client of its own for each look: it keeps what kinds there were when it was asked first.
      const objects = KubernetesObjectApi.makeApiClient(config);
      const [dryRun, manager, force] = ["All", "twisterlab-edge", true] as const;
      await objects.patch(pool, undefined, dryRun, manager, force, PatchStrategy.ServerSideApply);
      return { definitions, answer: {} };
    } catch (error) {
      const refusal = reasonOf(error);
      const { code } = error as { code?: unknown };
      if (typeof code !== "number") throw error;
      return { definitions, answer: { refusal } };
    }
  };
}
