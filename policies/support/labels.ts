import type { Field } from "./field.ts";
import { namespaceOf, type Resource } from "./resource.ts";
import { podsOf } from "./pods.ts";

type Labels = Readonly<Record<string, string>>;

/** Pods by their labels. */
export interface LabelledPods {
  readonly namespace: string;
  readonly labels: Labels;
}

/** The pods that a stack makes. */
export function podsOfStack(stack: readonly Resource[]): (LabelledPods & { readonly owner: Resource })[] {
  return stack.flatMap((owner) =>
    podsOf(owner)
      .filter(({ patch }) => !patch)
      .map(({ labels }) => ({ owner, namespace: namespaceOf(owner), labels: labels.texts() })),
  );
}

/** Whether a LabelSelector takes these labels; an empty one takes all. @throws Undecided for an operator nobody knows. */
export function selects(selector: Field, labels: Labels): boolean {
  return (
    Object.entries(selector.at("matchLabels").texts()).every(([key, value]) => labels[key] === value) &&
    selector
      .at("matchExpressions")
      .list()
      .every((expression) => fulfils(expression, labels))
  );
}

/** Whether a plain selector, of a Service for instance, takes these labels. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** Whether a LabelSelector says nothing, and so takes all. */
export function selectsAll(selector: Field): boolean {
  return selector.at("matchLabels").entries().length + selector.at("matchExpressions").list().length === 0;
}

function fulfils(expression: Field, labels: Labels): boolean {
  const values = expression
    .at("values")
    .list()
    .map((each) => each.text());
  return holds(expression.at("operator").text(), labels[expression.at("key").text() ?? ""], values);
}

/** What an operator of a LabelSelector says of a label's value. */
export function holds(
  operator: string | undefined,
  value: string | undefined,
  values: readonly (string | undefined)[],
): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    default:
      // DoesNotExist is the fourth and last: the API server refuses any other.
      return value === undefined;
  }
}
