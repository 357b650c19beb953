import { existsSync } from "node:fs";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import {
  applyTarget,
  expandHome,
  hostConnection,
  observeHost,
  readLoginKey,
  readObserverKey,
} from "../components/host/connection.ts";
import { Cluster } from "../components/cluster/cluster.ts";
import { ClusterApi } from "../components/cluster/clusterApi.ts";
import { serverOf } from "../components/cluster/kubeconfig.ts";
import { Ownership, type ClusterLook } from "../components/cluster/ownership.ts";
import type { EntryPointArgs } from "../components/host/entryPoint.ts";
import type { Host } from "../components/host/host.ts";
import { leaseOwner, takeLease } from "../components/host/lease.ts";
import type { Observation } from "../components/host/observation.ts";
import { PlanReport } from "../components/host/plan.ts";
import { isKnown, type Settings } from "../components/settings/index.ts";
import { describeBlocking, describeGaps, findGaps, type Gap } from "./gaps.ts";
import { writePlanFile } from "./planFile.ts";

/** What a phase exports from its stack: values that later phases and reports read. Names are a contract. */
export type PhaseOutputs = Record<string, unknown>;

/** An output that this stack kept when it was last applied; undefined when it has none of that name. */
export type KeptOutputs = (name: string) => Promise<unknown>;

/**
 * What every phase does around its resources: observes the host and the cluster, says what is not known yet, refuses to
 * apply without what safety needs, takes the host for this run, and keeps the items' revisions in the stack.
 * @throws RunError in `up`, before anything is touched, with everything that is missing, when the host was not read, when
 *   another run has the host, or with all items and objects that cannot be applied to what is there. (`destroy` runs no
 *   program: Pulumi takes commands and connection from the state.)
 */
export async function withSite(
  settings: Settings,
  build: (host: Host, cluster: Cluster, kept: KeptOutputs) => PhaseOutputs | Promise<PhaseOutputs>,
): Promise<PhaseOutputs> {
  const key = readLoginKey(settings.host.ssh.keyFile, settings.agentSocket);
  const gaps = findGaps(settings, settings.phase, settings.givenSecrets, key);
  const blocking = describeBlocking(gaps);
  const applies = !pulumi.runtime.isDryRun();
  if (applies && blocking !== "") {
    throw new pulumi.RunError(`nothing was applied, because this is missing:\n${blocking}`);
  }
  if (applies) {
    try {
      await takeLease(applyTarget(settings, key), settings.leaseOwner ?? leaseOwner(pulumi.getStack()));
    } catch (error) {
      throw new pulumi.RunError(`nothing was applied: ${(error as Error).message}`);
    }
  }

  // Where everything else needs the key that applies, that is the one to find out whether it gets in.
  const observerKey = applies ? undefined : readObserverKey(settings.host.ssh.observerKeyFile);
  const observation = await observeHost(settings, key, observerKey);
  if (applies && "blind" in observation) {
    // What nobody could compare, nobody has reviewed.
    throw new pulumi.RunError(`nothing was applied: ${observation.blind}`);
  }
  const report = new PlanReport();
  const kept = keptOutputs();
  const keptRevisions = ((await kept("revisions")) ?? {}) as Record<string, number>;
  // Items are carried out as soon as they are declared; none may be before the last one was looked at.
  const looked = Promise.withResolvers<undefined>();
  const connection = hostConnection(settings.host, key);
  const { identifier, takeOver } = settings.cluster;
  // The provider knows nobody's home folder.
  const kubeconfigFile = expandHome(settings.cluster.kubeconfigFile);
  const api = new ClusterApi(kubeconfigFile, settings.safety.observeTimeout.seconds);
  const ownership = new Ownership({ stack: pulumi.getStack(), api, takeOver });
  const server = serverOf(kubeconfigFile)?.origin;
  const cluster = new Cluster(
    { identifier, kubeconfigFile },
    ownership,
    applies ? looked.promise : Promise.resolve(),
    api,
  );
  const outputs = await build(
    {
      connection: applies ? pulumi.all([connection, looked.promise]).apply(([known]) => known) : connection,
      provider: new command.Provider("host"),
      observation,
      keptRevisions,
      confirmWithin: Math.ceil(settings.safety.confirmWithin.seconds),
      report,
    },
    cluster,
    kept,
  );
  const onCluster: ClusterLook = existsSync(kubeconfigFile)
    ? await cluster.look()
    : { refusals: [], notes: [], blind: `there is no kubeconfig at ${kubeconfigFile}` };
  // The preview that an up begins with ends here too; one that is only looked at shows everything.
  const refusals = [report.refusals, list(onCluster.refusals)].filter((text) => text !== "").join("\n");
  if (refusals !== "" && (applies || settings.leaseOwner !== undefined)) {
    throw new pulumi.RunError(`nothing was applied, because of what is on ${settings.host.name}:\n${refusals}`);
  }
  if (applies && onCluster.blind !== undefined && cluster.needsLook) {
    throw new pulumi.RunError(`nothing was applied: the cluster was not read: ${onCluster.blind}`);
  }
  if (applies && onCluster.blind !== undefined && ownership.declared) {
    // The disk that keeps K3s from starting may be what this run is to mend.
    void pulumi.log.warn(
      `The cluster was not read: ${onCluster.blind}. The host's items are applied; an object that is to be made or changed fails.`,
    );
  }
  looked.resolve(undefined);
  if (!applies) {
    void pulumi.log.info(
      describePlan(settings, observation, ownership.declared ? onCluster : undefined, report, gaps, cluster.page),
    );
    if (settings.planFile !== undefined) {
      writePlanFile(settings.planFile, observation, report, onCluster, ownership.objects, server);
    }
  }
  // Items that the site file leaves out have no outputs; Pulumi would warn of them.
  const given = Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== undefined));
  // Where it was applied: a review sees a kubeconfig that leads elsewhere since.
  const applied = ownership.declared && server !== undefined ? { clusterServer: server } : {};
  return { ...given, ...applied, revisions: report.revisions };
}

