import { connect } from "node:net";
import { serverOf } from "../components/cluster/kubeconfig.ts";
import type { Phase } from "../components/settings/stackName.ts";
import type { Site } from "./site.ts";

/** Milliseconds for the cluster to take a connection: it is on the local network. */
const LIMIT = 3_000;

/**
 * The flag with which Pulumi compares with the objects as they are on the cluster, not as they were when it made them. Left
 * out for a phase without objects, where a person gives it himself, and while the cluster does not answer: Pulumi would fail,
 * and the program says in its preview that the cluster was not read.
 */
export async function refreshFlag(site: Site, phase: Phase, flags: readonly string[]): Promise<string[]> {
  // Only here: it loads Pulumi's library, which a command without a phase does without.
  const [{ usesCluster }, { expandHome }] = await Promise.all([
    import("../phases/gaps.ts"),
    import("../components/host/connection.ts"),
  ]);
  const asked = flags.some((flag) => /^(--refresh(=|$)|-r$)/.test(flag));
  if (asked || !usesCluster(site.settings, phase)) {
    return [];
  }
  return (await answers(serverOf(expandHome(site.settings.cluster.kubeconfigFile)))) ? ["--refresh"] : [];
}

function answers(server: URL | undefined): Promise<boolean> {
  if (server === undefined) {
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    const host = server.hostname.replaceAll(/[[\]]/g, "");
    const socket = connect({ host, port: Number(server.port || 443), timeout: LIMIT }, end(true));
    socket.on("error", end(false)).on("timeout", end(false));
  });
}
