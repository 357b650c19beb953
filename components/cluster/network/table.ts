import type { DeepReadonly } from "../../settings/draft.ts";
import { nearest } from "../../settings/faults.ts";
import type { Sections } from "../../settings/schema/index.ts";
import { contains } from "../../settings/values/address.ts";
import { type Addresses, type Endpoint, type Flow, nameOf, type Pods, type Port } from "./flows.ts";
import { apiServerNode, apiServerOf, databaseJobs, hostCidr, hygieneJob } from "./jobs.ts";

/** The sections of a site that its flows are made of. */
export type Told = DeepReadonly<
  Pick<Sections, "host" | "cluster" | "network" | "workloads" | "phase0" | "phase1" | "phase4">
>;

/** All flows of a site, and all pods that it knows. */
export interface FlowTable {
  readonly flows: readonly Flow[];
  readonly pods: readonly Pods[];
  /** Namespaces that are closed, in that order. */
  readonly namespaces: readonly string[];
}

/** K3s' name server, and its ports. */
const DNS = "kube-system/coredns";
const DNS_PORTS: readonly Port[] = [
  { protocol: "UDP", port: 53 },
  { protocol: "TCP", port: 53 },
];

/** Words that stand for an endpoint, and the side of a flow that each may be on. */
export const WORDS = {
  dns: ["from", "to"],
  "api-server": ["to"],
  node: ["from", "to"],
  "local-network": ["from", "to"],
  internet: ["to"],
  "every-pod": ["from"],
} as const satisfies Record<string, readonly ("from" | "to")[]>;

/** What is not the internet: special-purpose addresses, from IANA's registries (RFC 6890). */
const NOT_THE_INTERNET = {
  4: ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4"],
  6: ["::1/128", "fc00::/7", "fe80::/10", "ff00::/8"],
};

/**
 * The flow table of a site: its own lines, and those of this program's jobs, which follow from what is backed up.
 * @throws Error for an endpoint that is not known: the settings' rules have seen to it.
 */
export function flowTable(told: Told): FlowTable {
  const pods = podsOfSite(told);
  const written = told.phase4.flows.flatMap(({ from, to, ports, purpose }) =>
    to.map((end): Flow => {
      const target = resolve(end, pods, told);
      return {
        from: from.map((start) => resolve(start, pods, told)),
        to: target,
        ports: ports ?? portsOf(target),
        purpose,
      };
    }),
  );
  return {
    pods,
    flows: [...written, ...jobsOf(told).flatMap(({ flows }) => flows)],
    namespaces: told.phase4.namespaces,
  };
}

/** The pods that a site knows by their labels: its workloads, what the flow table names besides, and this program's jobs. */
export function podsOfSite(told: Pick<Told, "host" | "cluster" | "workloads" | "phase0" | "phase4">): Pods[] {
  const { workloads, phase0, phase4 } = told;
  const running = entriesOf(workloads).map(({ namespace, name, value }) =>
    podsNamed(namespace, name, value.labels, tcp(value.ports), value.replicas.min > 0),
  );
  const services = Object.entries(phase0.mcpServices)
    .filter(([name, { namespace }]) => workloads[namespace]?.[name] === undefined)
    .map(([name, { namespace, port }]) => podsNamed(namespace, name, { app: name }, tcp([port]), true));
  const others = entriesOf(phase4.pods)
    .filter(({ value }) => !value.hostNetwork)
    .map(({ namespace, name, value }) => podsNamed(namespace, name, value.labels, value.ports, !value.transient));
  const labelled = [...running, ...services, ...others].filter(({ labels }) => Object.keys(labels).length > 0);
  return [...labelled, ...jobsOf(told).flatMap(({ jobs }) => jobs)];
}

/**
 * An endpoint by its name.
 * @returns why it is none, to be read after the name.
 */
export function endpointOf(name: string, pods: readonly Pods[], told: Told): Endpoint | string {
  const [namespace = "", own] = name.split("/");
  if (own === "*") {
    return namespacesOf(told).includes(namespace)
      ? { kind: "group", name, namespace }
      : `is in no namespace that is known; ${nearest(namespace, namespacesOf(told))}`;
  }
  return own === undefined ? wordOf(name, pods, told) : podsOf(namespace, own, pods, told);
}