/** The machine that the site file means. */
export function machineOf({ host }: Settings): EntryPointArgs["machine"] {
  return { address: host.address, port: host.ssh.port, ...(isKnown(host.machineId) ? { id: host.machineId } : {}) };
}

/** The Kubernetes minor version of a K3s, `v1.33`, whose Pod Security Standards are meant: `latest` would change at an upgrade. */
export function podSecurityVersion(k3sVersion: string): string {
  return /^v\d+\.\d+/.exec(k3sVersion)?.[0] ?? k3sVersion;
}

/** Reads this stack's own last outputs, which Pulumi lets every stack read of every other. */
function keptOutputs(): KeptOutputs {
  const own = new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`);
  return async (name): Promise<unknown> => (await own.getOutputDetails(name)).value;
}

/** The page that a preview ends with: what happens to the host, in order, and what is not known yet. */
function describePlan(
  settings: Settings,
  observation: Observation,
  cluster: ClusterLook | undefined,
  report: PlanReport,
  gaps: Gap[],
  page: string | undefined,
): string {
  const wants =
    report.items.length === 0 ? "nothing but objects on its cluster." : `in this order:\n${report.toString()}`;
  const parts = [
    `What phase ${settings.phase} wants of ${settings.host.name}${report.items.length === 0 ? ": " : ", "}${wants}`,
  ];
  if (page !== undefined) {
    parts.push(page);
  }
  if ("blind" in observation) {
    parts.push(`Host not read: ${observation.blind}. What it has now is not compared.`);
  } else {
    const { facts, remark } = observation;
    if (remark !== undefined) {
      parts.push(`Host ${remark}.`);
    }
    if (facts.lease !== undefined) {
      const { owner, expiresIn } = facts.lease;
      parts.push(`The host is held by ${owner} for another ${expiresIn} s: up is refused until then.`);
    }
  }
  if (cluster?.blind !== undefined) {
    parts.push(
      `Cluster not read: ${cluster.blind}. Whether anything of these names is there already is not known: up applies the host's items, and looks again before it makes an object.`,
    );
  }
  if (cluster !== undefined && cluster.refusals.length + cluster.notes.length > 0) {
    const refused = cluster.refusals.map((refusal) => `up is refused: ${refusal}`);
    parts.push(`What is on the cluster already:\n${list([...refused, ...cluster.notes])}`);
  }
  if (gaps.length > 0) {
    parts.push(describeGaps(gaps));
  }
  return parts.join("\n\n");
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}`).join("\n");
}
