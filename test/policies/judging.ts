import type { Facts, Rule } from "../../policies/support/site/rule.ts";
import type { Field } from "../../policies/support/field.ts";
import { judge, judgeStack, type Verdict } from "../../policies/support/site/evaluate.ts";
import { put, stackOf, type Change, type Inputs, type Plain, type Table } from "./table.ts";

/** All that a rule says of a stack, resource by resource and as a whole. */
export function verdictsOf(
  rule: Rule,
  plain: readonly Plain[],
  facts: Facts,
  wrap?: (inputs: Inputs) => Field,
): Verdict[] {
  const stack = stackOf(plain, wrap);
  return [...stack.flatMap((resource) => judge(rule, resource, facts)), ...judgeStack(rule, stack, facts)];
}

/** What is refused, what is absent, and both in the other kinds of containers. */
export function broken(table: Table): Record<string, Change> {
  const absent = (table.absent ?? []).map((path) => [`without ${path}`, [path, undefined]] as const);
  const all: Record<string, Change> = { ...table.refused, ...Object.fromEntries(absent) };
  if (table.pods === undefined) return all;
  const moved = Object.entries(all).flatMap(([what, change]) =>
    (["initContainers", "ephemeralContainers"] as const).flatMap((list) =>
      typeof change === "function" || !change[0].includes(".containers[0]")
        ? []
        : [
            [`${what}, in ${list}`, moveTo(list, change)] as const,
            ...(table.pods === true
              ? [[`${what}, in ${list} of a CronJob`, asCronJob(moveTo(list, change))] as const]
              : []),
          ],
    ),
  );
  return { ...all, ...Object.fromEntries(moved) };
}

/** The same change of a container beside a good one, in another list. */
function moveTo(list: string, [path, value]: Extract<Change, readonly unknown[]>): (stack: Plain[]) => void {
  return ([each]) => {
    if (each === undefined) return;
    const { spec } = (each.inputs as { spec: { template: { spec: Record<string, unknown[]> } } }).spec.template;
    spec[list] = structuredClone(spec["containers"] ?? []);
    put(each.inputs, path.replace(".containers[0]", `.${list}[0]`), value);
  };
}

function asCronJob(change: (stack: Plain[]) => void): (stack: Plain[]) => void {
  return (stack) => {
    change(stack);
    const [each] = stack;
    if (each === undefined) return;
    each.type = "kubernetes:batch/v1:CronJob";
    const { template } = each.inputs["spec"] as Inputs;
    each.inputs["spec"] = { jobTemplate: { spec: { template } } };
  };
}
