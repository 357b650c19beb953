import { setTimeout as pause } from "node:timers/promises";
import type { KubernetesObjectApi } from "@kubernetes/client-node";
import { type ClusterApi, reasonOf } from "../clusterApi.ts";
import { MANAGER } from "../ownership.ts";
import { type LiveNetwork, type LivePolicy, type LiveWorkload, readHealth, readPolicies } from "./live.ts";
import { DEFAULT_DENY } from "./policies.ts";

/** Milliseconds between two looks at a namespace. Our choice. */
const INTERVAL = 3_000;

/** Health of a namespace: its workloads, and the restarts of pods that were well. */
export type Health = Pick<LiveNetwork, "pods" | "workloads">;

/**
 * Watches a namespace after its policies have changed: its workloads stay as ready as they were before the run, and their pods
 * are not started anew. Else the policies go back to what they were, and the run ends.
 */
export class Rollout {
  readonly #api: ClusterApi;
  readonly #stack: string;
  readonly #watch: number;
  #before: LiveNetwork | undefined;

  /** @param watch seconds for which a namespace is watched. */
  constructor(api: ClusterApi, stack: string, watch: number) {
    this.#api = api;
    this.#stack = stack;
    this.#watch = watch;
  }

  /** How the cluster was before anything is applied: what it is compared with, and what it goes back to. */
  beginFrom(before: LiveNetwork): void {
    this.#before = before;
  }

  /**
   * To run after the last policy of a namespace was made or changed.
   * @throws Error when the namespace is worse off, or cannot be looked at: what was applied there was taken back, or why not.
   */
  async check(namespace: string): Promise<void> {
    const before = this.#before;
    if (before === undefined) {
      throw new Error(`${namespace} was not looked at before its policies changed`);
    }
    const end = performance.now() + this.#watch * 1000;
    // One look may meet a moment: two in a row count.
    for (let suspected = false; ;) {
      await pause(Math.min(INTERVAL, this.#watch * 1000));
      const verdict = await this.#look(before, namespace);
      if (verdict.worse.length > 0 && suspected) {
        throw new Error(`${await this.#takeBack(before, namespace)}: ${describe(verdict)}`);
      }
      suspected = verdict.worse.length > 0;
      if (!suspected && performance.now() >= end) return;
    }
  }

  async #look(before: Health, namespace: string): Promise<Verdict> {
    try {
      const now = await this.#api.inTime(this.#api.open().then((api) => readHealth(api, namespace)));
      return compare(before, now, namespace);
    } catch (error) {
      return { worse: [`the cluster did not answer: ${reasonOf(error)}`], well: [] };
    }
  }

  /** @returns what became of the policies, as the beginning of a sentence. */
  async #takeBack({ policies }: LiveNetwork, namespace: string): Promise<string> {
    const isOurs = (policy: LivePolicy): boolean => policy.namespace === namespace && policy.stack === this.#stack;
    try {
      const api = await this.#api.open();
      const now = (await this.#api.inTime(readPolicies(api, namespace))).filter(isOurs);
      await this.#api.inTime(restore(api, policies.filter(isOurs), now));
      return `the network policies of ${namespace} were taken back to what they were`;
    } catch (error) {
      return `the network policies of ${namespace} could NOT be taken back (${reasonOf(error)}; by hand: kubectl delete networkpolicy --namespace ${namespace} --selector app.kubernetes.io/managed-by=twisterlab-edge)`;
    }
  }
}

/** What two looks at a namespace say. */
export interface Verdict {
  /** What is worse than before, a few words each. */
  readonly worse: readonly string[];
  /** Workloads that are as before. */
  readonly well: readonly string[];
}

/** Compares the health of a namespace with what it was. */
export function compare(before: Health, now: Health, namespace: string): Verdict {
  const here = <T extends { namespace: string }>(all: readonly T[]): T[] =>
    all.filter((each) => each.namespace === namespace);
  const called = ({ kind, name }: LiveWorkload): string => `${kind} ${name}`;
  const pairs = here(before.workloads).map((was) => ({
    was,
    is: here(now.workloads).find((each) => called(each) === called(was)),
  }));
  // One that somebody scales down meanwhile, or removes, is not worse off for it.
  const fewer = pairs.flatMap(({ was, is }) =>
    is !== undefined && is.ready < Math.min(was.ready, is.wanted) ? [{ was, is }] : [],
  );
  const restarted = here(now.pods).filter((pod) => {
    const was = here(before.pods).find(({ name }) => name === pod.name);
    return was?.ready === true && pod.restarts > was.restarts;
  });
  return {
    worse: [
      ...fewer.map(({ was, is }) => `${called(was)} has ${is.ready} of ${is.wanted} pods ready, and had ${was.ready}`),
      ...restarted.map(({ name }) => `the pod ${name} was started anew`),
    ],
    well: pairs.filter(({ was }) => !fewer.some((each) => each.was === was)).map(({ was }) => called(was)),
  };
}

function describe({ worse, well }: Verdict): string {
  return `${worse.join(", ")}; as before: ${well.length === 0 ? "nothing" : well.join(", ")}`;
}

/** Makes the policies of a namespace what they were; the one that refuses goes first. */
async function restore(
  api: KubernetesObjectApi,
  before: readonly LivePolicy[],
  now: readonly LivePolicy[],
): Promise<void> {
  const { PatchStrategy } = await import("@kubernetes/client-node");
  const isDeny = ({ name }: LivePolicy): boolean => name === DEFAULT_DENY;
  const added = now.filter(({ name }) => !before.some((policy) => policy.name === name));
  for (const { object } of added.sort((a, b) => Number(isDeny(b)) - Number(isDeny(a)))) {
    await api.delete(object);
  }
  for (const { object } of before) {
    // As this program applies it, so that every field goes back to what it was.
    const applied = structuredClone(object);
    delete applied.metadata?.managedFields;
    delete applied.metadata?.resourceVersion;
    delete applied.metadata?.uid;
    await api.patch(applied, undefined, undefined, MANAGER, true, PatchStrategy.ServerSideApply);
  }
}
