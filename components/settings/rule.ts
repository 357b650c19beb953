import type { DeepReadonly } from "./draft.ts";
import { type Fault, keyOf, show } from "./faults.ts";
import { project, type Sections } from "./schema/index.ts";

export type Told = DeepReadonly<Sections>;

/** What must hold between settings: yields what breaks it. */
export type Rule = (told: Told, origin: { readonly site?: string | undefined }) => Iterable<Fault>;

/** A fault of a value that was given, by its path. */
export function fault([section = "", ...path]: readonly (string | number)[], value: unknown, reason: string): Fault {
  return { key: keyOf(`${project}:${section}`, path), value: show(value) ?? "", reason };
}
