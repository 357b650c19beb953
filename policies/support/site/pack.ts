import type {
  Policies,
  PolicyResource,
  ReportViolation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { describePending, judge, judgeStack, type Verdict } from "./evaluate.ts";
import { describeExemptions } from "./exemptions.ts";
import type { Resource } from "../resource.ts";
import type { Facts, Rule } from "./rule.ts";
import { fieldOf } from "../unwrap.ts";

/** Policies that are no rules: they say what rules could not refuse. */
export const NOTES = {
  pending: "not-ready-to-apply",
  exemptions: "exemptions",
} as const;

/**
 * The rules as policies of Pulumi's, one each under its own name, and two that say what the rules leave open: what can only be
 * decided in `up`, and which exemptions there are.
 */
export function policiesOf(rules: readonly Rule[], facts: Facts): Policies {
  const seen = new Seen();
  return [
    ...rules.filter((rule) => "check" in rule).map((rule, index) => ofResources(rule, index === 0, seen, facts)),
    ...rules.filter((rule) => "checkStack" in rule).map((rule) => ofStack(rule, seen, facts)),
    {
      name: NOTES.pending,
      description: "What nobody can know in a preview is decided in up, before anything is touched.",
      enforcementLevel: "advisory",
      validateStack: ({ resources }, report) => {
        const stack = seen.stack(resources);
        const verdicts = rules.flatMap((rule) => [
          ...stack.flatMap((resource) => judge(rule, resource, facts)),
          ...judgeStack(rule, stack, facts),
        ]);
        for (const line of describePending(verdicts)) report(line);
      },
    },
    {
      name: NOTES.exemptions,
      description: "What the site file lets pass, until when, and why.",
      enforcementLevel: "advisory",
      validateStack: (_, report) => {
        for (const line of describeExemptions(facts.site, facts.now)) report(line);
      },
    },
  ];
}

/** @param isFirst of all policies it meets a resource first, and takes it anew: an `up` has each of them looked at twice. */
function ofResources(rule: Rule, isFirst: boolean, seen: Seen, facts: Facts): ResourceValidationPolicy {
  return {
    ...about(rule),
    validateResource: (args, report) => {
      tell(judge(rule, isFirst ? seen.add(args) : seen.get(args), facts), report);
    },
  };
}

function ofStack(rule: Rule, seen: Seen, facts: Facts): StackValidationPolicy {
  return {
    ...about(rule),
    validateStack: ({ resources }, report) => {
      tell(judgeStack(rule, seen.stack(resources), facts), report);
    },
  };
}

/** The message says what, where, why and how; the description, which Pulumi prints above it, shows the rule. */
function about({ name, level, example }: Rule) {
  const description = `Refused: ${example.refused}. Accepted: ${example.accepted}.`;
  return { name, description, enforcementLevel: level };
}

function tell(verdicts: readonly Verdict[], report: ReportViolation): void {
  for (const { kind, message, urn } of verdicts) {
    if (kind === "refused") report(message, urn);
  }
}

/** The resources of this run, with the inputs that they were looked at with: a stack's own list has their outputs. */
class Seen {
  readonly #resources = new Map<string, Resource>();

  /** Takes a resource anew: an `up` looks at it twice. */
  add(args: ResourceValidationArgs): Resource {
    const { urn, type, name, props, opts } = args;
    const resource: Resource = {
      urn,
      type,
      name,
      inputs: fieldOf(props),
      protect: opts.protect,
      dependencies: [],
      ...(opts.parent === undefined ? {} : { parent: opts.parent }),
    };
    this.#resources.set(urn, resource);
    return resource;
  }

  get(args: ResourceValidationArgs): Resource {
    return this.#resources.get(args.urn) ?? this.add(args);
  }

  stack(resources: readonly PolicyResource[]): Resource[] {
    return resources.map((resource) => this.#inStack(resource));
  }

  #inStack({ urn, type, name, props, opts, parent, dependencies }: PolicyResource): Resource {
    return {
      urn,
      type,
      name,
      inputs: this.#resources.get(urn)?.inputs ?? fieldOf(props),
      protect: opts.protect,
      dependencies: dependencies.map((dependency) => dependency.urn),
      ...(parent === undefined ? {} : { parent: parent.urn }),
    };
  }
}
