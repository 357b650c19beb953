import { join } from "node:path";
import { ensureProgram } from "../support/goProgram.ts";
import { requireSystemPackages } from "../support/systemPackages.ts";
import type { Cluster } from "./cluster.ts";

/**
 * Has a node go by network policies. K3s does that with the same program, built in: kube-router, for policies alone. It ends
 * with its cluster.
 */
export async function enforcePolicies(cluster: Cluster): Promise<void> {
  requireSystemPackages([{ command: "ipset", debianPackage: "ipset" }]);
  const program = await ensureProgram({
    name: "kube-router",
    what: "kube-router, which makes a node go by network policies",
    source: join(import.meta.dirname, "kubeRouter"),
    package: "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
  });
  const words = [
    ...["--run-router=false", "--run-service-proxy=false", "--run-firewall=true"],
    ...["--kubeconfig=/etc/rancher/k3s/admin.kubeconfig", "--hostname-override=edgeserver"],
    "--service-cluster-ip-range=10.43.0.0/16",
  ];
  // A refusal is an ICMP message, of which Linux sends a few a second: without a limit nobody waits for one in vain.
  const unlimited =
    "sysctl -q net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=1000000";
  const started = await cluster.run(`${unlimited}; ${program} ${words.join(" ")} > /run/kube-router.log 2>&1 &`);
  if (started.code !== 0) {
    throw new Error(started.stderr);
  }
}
