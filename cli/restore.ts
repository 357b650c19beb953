import Table from "cli-table3";
import { formatBytes } from "../components/settings/values/size.ts";
import { typed } from "./ask.ts";
import {
  ago,
  ClusterJobs,
  jobFrom,
  PATIENCE,
  printEvidence,
  successOf,
  type Container,
  type DatabaseKind,
  type Job,
} from "./clusterJob.ts";
import { EXIT, Failure } from "./failure.ts";
import { openSite } from "./site.ts";

export interface RestoreOptions {
  /** Name of a backup, or `newest`. Without it they are listed, and nothing is restored. */
  from?: string;
  /** Go on where the server has data already; it is kept under other names (PostgreSQL) or saved first (Redis). */
  overwrite?: boolean;
  /** Do not ask on a terminal. */
  yes?: boolean;
}

const WAY_BACK: Record<DatabaseKind, string> = {
  postgres: "databases that it has now get other names",
  redis: "what it has now is saved first, and then replaced",
};

/**
 * Restores a backup into the database server itself, by a job on the cluster.
 * @param patience default: that of a person at a terminal.
 * @returns 0: it has what was saved; 1: the person on the terminal said no.
 * @throws Failure when it was refused, failed, or when no backup was named.
 */
export async function restore(
  kind: DatabaseKind,
  siteName: string,
  { from, overwrite = false, yes = false }: RestoreOptions,
  patience = PATIENCE,
): Promise<number> {
  const jobs = await ClusterJobs.open(openSite(siteName), kind, patience);
  if (from === undefined) {
    await list(jobs, kind);
    throw new Failure(`name one of them, or newest: npm run restore -- ${kind} --from <backup>`);
  }
  const job = await restoreJob(jobs, kind, `${kind}Restore.sh`, [
    { name: "FROM", value: from },
    ...(overwrite ? [{ name: "OVERWRITE", value: "1" }] : []),
    // Redis fetches what is restored from there.
    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
  ]);
  await jobs.refuseBeside([`${kind}-backup`, `${kind}-restore`]);
  if (process.stdin.isTTY && !yes) {
    const how = overwrite ? WAY_BACK[kind] : "which must be empty";
    const question = `This restores ${from} into the ${kind} server of ${jobs.namespace} on ${jobs.server}: ${how}.`;
    if (!(await typed(question, kind))) {
      return EXIT.error;
    }
  }
  const ended = await jobs.run(job);
  if (ended.record === undefined) {
    const reason = `${ended.reason}. It did not come to its end: repeat it with --overwrite, nothing is lost`;
    successOf({ ...ended, reason }, `the restore of ${kind}`);
  }
  printEvidence([[kind, successOf(ended, `the restore of ${kind}`)]]);
  return EXIT.success;
}

/** Prints which backups there are: only a pod sees their disk. */
async function list(jobs: ClusterJobs, kind: DatabaseKind): Promise<void> {
  const job = await restoreJob(jobs, kind, "listBackups.sh", [{ name: "KIND", value: kind }]);
  const { code, reason, log } = await jobs.run(job, true);
  await jobs.remove(job);
  if (code !== 0) {
    const said = log.trim().split("\n").at(-1) ?? "";
    throw new Failure(`the backups of ${kind} cannot be listed: ${said === "" ? reason : said}`, EXIT.error);
  }
  const lines = log.split("\n").filter((line) => line !== "");
  if (lines.length === 0) {
    throw new Failure(`there are no backups of ${kind}`, EXIT.error);
  }
  const table = new Table({ head: ["backup", "age", "size", "saved by"], style: { head: [], border: [] } });
  for (const line of lines) {
    const [name, age, bytes, version] = line.split("\t");
    // A wrong clock has made it, or it is this one that is wrong.
    table.push([name, Number(age) < 0 ? "of a time to come" : ago(Number(age)), formatBytes(Number(bytes)), version]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

/** A job that runs another script where the backups run: what it reaches the server with, and the folder, are the same. */
async function restoreJob(
  jobs: ClusterJobs,
  kind: DatabaseKind,
  script: string,
  environment: NonNullable<Container["env"]>,
): Promise<Job> {
  const [backup, drill] = [await jobs.cronJob(`${kind}-backup`), await jobs.cronJob(`${kind}-drill`)];
  const job = jobFrom(backup, `${kind}-restore`);
  const [container] = containersOf(job);
  // It takes what the drill takes, which restores the same.
  const [{ resources } = {}] = containersOf(jobFrom(drill, ""));
  if (container?.command === undefined || resources === undefined) {
    throw new Failure(
      `the CronJobs of ${kind} in ${jobs.namespace} are not this program's: npm run up -- 0 mends them`,
    );
  }
  container.command = container.command.map((word) => word.replaceAll(`${kind}Backup.sh`, script));
  container.env = [...(container.env ?? []), ...environment];
  container.resources = resources;
  // One that is cut off half-way is worse than a slow one, and somebody watches it.
  delete job.spec.activeDeadlineSeconds;
  return job;
}

function containersOf({ spec }: Job): Container[] {
  return spec?.template.spec?.containers ?? [];
}
