import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type {
  BatchV1Api,
  CoreV1Api,
  CoreV1Event,
  V1Container,
  V1CronJob,
  V1Job,
  V1JobSpec,
  V1JobTemplateSpec,
  V1Pod,
} from "@kubernetes/client-node";
import Table from "cli-table3";
import { expandHome } from "../components/host/connection.ts";
import { formatBytes } from "../components/settings/values/size.ts";
import { EXIT, Failure } from "./failure.ts";
import { say } from "./phase.ts";
import type { Site } from "./site.ts";

export const DATABASE_KINDS = ["postgres", "redis"] as const;
export type DatabaseKind = (typeof DATABASE_KINDS)[number];

/** Seconds that the commands wait for the cluster; tests are quicker. */
export interface Patience {
  /** Between two looks. */
  look: number;
  /** Until a pod runs: an image may have to be fetched. */
  start: number;
  /** For an answer of the API, and, once a pod runs, without any. */
  answer: number;
}

export const PATIENCE: Patience = { look: 1, start: 300, answer: 60 };

/** What a script of the backups leaves about its run, as `record` in components/cluster/scripts/backup.sh writes it. */
export interface RunRecord {
  ok: boolean;
  sentence: string;
  backup?: string;
  ageSeconds?: number;
  bytes?: number;
  restoreSeconds?: number;
}

/** How a job ended. */
export interface Ended {
  /** Exit code of its container; undefined when it did not come to its end by itself. */
  code: number | undefined;
  /** Why, where the container does not say itself. */
  reason: string;
  /** What the script has left; undefined when it did not come that far. */
  record: RunRecord | undefined;
  /** All that it has said. */
  log: string;
}

/** The jobs of one database on the cluster. */
export class ClusterJobs {
  readonly namespace: string;
  /** URL of the API. */
  readonly server: string;
  readonly #batch: BatchV1Api;
  readonly #core: CoreV1Api;
  readonly #patience: Patience;

