import { podsOfSite } from "../../../components/cluster/network/table.ts";
import type { Field } from "../../support/field.ts";
import { hasLabels, podsOfStack, selects, selectsAll, type LabelledPods } from "../../support/labels.ts";
import { isKind, namespaceOf, type Resource } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

const MADE_BY = "twisterlab-edge/pods-made-by";

/** Every selector finds pods. */
export const selectorFindsPods: SiteRule = {
  name: "selector-finds-pods",
  audience: "site",
  level: "mandatory",
  reason: "a policy or a Service whose labels no pod carries protects and reaches nothing, and looks as if it did.",
  source:
    "kube-linter dangling-service and dangling-networkpolicy (off by default), kube-score; the seeds: app=redis matched no pod",
  fix: "write the labels of a workload under `workloads`, of pods under `phase4.pods`, or of a pod of the same stack; for pods that are made on demand, the annotation twisterlab-edge/pods-made-by.",
  example: {
    refused: "podSelector: { matchLabels: { app: redis } }",
    accepted: "podSelector: { matchLabels: { app: twisterlab, component: cache } }",
  },
  *checkStack(stack, { site }) {
    const pods = [...podsOfStack(stack), ...podsOfSite(site)];
    for (const at of stack) {
      if (!isKind(at, "Service", "NetworkPolicy", "PodDisruptionBudget")) continue;
      const madeBy = at.inputs.at("metadata", "annotations", MADE_BY);
      if ((madeBy.text() ?? "") !== "") continue;
      for (const what of dead(at, pods)) yield { at, what };
    }
  },
};

function* dead(resource: Resource, all: readonly LabelledPods[]): Iterable<string> {
  const namespace = namespaceOf(resource);
  const own = all.filter((pods) => pods.namespace === namespace);
  const spec = resource.inputs.at("spec");
  if (isKind(resource, "Service")) {
    const labels = spec.at("selector").texts();
    // Without one, somebody else says where it leads.
    if (Object.keys(labels).length > 0 && !own.some((pods) => hasLabels(pods.labels, labels))) {
      yield `${spec.at("selector").path} finds no pod`;
    }
    return;
  }
  const isPolicy = isKind(resource, "NetworkPolicy");
  const selector = spec.at(isPolicy ? "podSelector" : "selector");
  if (!finds(selector, own)) yield `${selector.path} finds no pod`;
  for (const peer of isPolicy ? peersOf(spec) : []) {
    const isElsewhere = !peer.at("namespaceSelector").isAbsent;
    const podSelector = peer.at("podSelector");
    if (!podSelector.isAbsent && !finds(podSelector, isElsewhere ? all : own)) yield `${podSelector.path} finds no pod`;
  }
}

/** One that takes all says nothing of labels. */
function finds(selector: Field, pods: readonly LabelledPods[]): boolean {
  return selectsAll(selector) || pods.some(({ labels }) => selects(selector, labels));
}

function peersOf(spec: Field): Field[] {
  return [
    ...spec
      .at("ingress")
      .list()
      .flatMap((rule) => rule.at("from").list()),
    ...spec
      .at("egress")
      .list()
      .flatMap((rule) => rule.at("to").list()),
  ];
}
