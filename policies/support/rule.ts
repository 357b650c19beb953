import type { RuleName } from "../catalogue.ts";
import type { Resource } from "./resource.ts";

/** Something that a rule has found. */
export interface Finding {
  /** Where and what, to be read after the resource: "container redis: image has no tag". */
  readonly what: string;
  /** What a rule over the whole stack found it at. */
  readonly at?: Resource;
  /** Nobody can know it in a preview; the rule decides in `up`, before the resource is touched. */
  readonly pending?: true;
}

/** What a rule says of itself. */
export interface About {
  readonly name: RuleName;
  /** `mandatory` refuses, `advisory` is shown. */
  readonly level: "mandatory" | "advisory";
  /** Why, as a sentence. */
  readonly reason: string;
  /** Where the rule comes from: other linters and standards that have it, a report of the seeds, our own. */
  readonly source: string;
  /** How to mend what it refuses, as a sentence. */
  readonly fix: string;
  /** One of each, in a few words of code. */
  readonly example: { readonly refused: string; readonly accepted: string };
}

/** A rule for every program with Kubernetes or @pulumi/command; it knows nothing of this site. */
export type AnyRule = About & { readonly audience: "any" } & (
    | { readonly check: (resource: Resource) => Iterable<Finding> }
    | { readonly checkStack: (stack: readonly Resource[]) => Iterable<Finding> }
  );
