import * as pulumi from "@pulumi/pulumi";
import { NetworkPolicies } from "../components/cluster/networkPolicies.ts";
import { Rollout } from "../components/cluster/network/rollout.ts";
import { NetworkPlan } from "../components/cluster/network/plan.ts";
import type { Settings } from "../components/settings/index.ts";
import { withSite, type PhaseOutputs } from "./preparation.ts";

/**
 * Phase 4, security: network policies. Namespaces are closed one after the other, each watched before the next one is; one
 * that is worse off for it gets back what it had, and the run ends there.
 */
export function buildPhase4(settings: Settings): Promise<PhaseOutputs> {
  return withSite(settings, async (_, cluster, kept) => {
    const stack = pulumi.getStack();
    const rollout = new Rollout(cluster.api, stack, settings.phase4.watch.seconds);
    const plan = new NetworkPlan(settings, stack, (await kept("connectivity")) as Record<string, string> | undefined);
    cluster.examinedBy({
      examine: async (api) => {
        const live = await plan.read(api);
        rollout.beginFrom(live);
        return plan.findings();
      },
      page: () => plan.page(),
    });
    const watch = new pulumi.ResourceHook("watch-namespace", ({ newInputs }) => {
      const { metadata } = newInputs as { metadata: { namespace: string } };
      return rollout.check(metadata.namespace);
    });
    let before: pulumi.Resource[] = [];
    for (const { namespace, policies } of plan.namespaces) {
      const closed = new NetworkPolicies(`network-${namespace}`, { namespace, policies }, watch, {
        ...cluster.options,
        dependsOn: before,
      });
      before = [closed];
    }
    return { connectivity: plan.after };
  });
}
