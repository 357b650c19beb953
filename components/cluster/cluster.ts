import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, type ClusterAccess } from "./clusterProvider.ts";
import type { KubernetesObjectApi } from "@kubernetes/client-node";
import { type ClusterApi, reasonOf } from "./clusterApi.ts";
import type { ClusterLook, Ownership } from "./ownership.ts";

/** What somebody wants to know of the cluster before anything is applied. */
export interface Examiner {
  /** Asks. @throws Error when the cluster does not answer. */
  examine(api: KubernetesObjectApi): Promise<Pick<ClusterLook, "refusals" | "notes">>;
  /** What the preview is to show of it, whether the cluster has answered or not. */
  page(): string;
}

/** The cluster as a phase sees it: the way in, and a look at what is there before anything is made. */
export class Cluster {
  /** The way to ask it beside the provider. */
  readonly api: ClusterApi;
  readonly #access: ClusterAccess & { kubeconfigFile: string };
  readonly #ownership: Ownership;
  readonly #looked: Promise<unknown>;
  #provider: kubernetes.Provider | undefined;
  #examiner: Examiner | undefined;

  /** @param looked nothing is made before it resolves. */
  constructor(
    access: ClusterAccess & { kubeconfigFile: string },
    ownership: Ownership,
    looked: Promise<unknown>,
    api: ClusterApi,
  ) {
    this.#access = access;
    this.#ownership = ownership;
    this.#looked = looked;
    this.api = api;
  }

  /** Lets somebody look at the cluster too, without whose look nothing may be applied. */
  examinedBy(examiner: Examiner): void {
    this.#examiner = examiner;
  }

  /** Whether a look at the cluster is needed before anything is applied. */
  get needsLook(): boolean {
    return this.#examiner !== undefined;
  }

  /** What the examiner has to show. */
  get page(): string | undefined {
    return this.#examiner?.page();
  }

  /** Looks for every object that was declared so far, and at what the examiner wants. Never throws. */
  async look(): Promise<ClusterLook> {
    const own = await this.#ownership.look();
    if (this.#examiner === undefined || own.blind !== undefined) {
      return own;
    }
    try {
      const { refusals, notes } = await this.#examine(this.#examiner);
      return { refusals: [...own.refusals, ...refusals], notes: [...own.notes, ...notes] };
    } catch (error) {
      return { ...own, blind: reasonOf(error) };
    }
  }

  #examine(examiner: Examiner): ReturnType<Examiner["examine"]> {
    return this.api.inTime(this.api.open().then((api) => examiner.examine(api)));
  }

  /** Options of everything with objects on the cluster. A phase that has none gets no provider. */
  get options(): pulumi.ComponentResourceOptions & pulumi.CustomResourceOptions {
    const { kubeconfigFile, identifier } = this.#access;
    this.#provider ??= clusterProvider({
      identifier,
      kubeconfigFile: pulumi.output(this.#looked.then(() => kubeconfigFile)),
    });
    return { provider: this.#provider, transformations: [this.#ownership.transformation] };
  }
}
