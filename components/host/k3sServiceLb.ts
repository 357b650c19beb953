import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { HostFile, planHostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import type { ItemPlan, Reason } from "./plan.ts";

const PATH = "/etc/rancher/k3s/config.yaml.d/51-twisterlab-edge-servicelb.yaml";

/** Added to what other files switch off. */
const CONTENT = "disable+:\n  - servicelb\n";

export interface K3sServiceLbArgs extends Reason {
  /** Addresses that services get instead, `192.168.0.100-192.168.0.110`. */
  pool: string;
  /** Host names that lead to the machine's own address, where nothing would answer for them any more. */
  namesOnNode: readonly string[];
}

/**
 * K3s' own service load balancer, switched off: two that give addresses to one service take them from each other
 * (https://metallb.io/configuration/k3s). K3s reads the file when it starts, so it is restarted; pods outlive that, but for
 * those of the balancer, which it takes away then. Refused while MetalLB has no pool, and undone unless every service of
 * the type LoadBalancer has an address afterwards.
 */
export class K3sServiceLb extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: K3sServiceLbArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:K3sServiceLb", name, { ...args, namesOnNode: [...args.namesOnNode] }, opts);
    const file = new HostFile(
      `${name}-yaml`,
      {
        path: PATH,
        content: CONTENT,
        why: args.why,
        plan: planK3sServiceLb(args, host.observation),
        validate: "k3s-servicelb",
        activate: "k3s-servicelb",
        guarded: true,
      },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says: the order, the window, and what would answer nowhere any more, which is refused. */
export function planK3sServiceLb(
  { pool, namesOnNode }: Omit<K3sServiceLbArgs, "why">,
  observation: Observation,
): ItemPlan {
  const effect = `after MetalLB and its pool are there, K3s is restarted without its own service load balancer: pods stay up, services of the type LoadBalancer are then reached at an address of ${pool}, and on the machine's own address no more`;
  const plan = planHostFile({ path: PATH, content: CONTENT }, observation, effect);
  if (plan.state !== "differs" || namesOnNode.length === 0) {
    return plan;
  }
  const names = namesOnNode.join(", ");
  const sentence = `${plan.sentence}: up will refuse, because ${names} leads to the machine's own address, and nothing would answer there`;
  return { ...plan, sentence, refused: true };
}
