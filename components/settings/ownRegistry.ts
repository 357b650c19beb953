import type { DeepReadonly } from "./draft.ts";
import type { Sections } from "./schema/index.ts";

type Registry = NonNullable<DeepReadonly<Sections>["phase1"]["registry"]>;

/** A registry that this program makes. */
export type OwnRegistry = Exclude<Registry, { option: "external" }>;

/** The registry of a site; undefined when it is somebody else's, or there is none. */
export function ownRegistry({ registry }: { readonly registry?: Registry }): OwnRegistry | undefined {
  return registry === undefined || registry.option === "external" ? undefined : registry;
}
