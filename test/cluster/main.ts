// `npm run cluster`: a Kubernetes like EdgeServer's to play with, until Ctrl-C.
import { startCluster } from "./cluster.ts";

if (process.argv.length > 2) {
  process.stderr.write("Usage: npm run cluster\n");
  process.exit(process.argv[2] === "--help" ? 0 : 2);
}
try {
  const stopped = new Promise((resolve) => {
    process.once("SIGINT", resolve).once("SIGTERM", resolve);
  });
  const started = performance.now();
  const cluster = await startCluster();
  process.stdout.write(`
A Kubernetes like EdgeServer's runs, since ${Math.round((performance.now() - started) / 1000)} s after the start; Ctrl-C removes it with everything on it.

  KUBECONFIG=${cluster.kubeconfig}

What a site file says to mean this one:

  twisterlab-edge:cluster: apiServer: ${cluster.apiServer}, kubeconfigFile: ${cluster.kubeconfig}

The folders of its disks are here: ${cluster.disk("data-warehouse")}, ${cluster.disk("ai-storage")}

`);
  const alive = setInterval(() => undefined, 60_000);
  await stopped;
  clearInterval(alive);
  await cluster.stop();
  process.stdout.write("The cluster is gone.\n");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
