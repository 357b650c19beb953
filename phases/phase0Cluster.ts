import type * as pulumi from "@pulumi/pulumi";
import { backupScripts } from "../components/cluster/backupScripts.ts";
import { BackupVolume } from "../components/cluster/backupVolume.ts";
import type { Cluster } from "../components/cluster/cluster.ts";
import { PostgresBackup, RedisBackup } from "../components/cluster/databaseBackup.ts";
import { McpService } from "../components/cluster/mcpService.ts";
import { apiServerOf, type DatabaseKind } from "../components/cluster/network/jobs.ts";
import { PodHygiene } from "../components/cluster/podHygiene.ts";
import { RestoreDrill } from "../components/cluster/restoreDrill.ts";
import { RevisionHistory } from "../components/cluster/revisionHistory.ts";
import type { Settings } from "../components/settings/index.ts";
import type { PhaseOutputs } from "./preparation.ts";

const BACKUPS = { postgres: PostgresBackup, redis: RedisBackup };

/**
 * What phase 0 has on the cluster: the databases' backups and the trials of restoring them, the job that clears away what is
 * over, and the MCP services.
 * @param folder of the backups, on the host.
 * @param after host items that come first: that folder is made, images are imported, K3s is restarted.
 */
export function buildPhase0Cluster(
  settings: Settings,
  cluster: Cluster,
  folder: string,
  after: pulumi.Resource,
): PhaseOutputs {
  const { backups, podHygiene, mcpServices } = settings.phase0;
  const databases = (["postgres", "redis"] as const).flatMap((kind) => databaseOf(settings, kind));
  const opts = (...before: pulumi.Resource[]) => ({ ...cluster.options, dependsOn: [after, ...before] });

  for (const namespace of new Set(databases.map((database) => database.namespace))) {
    const volume = new BackupVolume(
      `backups-${namespace}`,
      { namespace, node: settings.cluster.node, path: folder, size: backups.size.text },
      opts(),
    );
    const scripts = backupScripts(`backup-scripts-${namespace}`, namespace, opts());
    for (const database of databases.filter((each) => each.namespace === namespace)) {
      const { kind, image, labels, backup } = database;
      const common = { namespace, image, claim: volume.claim, scripts };
      const { schedule, user, password, drill, scratch } = backup;
      const saved = new BACKUPS[kind](
        `${kind}-backup`,
        {
          ...common,
          labels,
          schedule,
          retention: backups.retention.seconds,
          ...(user === undefined ? {} : { user }),
          ...(password === undefined ? {} : { password }),
        },
        opts(),
      );
      new RestoreDrill(`${kind}-drill`, { ...common, kind, schedule: drill, scratch: scratch.text }, opts(saved));
    }
    if (podHygiene.namespace === namespace && podHygiene.namespaces.length > 0) {
      const { namespaces, schedule, image, minimumAge, leftovers, revisionHistoryLimit, dryRun } = podHygiene;
      const args = { namespace, namespaces, schedule, image, leftovers, dryRun, claim: volume.claim };
      new PodHygiene(
        "pod-hygiene",
        {
          ...args,
          minimumAge: minimumAge.seconds,
          historyLimit: revisionHistoryLimit,
          apiServer: apiServerOf(settings),
        },
        opts(),
      );
    }
  }

  // Our own say it themselves: two managers of one field would take it from each other.
  const own = Object.entries(mcpServices).map(([name, { namespace }]) => `${namespace}/${name}`);
  const deployments = podHygiene.deployments.filter((each) => !own.includes(each));
  if (deployments.length > 0) {
    new RevisionHistory("revision-history", { limit: podHygiene.revisionHistoryLimit, deployments }, opts());
  }

  for (const [name, { namespace, pull, requests, limits, ...rest }] of Object.entries(mcpServices)) {
    new McpService(
      name,
      {
        ...rest,
        name,
        namespace,
        historyLimit: podHygiene.revisionHistoryLimit,
        pullPolicy: pull ? "IfNotPresent" : "Never",
        labels: settings.workloads[namespace]?.[name]?.labels ?? { app: name },
        requests: { cpu: requests.cpu.text, memory: requests.memory.text },
        limits: { cpu: limits.cpu.text, memory: limits.memory.text },
      },
      opts(),
    );
  }
  return { backups: databases.length === 0 ? undefined : databases.map(({ kind }) => `${kind}-backup`) };
}

/** What the site file says of a database; nothing when it is not backed up. */
function databaseOf({ workloads, phase0 }: Settings, kind: DatabaseKind) {
  const backup = phase0.backups[kind];
  if (backup === undefined) {
    return [];
  }
  const { namespace } = backup;
  const { image, labels } = workloads[namespace]?.[backup.workload] ?? {};
  if (image === undefined || labels === undefined) {
    // The settings' rules have seen to it.
    throw new Error(`too little is known of the workload that phase0.backups.${kind} names`);
  }
  return [{ kind, namespace, image, labels, backup }];
}
