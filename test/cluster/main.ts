// `npm run cluster`: a Kubernetes like EdgeServer's to play with, until Ctrl-C.
import { playground } from "../support/playground.ts";
import { startCluster, type Cluster } from "./cluster.ts";

if (process.argv.length > 2) {
  process.stderr.write("Usage: npm run cluster\n");
  process.exit(process.argv[2] === "--help" ? 0 : 2);
}
try {
  await playground(startCluster, description, "The cluster is gone.");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function description(cluster: Cluster): string {
  return `
A Kubernetes like EdgeServer's runs, ${Math.round(process.uptime())} s after the start; Ctrl-C removes it with everything on it.

  KUBECONFIG=${cluster.kubeconfig}

What a site file says to mean this one:

  twisterlab-edge:cluster: apiServer: ${cluster.apiServer}, kubeconfigFile: ${cluster.kubeconfig}

The folders of its disks are here: ${cluster.disk("data-warehouse")}, ${cluster.disk("ai-storage")}

`;
}
