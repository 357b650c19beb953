import {
  ClusterJobs,
  DATABASE_KINDS,
  jobFrom,
  PATIENCE,
  printEvidence,
  successOf,
  type DatabaseKind,
  type RunRecord,
} from "./clusterJob.ts";
import { EXIT, Failure } from "./failure.ts";
import { say } from "./phase.ts";
import { openSite, type Site } from "./site.ts";

/**
 * Has the cluster restore the newest backups into servers of their own and compare them with what was saved, as it does by
 * itself from time to time, and prints the evidence.
 * @param kind default: every database that the site file has backups of, one after the other, also when one fails.
 * @param patience default: that of a person at a terminal.
 * @throws Failure when one of them did not succeed, after the evidence of the others.
 */
export async function drill(kind: DatabaseKind | undefined, siteName: string, patience = PATIENCE): Promise<number> {
  const site = openSite(siteName);
  const { backups } = site.settings.phase0;
  const kinds = kind === undefined ? DATABASE_KINDS.filter((each) => backups[each] !== undefined) : [kind];
  if (kinds.length === 0) {
    throw new Failure(`${site.file} has nothing under phase0.backups: there are no backups`);
  }
  const evidence: [DatabaseKind, RunRecord][] = [];
  const failures: Failure[] = [];
  for (const each of kinds) {
    try {
      evidence.push([each, await drillOne(site, each, patience)]);
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw error;
      }
      failures.push(error);
    }
  }
  printEvidence(evidence);
  if (failures.length > 0) {
    const codes = failures.map(({ exitCode }) => exitCode);
    throw new Failure(failures.map(({ message }) => message).join("; "), Math.min(...codes));
  }
  return EXIT.success;
}

async function drillOne(site: Site, kind: DatabaseKind, patience: typeof PATIENCE): Promise<RunRecord> {
  const app = `${kind}-drill`;
  const jobs = await ClusterJobs.open(site, kind, patience);
  const job = jobFrom(await jobs.cronJob(app), app);
  say(`${kind}: restoring the newest backup into a server of its own, in ${jobs.namespace} on ${jobs.server}`);
  return successOf(await jobs.run(job), `the drill of ${kind}`);
}
