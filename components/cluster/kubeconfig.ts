import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** The server that a kubeconfig leads to; undefined when there is none, or it cannot be read. */
export function serverOf(kubeconfig: string): URL | undefined {
  try {
    const config = parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
    const current = config.contexts.find(({ name }) => name === config["current-context"])?.context.cluster;
    const server = config.clusters.find(({ name }) => name === current)?.cluster.server;
    return server === undefined ? undefined : new URL(server);
  } catch {
    return undefined;
  }
}

interface Kubeconfig {
  "current-context": string;
  contexts: { name: string; context: { cluster: string } }[];
  clusters: { name: string; cluster: { server: string } }[];
}
