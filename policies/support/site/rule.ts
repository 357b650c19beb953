import type { Site } from "../../../components/settings/site.ts";
import type { Resource } from "../resource.ts";
import type { About, AnyRule, Finding } from "../rule.ts";

/** What a rule of a site may ask. */
export interface Facts {
  readonly site: Site;
  readonly now: Date;
}

/** A rule of this site: what the site file says counts. */
export type SiteRule = About & { readonly audience: "site" } & (
    | { readonly check: (resource: Resource, facts: Facts) => Iterable<Finding> }
    | { readonly checkStack: (stack: readonly Resource[], facts: Facts) => Iterable<Finding> }
  );

export type Rule = AnyRule | SiteRule;
