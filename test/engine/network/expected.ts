import { parseCidr } from "cidr-tools";
import {
  covers,
  type Endpoint,
  type Flow,
  nameOf,
  type Pods,
  portName,
} from "../../../components/cluster/network/flows.ts";
import type { Reach } from "./analyzer.ts";

/** Addresses from `first` to `last`, as numbers. */
interface Interval {
  first: bigint;
  last: bigint;
}

/** `from -> to: port` for each port of each pair of pods, by the table alone. */
export function pairsOf(flows: readonly Flow[], pods: readonly Pods[]): string[] {
  const lines = flows.flatMap(({ from, to, ports }) =>
    pods
      .filter((start) => from.some((end) => covers(end, start)))
      .flatMap((start) =>
        pods
          .filter((target) => covers(to, target) && target !== start)
          .flatMap((target) => ports.map((port) => `${nameOf(start)} -> ${nameOf(target)}: ${portName(port)}`)),
      ),
  );
  return [...new Set(lines)].sort();
}

/** The same, as the analyser has found it. */
export function pairsFound(reaches: readonly Reach[]): string[] {
  const between = reaches.filter(({ src, dst }) => !isRange(src) && !isRange(dst));
  return between.flatMap(({ src, dst, conn }) => portsOf(conn).map((port) => `${src} -> ${dst}: ${port}`)).sort();
}

/** `pods out|in port`, with how many addresses outside of the cluster that is for, by the table alone. */
export function outsideOf(flows: readonly Flow[], pods: readonly Pods[]): Record<string, bigint> {
  const intervals = new Map<string, Interval[]>();
  const add = (ends: readonly Endpoint[], other: Endpoint, direction: string, ports: Flow["ports"]): void => {
    for (const each of pods.filter((one) => ends.some((end) => covers(end, one)))) {
      for (const port of ports) {
        const key = `${nameOf(each)} ${direction} ${portName(port)}`;
        intervals.set(key, [...(intervals.get(key) ?? []), ...addressesOf(other)]);
      }
    }
  };
  for (const { from, to, ports } of flows) {
    add(from, to, "out", ports);
    // The machine reaches its own pods without a rule.
    for (const start of from.filter(({ kind }) => kind !== "node")) add([to], start, "in", ports);
  }
  return sums(intervals);
}

/** The same, as the analyser has found it. */
export function outsideFound(reaches: readonly Reach[]): Record<string, bigint> {
  const intervals = new Map<string, Interval[]>();
  for (const { src, dst, conn } of reaches.filter((reach) => isRange(reach.src) || isRange(reach.dst))) {
    const [pods, direction, range] = isRange(dst) ? [src, "out", dst] : [dst, "in", src];
    const [first = 0n, last = 0n] = range.split("-").map((address) => parseCidr(address).start);
    for (const port of portsOf(conn)) {
      const key = `${pods} ${direction} ${port}`;
      intervals.set(key, [...(intervals.get(key) ?? []), { first, last }]);
    }
  }
  return sums(intervals);
}

/** How many addresses there are under each name; each counts once. */
function sums(intervals: ReadonlyMap<string, readonly Interval[]>): Record<string, bigint> {
  const counted = [...intervals].flatMap(([key, all]) => {
    const sorted = [...all].sort((a, b) => (a.first < b.first ? -1 : 1));
    let [count, next] = [0n, 0n];
    for (const { first, last } of sorted) {
      const from = first > next ? first : next;
      if (last < from) continue;
      count += last - from + 1n;
      next = last + 1n;
    }
    return count === 0n ? [] : [[key, count] as const];
  });
  return Object.fromEntries(counted.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function addressesOf(endpoint: Endpoint): Interval[] {
  if (endpoint.kind !== "addresses" && endpoint.kind !== "node") return [];
  const { start, end } = parseCidr(endpoint.cidr);
  const holes = (endpoint.kind === "node" ? [] : endpoint.except)
    .map((cidr) => parseCidr(cidr))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const parts: Interval[] = [];
  let first = start;
  for (const hole of holes) {
    if (first < hole.start) parts.push({ first, last: hole.start - 1n });
    first = hole.end + 1n;
  }
  return first <= end ? [...parts, { first, last: end }] : parts;
}

/** `TCP 53,8080,UDP 53` as the ports that the table would write. */
function portsOf(conn: string): string[] {
  let protocol = "";
  return conn.split(",").map((part) => {
    const [, named, port] = /^(?:([A-Z]+) )?([\d-]+)$/.exec(part.trim()) ?? [];
    if (port === undefined) return conn;
    protocol = named ?? protocol;
    return protocol === "TCP" ? port : `${port}/${protocol}`;
  });
}

function isRange(name: string): boolean {
  return /^[\d.]+-[\d.]+$/.test(name);
}
