import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ensureNode } from "./build.ts";
import { startCluster } from "./cluster.ts";

/** The one cluster that all files of the project have: each keeps to namespaces of its own. */
export interface SharedCluster {
  /** File with the kubeconfig of a user who may do everything. */
  kubeconfig: string;
  /** Folder here of the node's `/twisterlab/data-warehouse`. */
  dataWarehouse: string;
  /** Executable that has `kubectl` as its first word. */
  kubernetes: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    cluster: SharedCluster;
  }
}

/** Starts it before the first file; vitest ends it after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const programs = await ensureNode();
  const cluster = await startCluster();
  project.provide("cluster", {
    kubeconfig: cluster.kubeconfig,
    dataWarehouse: cluster.disk("data-warehouse"),
    kubernetes: join(programs, "kubernetes"),
  });
  return () => cluster.stop();
}
