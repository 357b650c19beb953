import { isKind } from "../../support/resource.ts";
import type { Field } from "../../support/field.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A network policy names who may. */
export const networkPolicyNotOpen: AnyRule = {
  name: "network-policy-not-open",
  audience: "any",
  level: "mandatory",
  reason: "an empty rule allows everything, and other policies cannot take that back.",
  source: "Kyverno, Trivy KSV-0038",
  fix: "name the peers, and the ports.",
  example: {
    refused: "ingress: [{}]",
    accepted: "ingress: [{ from: [{ podSelector: { matchLabels: { app: api } } }], ports: [{ port: 5432 }] }]",
  },
  *check(resource) {
    if (!isKind(resource, "NetworkPolicy")) return;
    for (const [direction, side] of [
      ["ingress", "from"],
      ["egress", "to"],
    ] as const) {
      for (const rule of resource.inputs.at("spec", direction).list()) {
        const peers = rule.at(side).list();
        if (peers.length === 0) yield { what: `${rule.path} has nobody in \`${side}\`, which means everybody` };
        for (const peer of peers.filter(isEverybody)) yield { what: `${peer.path} means everybody` };
      }
    }
  },
};

function isEverybody(peer: Field): boolean {
  const cidr = peer.at("ipBlock", "cidr").text();
  const except = peer.at("ipBlock", "except").list();
  return peer.entries().length === 0 || (["0.0.0.0/0", "::/0"].includes(cidr ?? "") && except.length === 0);
}
