import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, type ClusterAccess } from "./clusterProvider.ts";
import type { Ownership } from "./ownership.ts";

/** The cluster as a phase sees it: the way in, and a look at what is there before anything is made. */
export class Cluster {
  readonly #access: ClusterAccess & { kubeconfigFile: string };
  readonly #ownership: Ownership;
  readonly #looked: Promise<unknown>;
  #provider: kubernetes.Provider | undefined;

  /** @param looked nothing is made before it resolves. */
  constructor(access: ClusterAccess & { kubeconfigFile: string }, ownership: Ownership, looked: Promise<unknown>) {
    this.#access = access;
    this.#ownership = ownership;
    this.#looked = looked;
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
