import { isMapping } from "../components/settings/draft.ts";
import { hiddenIn, listAt, read } from "./values.ts";

/** Whether a Kubernetes label selector finds an object with these labels; undefined when either is not shown. */
export function selects(selector: unknown, labels: Readonly<Record<string, unknown>>): boolean | undefined {
  if (hiddenIn(selector) !== undefined || hiddenIn(labels) !== undefined) {
    return undefined;
  }
  const wanted = read(selector, "matchLabels");
  const exact = wanted.is === "value" && isMapping(wanted.value) ? Object.entries(wanted.value) : [];
  return (
    exact.every(([label, value]) => labels[label] === value) &&
    listAt(selector, "matchExpressions").every((expression) => fits(expression, labels))
  );
}

function fits(expression: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const { key = "", operator, values = [] } = expression as { key?: string; operator?: string; values?: unknown[] };
  const value = labels[key];
  switch (operator) {
    case "In":
      return values.includes(value);
    case "NotIn":
      return !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}