  private constructor(namespace: string, server: string, apis: [BatchV1Api, CoreV1Api], patience: Patience) {
    this.namespace = namespace;
    this.server = server;
    [this.#batch, this.#core] = apis;
    this.#patience = patience;
  }

  /** @throws Failure when the site has no backups of that kind, or no kubeconfig that can be used. */
  static async open({ file, settings }: Site, kind: DatabaseKind, patience: Patience): Promise<ClusterJobs> {
    const namespace = settings.phase0.backups[kind]?.namespace;
    if (namespace === undefined) {
      throw new Failure(`${file} has no phase0.backups.${kind}: there are no backups of it`);
    }
    const { kubeconfigFile } = settings.cluster;
    const path = expandHome(kubeconfigFile);
    if (!existsSync(path)) {
      throw new Failure(`there is no kubeconfig at ${kubeconfigFile}, which cluster.kubeconfigFile names`);
    }
    // Only here: loading it takes half a second.
    const { BatchV1Api, CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    try {
      config.loadFromFile(path);
      const apis: [BatchV1Api, CoreV1Api] = [config.makeApiClient(BatchV1Api), config.makeApiClient(CoreV1Api)];
      return new ClusterJobs(namespace, config.getCurrentCluster()?.server ?? "", apis, patience);
    } catch (error) {
      throw new Failure(`${kubeconfigFile} is no kubeconfig that can be used: ${firstLine(error)}`);
    }
  }

  /** A CronJob of phase 0. @throws Failure when it is not there. */
  async cronJob(name: string): Promise<V1CronJob> {
    const found = await this.#ask(() => this.#batch.readNamespacedCronJob({ namespace: this.namespace, name }));
    if (found === undefined) {
      throw new Failure(`there is no CronJob ${this.namespace}/${name} on the cluster: npm run up -- 0 makes it`);
    }
    return found;
  }

  /** @throws Failure while a job with one of these names for its pods is under way. */
  async refuseBeside(apps: readonly string[]): Promise<void> {
    const labelSelector = `app.kubernetes.io/name in (${apps.join(", ")})`;
    const jobs = await this.#ask(() => this.#batch.listNamespacedJob({ namespace: this.namespace, labelSelector }));
    const active = jobs?.items.find(({ status }) => (status?.active ?? 0) > 0);
    if (active !== undefined) {
      throw new Failure(`the job ${this.#named(active)} is under way: wait for its end`, EXIT.error);
    }
  }

  /**
   * Runs a job to its end, and says what it waits for.
   * @param quiet leaves out what the pod says.
   * @throws Failure when no pod of it starts in time: it is removed, so that it does not begin when nobody waits any more.
   * And when the cluster does not answer: the job goes on.
   */
  async run(wanted: Job, quiet = false): Promise<Ended> {
    const { namespace } = this;
    const job = await this.#ask(() =>
      this.#batch.createNamespacedJob({ namespace, body: wanted }).catch((error: unknown) => {
        // Asked a second time, because the first answer was lost.
        if ((error as { code?: unknown }).code === 409) {
          return this.#batch.readNamespacedJob({ namespace, name: wanted.metadata?.name ?? "" });
        }
        throw error;
      }),
    );
    if (job === undefined) {
      throw new Failure(`there is no namespace ${namespace} on the cluster: npm run up -- 0 makes it`);
    }
    const named = this.#named(job);
    const interrupted = (): never => {
      say(`The job ${named} goes on by itself: kubectl -n ${namespace} logs -f job/${job.metadata?.name ?? ""}`);
      process.exit(128 + 2);
    };
    process.once("SIGINT", interrupted);
    try {
      return await this.#follow(job, quiet);
    } catch (error) {
      throw error instanceof Lost
        ? new Failure(`${error.message}; the job ${named} goes on by itself`, EXIT.error)
        : error;
    } finally {
      process.off("SIGINT", interrupted);
    }
  }

  async #follow(job: V1Job, quiet: boolean): Promise<Ended> {
    const late = Date.now() + this.#patience.start * 1000;
    let told = "";
    let log = "";
    for (;;) {
      const pod = await this.#podOf(job);
      if (pod !== undefined && hasRun(pod)) {
        const text = await this.#log(pod);
        if (!quiet) {
          process.stderr.write(text.slice(log.length));
        }
        log = text;
      }
      const ended = pod === undefined ? await this.#endWithoutPod(job) : endOf(pod);
      if (ended !== undefined) {
        return { ...ended, log };
      }
      if (pod === undefined || !hasRun(pod)) {
        const obstacle = await this.#obstacle(job, pod);
        if (Date.now() > late) {
          await this.remove(job);
          const waited = `no pod of ${this.#named(job)} ran within ${this.#patience.start} s, and it was removed`;
          throw new Failure(`${waited}: ${obstacle}`, EXIT.error);
        }
        if (obstacle !== told) {
          say(`waiting for a pod of ${this.#named(job)}: ${obstacle}`);
          told = obstacle;
        }
      }
      await pause(this.#patience.look * 1000);
    }
  }

  /** Removes a job, and its pods. */
  async remove({ metadata }: Job): Promise<void> {
    const { namespace } = this;
    const name = metadata?.name ?? "";
    await this.#ask(() => this.#batch.deleteNamespacedJob({ namespace, name, propagationPolicy: "Background" }));
  }

  async #podOf({ metadata }: V1Job): Promise<V1Pod | undefined> {
    const labelSelector = `batch.kubernetes.io/controller-uid=${metadata?.uid ?? ""}`;
    const pods = await this.#ask(() => this.#core.listNamespacedPod({ namespace: this.namespace, labelSelector }));
    return pods?.items[0];
  }

  /** Kubernetes takes the pods of a job away that takes too long. */
  async #endWithoutPod({ metadata }: V1Job): Promise<Omit<Ended, "log"> | undefined> {
    const name = metadata?.name ?? "";
    const job = await this.#ask(() => this.#batch.readNamespacedJob({ namespace: this.namespace, name }));
    if (job === undefined) {
      return { code: undefined, reason: "somebody has removed its job", record: undefined };
    }
    const failed = job.status?.conditions?.find(({ type }) => type === "Failed");
    return failed && { code: undefined, reason: failed.message ?? "no reason given", record: undefined };
  }

  async #log({ metadata }: V1Pod): Promise<string> {
    const name = metadata?.name ?? "";
    return (await this.#ask(() => this.#core.readNamespacedPodLog({ namespace: this.namespace, name }))) ?? "";
  }

  /** What keeps it from running. Of a volume that cannot be mounted, and of a quota that is used up, only events tell. */
  async #obstacle(job: V1Job, pod: V1Pod | undefined): Promise<string> {
    const told = pod === undefined ? undefined : obstacleOf(pod);
    if (told !== undefined) {
      return told;
    }
    const fieldSelector = `involvedObject.uid=${(pod ?? job).metadata?.uid ?? ""},type=Warning`;
    const events = await this.#ask(() => this.#core.listNamespacedEvent({ namespace: this.namespace, fieldSelector }));
    const at = ({ lastTimestamp, eventTime }: CoreV1Event): number => Number(lastTimestamp ?? eventTime ?? 0);
    const last = events?.items.toSorted((one, other) => at(one) - at(other)).at(-1);
    return last === undefined ? "it is being started" : `${last.reason ?? "?"}: ${oneLine(last.message ?? "")}`;
  }

  #named({ metadata }: V1Job): string {
    return `${this.namespace}/${metadata?.name ?? ""}`;
  }

  /**
   * Asks the API; for a while again and again when there is no answer.
   * @returns undefined for what is not there.
   * @throws Failure when it refuses, Lost when there is no answer.
   */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    const until = Date.now() + this.#patience.answer * 1000;
    for (;;) {
      const late = new AbortController();
      try {
        const never = pause(until - Date.now(), undefined, { signal: late.signal }).then(() => {
          throw new Error(`no answer within ${this.#patience.answer} s`);
        });
        never.catch(() => undefined);
        return await Promise.race([question(), never]);
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code === 404) {
          return undefined;
        }
        if (typeof code === "number" && code < 500) {
          throw new Failure(`the cluster at ${this.server} refuses: ${statusOf(error)}`, EXIT.error);
        }
        if (Date.now() + this.#patience.look * 1000 > until) {
          throw new Lost(`the cluster at ${this.server} does not answer: ${statusOf(error)}`, EXIT.error);
        }
      } finally {
        late.abort();
      }
      await pause(this.#patience.look * 1000);
    }
  }
}

