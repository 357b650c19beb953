import { jobLabels } from "../labels.ts";
import type { Flow, Node, Pods, Port } from "./flows.ts";

/** A database that is backed up. */
export type DatabaseKind = "postgres" | "redis";

/** What network policies go by, of each. */
export const DATABASES: Record<DatabaseKind, { port: number; fetchesRestored: boolean }> = {
  postgres: { port: 5432, fetchesRestored: false },
  // What is restored is fetched by the server, as a replica fetches it, from the pod that restores it.
  redis: { port: 6379, fetchesRestored: true },
};

/** Name of the job that clears away pods that ended. */
export const HYGIENE = "pod-hygiene";

/** The pods of a job of this program. */
export function jobPods(namespace: string, name: string): Pods {
  return { kind: "pods", namespace, name, labels: jobLabels(name), ports: [], lasting: false, ownPolicy: true };
}

/** The jobs of a database's backup, of its restore and of the trial of restoring it, and whom they reach. */
export function databaseJobs(
  kind: DatabaseKind,
  { namespace, name, labels }: Pick<Pods, "namespace" | "name" | "labels">,
) {
  const { port, fetchesRestored } = DATABASES[kind];
  const ports: Port[] = [{ protocol: "TCP", port }];
  const database: Pods = { kind: "pods", namespace, name, labels, ports, lasting: true, ownPolicy: false };
  const backup = jobPods(namespace, `${kind}-backup`);
  const restore = jobPods(namespace, `${kind}-restore`);
  const drill = jobPods(namespace, `${kind}-drill`);
  const flows: Flow[] = [
    { from: [backup], to: database, ports, purpose: "the nightly backup" },
    { from: [restore], to: database, ports, purpose: "a restore that somebody asked for" },
    ...(fetchesRestored
      ? [{ from: [database], to: restore, ports, purpose: "what is restored, which the server fetches" }]
      : []),
  ];
  return { backup, restore, drill, flows };
}

/** That job, and whom it reaches. */
export function hygieneJob(namespace: string, apiServer: Node): { job: Pods; flows: Flow[] } {
  const job = jobPods(namespace, HYGIENE);
  return {
    job,
    flows: [{ from: [job], to: apiServer, ports: apiServer.ports, purpose: "looking at pods, and removing them" }],
  };
}

/** The API server, where it itself listens: K3s asks its policies when a Service's address has become that. */
export function apiServerNode({ address, port }: { address: string; port: number }): Node {
  return { kind: "node", name: "api-server", cidr: hostCidr(address), ports: [{ protocol: "TCP", port }] };
}

/** Where the API server of a site itself listens. */
export function apiServerOf(site: { host: { address: string }; cluster: { apiServer: string } }) {
  return { address: site.host.address, port: Number(new URL(site.cluster.apiServer).port || 443) };
}

/** The network that has this one address in it. */
export function hostCidr(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}
