import { diffLines } from "diff";
import { isMapping } from "../components/settings/draft.ts";
import type { Change } from "./plan.ts";
import { leaves, listAt, read, shown, shownAt } from "./values.ts";

/** A value that changes, as the page shows it. */
export interface FieldChange {
  field: string;
  old: string;
  new: string;
}

/** Values that say nothing of their own: reasons, and what only makes the engine look again. */
const NOISE =
  /^(why|propertyDependencies|__\w+|metadata\.annotations\.(pulumi\.com\/patch|twisterlab-edge\/)|metadata\.labels\.app\.kubernetes\.io\/managed-by)/;

/** Most of them for one resource; a page that is longer nobody reads. */
const MOST = 12;

/** What changes about a resource, with both values, and how much more there is. */
export function changedFields({ old, new: next }: Change): { fields: FieldChange[]; more: number } {
  const [before, after] = [shownInputs(old?.inputs), shownInputs(next?.inputs)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => !NOISE.test(path));
  const changed = paths
    .filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)))
    .map((field) => ({ field, old: shownAt(field, before.get(field)), new: shownAt(field, after.get(field)) }));
  const all = [...changed, ...changedLines(old?.inputs, next?.inputs)];
  return { fields: all.slice(0, MOST), more: Math.max(all.length - MOST, 0) };
}

/** The leaves of the inputs; a text that is JSON by its own leaves, one that is lines apart. */
function shownInputs(inputs: Readonly<Record<string, unknown>> | undefined): Map<string, unknown> {
  const { content, ...rest } = inputs ?? {};
  return new Map([...leaves(rest), ...jsonLeaves(content)].filter(([path]) => path !== ""));
}

function jsonLeaves(content: unknown): Map<string, unknown> {
  if (typeof content !== "string") {
    return new Map();
  }
  try {
    const value: unknown = JSON.parse(content);
    return isMapping(value) ? leaves(value, "content") : new Map([["content", content]]);
  } catch {
    return new Map([["content", content]]);
  }
}

/** The lines of a file that go and come. */
function changedLines(old: unknown, next: unknown): FieldChange[] {
  const text = (inputs: unknown): string => {
    const lines = listAt(inputs, "content").map(String);
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  };
  const [before, after] = [text(old), text(next)];
  if (before === after || [old, next].some((inputs) => read(inputs, "content").is === "hidden")) {
    return [];
  }
  const parts = diffLines(before, after);
  return parts.flatMap(({ added, removed, value }, index): FieldChange[] => {
    if (removed) {
      const instead = parts[index + 1];
      const now = instead?.added === true ? shown(instead.value.trimEnd()) : "";
      return [{ field: "content", old: shown(value.trimEnd()), new: now }];
    }
    // What comes in the place of something is told with it.
    return added && parts[index - 1]?.removed !== true
      ? [{ field: "content", old: "", new: shown(value.trimEnd()) }]
      : [];
  });
}