function podsOf(namespace: string, own: string, pods: readonly Pods[], told: Told): Endpoint | string {
  const name = `${namespace}/${own}`;
  const onHost = told.phase4.pods[namespace]?.[own];
  if (onHost?.hostNetwork === true) {
    return { kind: "node", name, cidr: hostCidr(told.host.address), ports: onHost.ports };
  }
  const found = pods.find((each) => nameOf(each) === name);
  if (found === undefined && told.workloads[namespace]?.[own] !== undefined) {
    return "has no `labels` under `workloads`: nothing would find its pods";
  }
  return found ?? `is no workload, nor among \`phase4.pods\`; ${nearest(name, pods.map(nameOf))}`;
}

function wordOf(name: string, pods: readonly Pods[], told: Told): Endpoint | string {
  const { host, network, phase4 } = told;
  switch (name) {
    case "dns": {
      const server = pods.find((each) => nameOf(each) === DNS);
      return server === undefined
        ? `needs the labels of \`${DNS}\` under \`workloads\``
        : { ...server, ports: DNS_PORTS };
    }
    case "api-server":
      return apiServerNode(apiServerOf(told));
    case "node":
      return { kind: "node", name, cidr: hostCidr(host.address), ports: [] };
    case "local-network":
      return { kind: "addresses", name, cidr: network.cidr, except: [] };
    case "internet":
      return internet([network.cidr, network.podCidr, network.serviceCidr]);
    case "every-pod":
      return { kind: "group", name, namespace: undefined };
  }
  const cidr = phase4.addresses[name];
  return cidr === undefined
    ? `is no endpoint; ${nearest(name, [...Object.keys(WORDS), ...Object.keys(phase4.addresses)])}`
    : { kind: "addresses", name, cidr, except: [] };
}

/** Ports of an endpoint that are known by themselves. */
export function portsOf(endpoint: Endpoint): readonly Port[] {
  return endpoint.kind === "pods" || endpoint.kind === "node" ? endpoint.ports : [];
}

/** Namespaces that a site names anything in. */
export function namespacesOf({ workloads, phase1, phase4 }: Pick<Told, "workloads" | "phase1" | "phase4">): string[] {
  const harbor = phase1.harbor === undefined ? [] : [phase1.harbor.namespace];
  return [...new Set([...Object.keys(workloads), ...harbor, ...Object.keys(phase4.pods)])];
}

function resolve(name: string, pods: readonly Pods[], told: Told): Endpoint {
  const endpoint = endpointOf(name, pods, told);
  if (typeof endpoint === "string") {
    throw new Error(`${name} ${endpoint}`);
  }
  return endpoint;
}

/** The jobs of this program, and whom they reach. */
function jobsOf({ host, cluster, workloads, phase0 }: Pick<Told, "host" | "cluster" | "workloads" | "phase0">) {
  const { backups, podHygiene } = phase0;
  const jobs = (["postgres", "redis"] as const).flatMap((kind) => {
    const backup = backups[kind];
    const labels = backup === undefined ? undefined : workloads[backup.namespace]?.[backup.workload]?.labels;
    if (backup === undefined || labels === undefined) return [];
    const { flows, ...made } = databaseJobs(kind, { namespace: backup.namespace, name: backup.workload, labels });
    return [{ flows, jobs: Object.values(made) }];
  });
  const { namespace, namespaces } = podHygiene;
  if (namespace === undefined || namespaces.length === 0) return jobs;
  const hygiene = hygieneJob(namespace, apiServerNode(apiServerOf({ host, cluster })));
  return [...jobs, { flows: hygiene.flows, jobs: [hygiene.job] }];
}

/** Everywhere but special-purpose addresses and the site's own networks, in the pods' family of addresses. */
function internet(own: readonly [string, string, string]): Addresses {
  const family = own[1].includes(":") ? 6 : 4;
  const special = NOT_THE_INTERNET[family];
  const others = own.filter(
    (cidr) => cidr.includes(":") === (family === 6) && !special.some((one) => contains(one, cidr)),
  );
  return {
    kind: "addresses",
    name: "internet",
    cidr: family === 6 ? "::/0" : "0.0.0.0/0",
    except: [...special, ...others],
  };
}

function podsNamed(
  namespace: string,
  name: string,
  labels: Pods["labels"],
  ports: readonly Port[],
  lasting: boolean,
): Pods {
  return { kind: "pods", namespace, name, labels, ports, lasting, ownPolicy: false };
}

function tcp(ports: readonly number[]): Port[] {
  return ports.map((port) => ({ protocol: "TCP", port }));
}

function entriesOf<T>(byNamespace: Readonly<Record<string, Readonly<Record<string, T>>>>) {
  return Object.entries(byNamespace).flatMap(([namespace, named]) =>
    Object.entries(named).map(([name, value]) => ({ namespace, name, value })),
  );
}
