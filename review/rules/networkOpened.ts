import { type Change, type ChangePlan, called, isChanged, isDeleted, kindOf } from "../plan.ts";
import { inputsAt, podsOf, type When } from "../pods.ts";
import { finding, undecided, type Finding, type Rule } from "../rule.ts";
import { selects } from "../selectors.ts";
import { hiddenIn, listAt, read, type Reading, shown, textAt } from "../values.ts";

const DIRECTIONS = ["Ingress", "Egress"] as const;
type Direction = (typeof DIRECTIONS)[number];

export const networkOpened: Rule = {
  name: "network-opened",
  refuses: "a default-deny that goes, pods that no policy covers any more, a policy that lets everything through",
  reason: "a pod that no policy selects may reach, and be reached by, everything; nothing says so",
  source: "Kubernetes: network policies are additive, and none means all; research C15, C16",
  example: {
    refused: "the policy that denies by default loses Egress from its policyTypes",
    accepted: "another policy is added beside it",
  },
  check: (plan) => {
    const policies = plan.changes.filter((change) => kindOf(change) === "NetworkPolicy");
    return [
      ...policies.flatMap((policy) => [...hidden(policy), ...deniesLost(policy, policies, plan), ...opened(policy)]),
      ...plan.changes.flatMap((workload) => uncovered(workload, policies)),
    ];
  },
};

/** What cannot be seen of a policy that changes is decided by nobody. */
function hidden(policy: Change): Finding[] {
  const specs = (["old", "new"] as const).map((when) => read(inputsAt(policy, when), "spec"));
  return isChanged(policy) &&
    specs.some((spec) => spec.is === "hidden" || (spec.is === "value" && hiddenIn(spec.value) !== undefined))
    ? [undecided(policy, "spec", "the policy covers what it did")]
    : [];
}

/** A selector that is left out selects all pods, as one without labels does. */
function selectorOf(inputs: unknown): Reading {
  const selector = read(inputs, "spec.podSelector");
  return selector.is === "absent" ? { is: "value", value: {} } : selector;
}

/** A policy for all pods of its namespace with no rule for a direction: what nobody allows is denied. */
function isDefaultDeny(policy: Change, when: When, direction: Direction): boolean {
  const inputs = inputsAt(policy, when);
  const selector = selectorOf(inputs);
  return (
    inputs !== undefined &&
    selector.is === "value" &&
    Object.keys(selector.value as object).length === 0 &&
    covers(inputs, direction) &&
    listAt(inputs, `spec.${direction.toLowerCase()}`).length === 0
  );
}

function deniesLost(policy: Change, all: readonly Change[], plan: ChangePlan): Finding[] {
  const namespace = namespaceOf(policy, "old");
  const gone = plan.changes.some(
    (change) =>
      kindOf(change) === "Namespace" && isDeleted(change) && textAt(change.old?.inputs, "metadata.name") === namespace,
  );
  return DIRECTIONS.filter(
    (direction) =>
      !gone &&
      isDefaultDeny(policy, "old", direction) &&
      !all.some((other) => namespaceOf(other, "new") === namespace && isDefaultDeny(other, "new", direction)),
  ).map((direction) =>
    finding(policy, {
      field: direction,
      old: "default-deny",
      new: "allowed",
      why: `the namespace ${namespace} has no default-deny for ${direction} any more`,
      wayOut: "leave it, and allow what is needed by a policy of its own",
    }),
  );
}

/** Pods that were covered and are not any more. */
function uncovered(workload: Change, policies: readonly Change[]): Finding[] {
  const [before, after] = [podsOf(workload, "old"), podsOf(workload, "new")];
  if (before === undefined || after === undefined) {
    return [];
  }
  return DIRECTIONS.flatMap((direction) => {
    const covering = (when: When, pods: typeof before): Change[] =>
      policies.filter((policy) => {
        const inputs = inputsAt(policy, when);
        const selector = selectorOf(inputs);
        return (
          inputs !== undefined &&
          namespaceOf(policy, when) === pods.namespace &&
          covers(inputs, direction) &&
          selector.is === "value" &&
          selects(selector.value, pods.labels) === true
        );
      });
    const lost = covering("old", before);
    return lost.length === 0 || covering("new", after).length > 0
      ? []
      : [
          finding(workload, {
            field: direction,
            old: `covered by ${lost.map(called).join(", ")}`,
            new: "covered by none",
            why: `no network policy covers its pods for ${direction} any more`,
            wayOut: "keep the policy, and its selector and the pods' labels the same",
          }),
        ];
  });
}

/** A rule without peers, or for the whole internet, that was not there before. */
function opened(policy: Change): Finding[] {
  return DIRECTIONS.flatMap((direction) => {
    const rules = (when: When): unknown[] => listAt(inputsAt(policy, when), `spec.${direction.toLowerCase()}`);
    const peers = direction === "Ingress" ? "from" : "to";
    const isOpen = (rule: unknown): boolean =>
      listAt(rule, peers).length === 0 ||
      listAt(rule, peers).some((peer) => /^(0\.0\.0\.0|::)\/0$/.test(textAt(peer, "ipBlock.cidr") ?? ""));
    const now = rules("new").filter(isOpen);
    return policy.old === undefined || now.length === 0 || rules("old").some(isOpen)
      ? []
      : [
          finding(policy, {
            field: `spec.${direction.toLowerCase()}`,
            old: shown(rules("old")),
            new: shown(now),
            why: `it lets everybody through for ${direction}`,
            wayOut: "name the pods, namespaces or addresses that need it",
          }),
        ];
  });
}

/** Left out, the types are Ingress, and Egress where there are rules for it. */
function covers(inputs: unknown, direction: Direction): boolean {
  const types = listAt(inputs, "spec.policyTypes");
  return types.length > 0
    ? types.includes(direction)
    : direction === "Ingress" || listAt(inputs, "spec.egress").length > 0;
}

function namespaceOf(change: Change, when: When): string {
  return textAt(inputsAt(change, when), "metadata.namespace") ?? "default";
}
