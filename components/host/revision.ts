import type { Observation } from "./observation.ts";
import type { ItemPlan } from "./plan.ts";

/** What revisions are decided from. */
export interface RevisionSources {
  readonly observation: Observation;
  readonly keptRevisions: Readonly<Record<string, number>>;
}

/**
 * The revision of an item: how often it had to be applied. The host's own record counts, because a run that was killed
 * writes no outputs; what the stack kept counts when the host could not be asked.
 *
 * In sync, or not measured, it stays, so that the preview is empty; when the host differs it goes up, so that Pulumi,
 * which sees nothing of the host itself, runs the item again.
 * @param recorded what the host has recorded. Default: the record of the item of that name.
 */
export function nextRevision(
  name: string,
  { state }: ItemPlan,
  { observation, keptRevisions }: RevisionSources,
  recorded = "facts" in observation ? observation.facts.items[name]?.revision : undefined,
): number {
  const kept = keptRevisions[name] ?? 0;
  return state === "differs" ? Math.max(recorded ?? 0, kept) + 1 : Math.max(recorded ?? kept, 1);
}
