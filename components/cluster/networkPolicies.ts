import * as pulumi from "@pulumi/pulumi";
import { DEFAULT_DENY, digestOf, type Policy } from "./network/policies.ts";
import { networkPolicy } from "./networkPolicy.ts";

export interface NetworkPoliciesArgs {
  /** Namespace that is closed. */
  namespace: string;
  /** Its policies; the one that refuses what no other allows is among them. */
  policies: readonly Policy[];
}

/**
 * The policies of one namespace. What is allowed comes first, the refusal last, and whenever any of them has changed, `watch`
 * runs after all of them: it is to throw when the namespace is worse off, and to have taken back what was applied.
 */
export class NetworkPolicies extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: NetworkPoliciesArgs,
    watch: pulumi.ResourceHook,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    // The policies are its children: the state need not have them twice.
    super("twisterlab:cluster:NetworkPolicies", name, { namespace: args.namespace }, opts);
    const allows = args.policies
      .filter((policy) => policy.name !== DEFAULT_DENY)
      .map((policy) => networkPolicy(`${name}-${policy.name}`, policy, { parent: this }));
    for (const deny of args.policies.filter((policy) => policy.name === DEFAULT_DENY)) {
      networkPolicy(
        `${name}-${DEFAULT_DENY}`,
        deny,
        { parent: this, dependsOn: allows, hooks: { afterCreate: [watch], afterUpdate: [watch] } },
        // Another one for every other set of policies, so that a change to any of them is one of this as well.
        { "twisterlab-edge/policies": digestOf(args.policies) },
      );
    }
    this.registerOutputs({});
  }
}
