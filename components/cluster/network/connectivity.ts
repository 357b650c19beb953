import { holds } from "../../../policies/support/labels.ts";
import { contains, overlap } from "../../settings/values/address.ts";
import {
  ANY,
  type Addresses,
  type Endpoint,
  type Flow,
  type Labels,
  NAMESPACE_LABEL,
  nameOf,
  type Node,
  type Pods,
  type Port,
} from "./flows.ts";
import type { Peer, PolicyPort, PolicySpec, Policy, Selector } from "./policies.ts";

/** One end of a connection: pods, or addresses outside. */
export type End = Pods | Addresses | Node;

/** Ports of a protocol, from `first` to `last`. */
interface PortRange {
  protocol: string;
  first: number;
  last: number;
}

/** What may be reached of one end from another. */
export interface Connection {
  readonly from: string;
  readonly to: string;
  /** As people read it: `5432, 53/UDP`, or `everything`. */
  readonly ports: string;
}

/** A connection, with its ports to reckon with. */
export interface MeasuredConnection extends Connection {
  readonly ranges: readonly PortRange[];
}

export const EVERYTHING = "everything";

const LAST_PORT = 65_535;
const ALL: readonly PortRange[] = ["TCP", "UDP", "SCTP"].map((protocol) => ({ protocol, first: 0, last: LAST_PORT }));

/** A cluster as policies see it. */
export interface Surroundings {
  /** Network of the pods, in CIDR notation: policies may name pods by it. */
  readonly podCidr: string;
  /** Labels of namespaces beside their names. */
  readonly namespaceLabels?: Readonly<Record<string, Labels>>;
}

/** The ends that a table speaks of: all pods, the addresses of its flows, and the machine, whatever it is called there. */
export function endsOf(flows: readonly Flow[], pods: readonly Pods[]): End[] {
  const outside = flows.flatMap(({ from, to }) => [...from, to]).flatMap((end) => outsideOf(end) ?? []);
  return [...pods, ...new Map(outside.map((end) => [end.name, end])).values()];
}

/**
 * Who may reach whom under policies, as Kubernetes reads them: pods that no policy selects for a direction are open in it, and
 * those that some do may do what any of them allows.
 *
 * Not in it: pods among themselves that one entry stands for, and the machine as a source, which nothing keeps from its pods.
 */
export function connectivity(
  policies: readonly Policy[],
  ends: readonly End[],
  about: Surroundings,
): MeasuredConnection[] {
  const connections: MeasuredConnection[] = [];
  for (const from of ends) {
    for (const to of ends) {
      if (from === to || from.kind === "node" || (from.kind !== "pods" && to.kind !== "pods")) continue;
      const out = from.kind === "pods" ? allowed(policies, from, "Egress", to, about) : ALL;
      const into = to.kind === "pods" ? allowed(policies, to, "Ingress", from, about) : ALL;
      const ranges = intersection(out, into);
      if (ranges.length > 0) connections.push({ from: nameOf(from), to: nameOf(to), ports: describe(ranges), ranges });
    }
  }
  return connections;
}

/** Which ports of, or at, `other` the policies let `pods` have in a direction. */
function allowed(
  policies: readonly Policy[],
  pods: Pods,
  direction: "Ingress" | "Egress",
  other: End,
  about: Surroundings,
): readonly PortRange[] {
  const selecting = policies.filter(
    ({ namespace, spec }) =>
      namespace === pods.namespace && typesOf(spec).includes(direction) && selects(spec.podSelector, pods.labels),
  );
  if (selecting.length === 0) return ALL;
  const target = direction === "Egress" ? other : pods;
  return selecting.flatMap(({ namespace, spec }) => {
    const rules =
      direction === "Egress"
        ? (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
        : (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
    return rules
      .filter(({ peers = [] }) => peers.length === 0 || peers.some((peer) => meets(peer, namespace, other, about)))
      .flatMap(({ ports = [] }) => (ports.length === 0 ? ALL : ports.flatMap((port) => rangesOf(port, target))));
  });
}

/** Whether a connection may use a port. */
export function permits({ ranges }: MeasuredConnection, { protocol, port }: Port): boolean {
  return ranges.some((range) => range.protocol === protocol && range.first <= port && port <= range.last);
}

/** Left out, the types are Ingress, and Egress where there are rules for it. */
export function typesOf({ policyTypes, egress }: PolicySpec): readonly string[] {
  return policyTypes ?? ["Ingress", ...(egress === undefined ? [] : ["Egress"])];
}

function meets(peer: Peer, own: string, end: End, { podCidr, namespaceLabels = {} }: Surroundings): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    const [network, without] = end.kind === "pods" ? [podCidr, []] : [end.cidr, end.kind === "node" ? [] : end.except];
    return (
      network !== "unknown" &&
      contains(cidr, network) &&
      except.every((hole) => !overlap(hole, network) || without.some((each) => contains(each, hole)))
    );
  }
  if (end.kind !== "pods") return false;
  const isThere =
    peer.namespaceSelector === undefined
      ? end.namespace === own
      : selects(peer.namespaceSelector, { ...namespaceLabels[end.namespace], [NAMESPACE_LABEL]: end.namespace });
  return isThere && (peer.podSelector === undefined || selects(peer.podSelector, end.labels));
}

/** Whether a selector takes labels. One that stands for any value is taken by no value in particular. */
export function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value && value !== ANY) &&
    matchExpressions.every(({ key, operator, values = [] }) => holds(operator, labels[key], values))
  );
}

/** A port by name is one of the target's, and nobody knows which: any that was written down of it. */
function rangesOf({ protocol = "TCP", port, endPort }: PolicyPort, target: End): PortRange[] {
  if (port === undefined) return [{ protocol, first: 0, last: LAST_PORT }];
  if (typeof port === "number") return [{ protocol, first: port, last: endPort ?? port }];
  const known = target.kind === "addresses" ? [] : target.ports;
  return known
    .filter((each) => each.protocol === protocol)
    .map((each) => ({ protocol, first: each.port, last: each.port }));
}

function intersection(one: readonly PortRange[], other: readonly PortRange[]): PortRange[] {
  return one.flatMap((a) =>
    other
      .filter((b) => a.protocol === b.protocol && a.first <= b.last && b.first <= a.last)
      .map((b) => ({ protocol: a.protocol, first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) })),
  );
}

function describe(ranges: readonly PortRange[]): string {
  if (
    ALL.every((all) => ranges.some((one) => one.protocol === all.protocol && one.first === 0 && one.last === LAST_PORT))
  ) {
    return EVERYTHING;
  }
  const sorted = [...ranges].sort((a, b) => a.first - b.first || a.last - b.last || (a.protocol < b.protocol ? -1 : 1));
  const texts = sorted.map(({ protocol, first, last }) => {
    const numbers = first === last ? String(first) : `${first}-${last}`;
    return protocol === "TCP" ? numbers : `${numbers}/${protocol}`;
  });
  return [...new Set(texts)].join(", ");
}

function outsideOf(endpoint: Endpoint): Addresses | Node | undefined {
  if (endpoint.kind === "node") return { ...endpoint, name: "node" };
  return endpoint.kind === "addresses" ? endpoint : undefined;
}
