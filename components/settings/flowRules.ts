// What must hold between the flow table (phase 4) and the rest of a site.
import { nameOf, portName, takes } from "../cluster/network/flows.ts";
import { endpointOf, namespacesOf, podsOfSite, portsOf, WORDS } from "../cluster/network/table.ts";
import { nearest } from "./faults.ts";
import { fault, type Rule, type Told } from "./rule.ts";

export const flowRules: readonly Rule[] = [
  closedNamespacesAreKnown,
  addressesAreNoWords,
  podsAreNamedOnce,
  selectorsAreApart,
  flowsEndSomewhere,
  flowsHavePorts,
  flowsDiffer,
];

function* closedNamespacesAreKnown({ workloads, phase1, phase4 }: Told) {
  const known = namespacesOf({ workloads, phase1, phase4 });
  for (const [index, name] of phase4.namespaces.entries()) {
    const path = ["phase4", "namespaces", index];
    if (!known.includes(name)) yield fault(path, name, `is no namespace that is known; ${nearest(name, known)}`);
    if (phase4.namespaces.indexOf(name) !== index) yield fault(path, name, "is in this list already");
  }
}

function* addressesAreNoWords({ phase4 }: Told) {
  for (const [name, cidr] of Object.entries(phase4.addresses)) {
    if (name in WORDS)
      yield fault(["phase4", "addresses", name], cidr, "has a name that means something else in a flow");
  }
}

function* podsAreNamedOnce(told: Told) {
  const all = podsOfSite(told);
  for (const [namespace, named] of Object.entries(told.phase4.pods)) {
    for (const [name, { labels }] of Object.entries(named)) {
      const isWorkload = told.workloads[namespace]?.[name] !== undefined;
      if (isWorkload || all.filter((pods) => nameOf(pods) === `${namespace}/${name}`).length > 1) {
        yield fault(
          ["phase4", "pods", namespace, name],
          labels,
          "is known already, as a workload or a job of this program",
        );
      }
    }
  }
}

/** A selector takes all pods that carry its labels, whatever else they carry. */
function* selectorsAreApart(told: Told) {
  const all = podsOfSite(told).filter(({ namespace }) => told.phase4.namespaces.includes(namespace));
  for (const pods of all) {
    const other = all.find(
      (each) => each.namespace === pods.namespace && each.name !== pods.name && takes(pods.labels, each.labels),
    );
    if (other === undefined) continue;
    const section = told.workloads[pods.namespace]?.[pods.name] === undefined ? ["phase4", "pods"] : ["workloads"];
    const reason = `select the pods of \`${other.name}\` too: what is allowed for one would be for both; name a label that tells them apart`;
    yield fault([...section, pods.namespace, pods.name, "labels"], pods.labels, reason);
  }
}

function* flowsEndSomewhere(told: Told) {
  const pods = podsOfSite(told);
  for (const { path, side, name } of endsOf(told)) {
    const endpoint = endpointOf(name, pods, told);
    if (typeof endpoint === "string") {
      yield fault(path, name, endpoint);
    } else if (!sidesOf(name).includes(side)) {
      yield fault(path, name, `can only stand in \`${side === "from" ? "to" : "from"}\``);
    }
  }
}

function* flowsHavePorts(told: Told) {
  const pods = podsOfSite(told);
  for (const [index, { to, ports }] of told.phase4.flows.entries()) {
    const path = ["phase4", "flows", index, "ports"];
    for (const name of to) {
      const endpoint = endpointOf(name, pods, told);
      if (typeof endpoint === "string") continue;
      const known = portsOf(endpoint);
      if (ports === undefined && known.length === 0) {
        yield fault(path, undefined, `is missing: nobody wrote down what \`${name}\` listens on`);
      }
      const listens = known.map(portName);
      const strange = (ports ?? []).map(portName).filter((port) => listens.length > 0 && !listens.includes(port));
      if (strange.length > 0) {
        yield fault(path, strange.join(", "), `is no port of \`${name}\`, which listens on ${listens.join(", ")}`);
      }
    }
  }
}

function* flowsDiffer(told: Told) {
  const pods = podsOfSite(told);
  const seen = new Map<string, number>();
  for (const [index, { from, to, ports }] of told.phase4.flows.entries()) {
    for (const [start, end] of from.flatMap((one) => to.map((other) => [one, other] as const))) {
      const endpoint = endpointOf(end, pods, told);
      for (const port of ports ?? (typeof endpoint === "string" ? [] : portsOf(endpoint))) {
        const flow = `${start} -> ${end}:${portName(port)}`;
        const first = seen.get(flow);
        if (first === undefined) seen.set(flow, index);
        else yield fault(["phase4", "flows", index], flow, `is in \`flows[${first}]\` already`);
      }
    }
  }
}

function* endsOf({ phase4 }: Told) {
  for (const [index, flow] of phase4.flows.entries()) {
    for (const side of ["from", "to"] as const) {
      for (const [position, name] of flow[side].entries()) {
        yield { path: ["phase4", "flows", index, side, position], side, name };
      }
    }
  }
}

function sidesOf(name: string): readonly ("from" | "to")[] {
  return name in WORDS ? WORDS[name as keyof typeof WORDS] : ["from", "to"];
}