/** The cluster does not answer. */
class Lost extends Failure {}

/** An object of the API as a plain one, without the class that the client reads it into. */
type Plain<T> = T extends Date ? T : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
export type Job = Plain<V1Job>;
export type Container = Plain<V1Container>;

/**
 * A job of its own with what a CronJob would run.
 * @param app name of its pods, by which network policies know them.
 */
export function jobFrom(cronJob: V1CronJob, app: string): Job & { spec: Plain<V1JobSpec> } {
  const { spec, metadata } = structuredClone<Plain<V1JobTemplateSpec>>(cronJob.spec.jobTemplate);
  const named = { "app.kubernetes.io/name": app };
  const { metadata: about, ...pod } = spec?.template ?? {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `${app}-${Date.now().toString(36)}`, labels: { ...metadata?.labels, ...named } },
    spec: {
      ...spec,
      // What failed is for the person to look at, who is there.
      backoffLimit: 0,
      ttlSecondsAfterFinished: KEPT,
      template: { ...pod, metadata: { ...about, labels: { ...about?.labels, ...named } } },
    },
  };
}

/** Seconds that a job stays on the cluster after its end, with its log. Our choice. */
const KEPT = 24 * 60 * 60;

/** The record of a run that did what it was to do. @throws Failure with what it says, or what Kubernetes says of it. */
export function successOf({ code, reason, record }: Ended, what: string): RunRecord {
  if (code !== 0 || record?.ok !== true) {
    throw new Failure(`${what} failed: ${record?.sentence ?? reason}`, EXIT.error);
  }
  return record;
}

/** Prints what was restored, from when, how fast: what an outage would cost in data (RPO) and in time (RTO). */
export function printEvidence(evidence: readonly [DatabaseKind, RunRecord][]): void {
  if (evidence.length === 0) {
    return;
  }
  const head = ["database", "backup", "age (RPO)", "restored in (RTO)", "size"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const [kind, { backup = "", ageSeconds = 0, restoreSeconds = 0, bytes = 0 }] of evidence) {
    table.push([kind, backup, ago(ageSeconds), `${restoreSeconds} s`, formatBytes(bytes)]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

/** Seconds in words, in the largest unit of which there are two. */
export function ago(seconds: number): string {
  const units: [string, number][] = [
    ["days", 86_400],
    ["h", 3600],
    ["min", 60],
  ];
  const [unit, size] = units.find(([, each]) => seconds >= 2 * each) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

function hasRun({ status }: V1Pod): boolean {
  const state = status?.containerStatuses?.[0]?.state;
  return state?.running !== undefined || state?.terminated !== undefined;
}

function endOf({ status }: V1Pod): Omit<Ended, "log"> | undefined {
  const terminated = status?.containerStatuses?.[0]?.state?.terminated;
  if (status?.phase !== "Succeeded" && status?.phase !== "Failed") {
    return undefined;
  }
  // Kubernetes' own reason goes first: a pod that was evicted or took too long has none of its own.
  const own = [status.reason, status.message].filter((text) => text !== undefined && text !== "").join(": ");
  const code = terminated?.exitCode;
  const container = `its container ended with ${String(code)} (${terminated?.reason ?? "no reason given"})`;
  return { code, reason: own === "" ? container : own, record: recordIn(terminated?.message) };
}

function recordIn(message: string | undefined): RunRecord | undefined {
  try {
    const record = JSON.parse(message ?? "") as RunRecord | null;
    return typeof record?.sentence === "string" ? record : undefined;
  } catch {
    // Cut off, or not the script's.
    return undefined;
  }
}

function obstacleOf({ status }: V1Pod): string | undefined {
  const waiting = status?.containerStatuses?.[0]?.state?.waiting;
  // While it is being created, what goes wrong is an event.
  if (waiting?.reason !== undefined && waiting.reason !== "ContainerCreating") {
    return [waiting.reason, waiting.message]
      .filter(Boolean)
      .map((text) => oneLine(text ?? ""))
      .join(": ");
  }
  const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
  return scheduled?.status === "False"
    ? `${scheduled.reason ?? "Pending"}: ${oneLine(scheduled.message ?? "")}`
    : undefined;
}

/** The API's own sentence; or why there is none. */
function statusOf(error: unknown): string {
  const { body, cause } = error as { body?: unknown; cause?: unknown };
  try {
    const { message } = JSON.parse(String(body)) as { message?: unknown };
    if (typeof message === "string") {
      return oneLine(message);
    }
  } catch {
    // No Status: a proxy's page, or no answer at all.
  }
  return cause instanceof Error ? firstLine(cause) : firstLine(error);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
