import { createHash } from "node:crypto";
import { ANY, covers, type Endpoint, type Flow, type Labels, NAMESPACE_LABEL, type Pods } from "./flows.ts";

/** The part of a LabelSelector that is used here. */
export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
}

/** A port, and the last one where it is a range. Without a number: all of the protocol. */
export interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export interface PolicySpec {
  podSelector: Selector;
  policyTypes?: string[];
  egress?: { to?: Peer[]; ports?: PolicyPort[] }[];
  ingress?: { from?: Peer[]; ports?: PolicyPort[] }[];
}

/** A NetworkPolicy, by name. */
export interface Policy {
  readonly name: string;
  readonly namespace: string;
  readonly spec: PolicySpec;
}

/** Name of the policy that refuses, for all pods of a namespace, what no other one allows. */
export const DEFAULT_DENY = "default-deny";

const BOTH = ["Ingress", "Egress"];

/**
 * The policies of a namespace that is closed: one for each of its pods that are known, with what the flows allow them, and at
 * last the one that refuses the rest.
 * @param pods all that are known.
 */
export function closedNamespace(namespace: string, flows: readonly Flow[], pods: readonly Pods[]): Policy[] {
  const meant = pods
    .filter((each) => each.namespace === namespace && !each.ownPolicy)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...meant.map((each) => ({ name: `allow-${each.name}`, namespace, spec: policyOf(each, flows) })),
    { name: DEFAULT_DENY, namespace, spec: { podSelector: {}, policyTypes: BOTH } },
  ];
}

/** The policies that this program's jobs have, which are made together with them. */
export function jobPolicies(flows: readonly Flow[], pods: readonly Pods[]): Policy[] {
  return pods
    .filter(({ ownPolicy }) => ownPolicy)
    .map((job) => ({ name: job.name, namespace: job.namespace, spec: policyOf(job, flows) }));
}

/** What pods may reach, and be reached by: all flows that begin or end at them, and nothing else. */
export function policyOf(pods: Pods, flows: readonly Flow[]): PolicySpec {
  const egress = flows
    .filter(({ from, to }) => from.some((end) => covers(end, pods)) && isKnown(to))
    .map(({ to, ports }) => ({ to: [peerOf(to, pods.namespace)], ports: ports.map(policyPort) }));
  const ingress = flows
    .filter(({ to }) => covers(to, pods))
    .map(({ from, ports }) => ({
      // The machine gets to its own pods anyway, and from an address that depends on the way.
      from: unique(from.filter((end) => end.kind !== "node" && isKnown(end)).map((end) => peerOf(end, pods.namespace))),
      ports: ports.map(policyPort),
    }))
    .filter(({ from }) => from.length > 0);
  return {
    podSelector: selectorOf(pods.labels),
    policyTypes: BOTH,
    ...(egress.length === 0 ? {} : { egress }),
    ...(ingress.length === 0 ? {} : { ingress }),
  };
}

/** A short text that is another one for every other set of policies. */
export function digestOf(policies: readonly Policy[]): string {
  return createHash("sha256").update(JSON.stringify(policies)).digest("hex").slice(0, 16);
}

/** An endpoint as a policy of a namespace names it. */
function peerOf(endpoint: Endpoint, namespace: string): Peer {
  switch (endpoint.kind) {
    case "pods":
      return endpoint.namespace === namespace
        ? { podSelector: selectorOf(endpoint.labels) }
        : { namespaceSelector: byName(endpoint.namespace), podSelector: selectorOf(endpoint.labels) };
    case "group":
      if (endpoint.namespace === undefined) {
        return { namespaceSelector: {} };
      }
      return endpoint.namespace === namespace ? { podSelector: {} } : { namespaceSelector: byName(endpoint.namespace) };
    default: {
      const except = endpoint.kind === "addresses" ? endpoint.except : [];
      return { ipBlock: { cidr: endpoint.cidr, ...(except.length === 0 ? {} : { except: [...except] }) } };
    }
  }
}

function byName(namespace: string): Selector {
  return { matchLabels: { [NAMESPACE_LABEL]: namespace } };
}

function selectorOf(labels: Labels): Selector {
  const entries = Object.entries(labels);
  const values = entries.filter(([, value]) => value !== ANY);
  const keys = entries.filter(([, value]) => value === ANY);
  return {
    ...(values.length === 0 ? {} : { matchLabels: Object.fromEntries(values) }),
    ...(keys.length === 0 ? {} : { matchExpressions: keys.map(([key]) => ({ key, operator: "Exists" })) }),
  };
}

function policyPort({ protocol, port }: Flow["ports"][number]): PolicyPort {
  return { protocol, port };
}

function isKnown(endpoint: Endpoint): boolean {
  return endpoint.kind !== "addresses" || endpoint.cidr !== "unknown";
}

function unique(peers: readonly Peer[]): Peer[] {
  return [...new Map(peers.map((peer) => [JSON.stringify(peer), peer])).values()];
}
