import type { V1Job, V1Pod, V1Secret } from "@kubernetes/client-node";
import { setTimeout as pause } from "node:timers/promises";
import { reasonOf } from "./clusterApi.ts";

/** A chart as its installation is waited for. */
export interface WantedChart {
  /** Name of the HelmChart object, and its namespace. */
  name: string;
  namespace: string;
  version: string;
  /** All of `valuesContent`. */
  values: string;
}

/** What the cluster has of an installation; what is undefined is not there yet. */
export interface HelmView {
  /** Secret `chart-values-NAME`, into which the controller copies `valuesContent` before it makes a job. */
  copied?: V1Secret | undefined;
  /** Job `helm-install-NAME`. */
  job?: V1Job | undefined;
  pods: readonly V1Pod[];
}

export type HelmVerdict = { is: "done" } | { is: "failed" } | { is: "waiting"; for: string };

/**
 * How far the installation of a chart is, by what K3s' Helm controller (0.16, K3s 1.33) leaves: the job of before stays until
 * the next one takes its place, so a job only counts that is of this version and not older than the copy of these values.
 */
export function judgeHelmJob({ version, values }: WantedChart, { copied, job, pods }: HelmView): HelmVerdict {
  const content = copied?.data?.["HelmChartValuesContent"];
  if (content === undefined || Buffer.from(content, "base64").toString("utf8") !== values) {
    return { is: "waiting", for: "K3s' Helm controller has not taken the chart up yet" };
  }
  const made = job?.metadata?.creationTimestamp?.getTime();
  const copiedAt = Math.max(...(copied?.metadata?.managedFields ?? []).map(({ time }) => time?.getTime() ?? 0), 0);
  const [helm] = job?.spec?.template.spec?.containers ?? [];
  if (made === undefined || made < copiedAt || helm?.env?.find(({ name }) => name === "VERSION")?.value !== version) {
    return { is: "waiting", for: "its job is not made yet" };
  }
  const conditions = job?.status?.conditions ?? [];
  const has = (type: string): boolean => conditions.some((each) => each.type === type && each.status === "True");
  if (has("Complete")) {
    return { is: "done" };
  }
  if (has("Failed")) {
    return { is: "failed" };
  }
  const reasons = pods.flatMap(({ status }) =>
    (status?.containerStatuses ?? []).flatMap(({ state }) => state?.waiting?.reason ?? []),
  );
  const waiting = reasons.length === 0 ? "" : ` (${[...new Set(reasons)].join(", ")})`;
  return { is: "waiting", for: `its job ${job?.metadata?.name ?? ""} is not done${waiting}` };
}

/** Lines of a job's log that come with an error. */
const LAST_LINES = 40;

/** Seconds between two looks. */
const INTERVAL = 2;

/**
 * Waits until a chart is installed as it is wanted.
 * @param limit seconds.
 * @throws Error when the job fails, with the end of the log of its first try (later ones only say that there was one), or when
 *   it is not done in time, with what it waits for.
 */
export async function awaitHelmJob(kubeconfigFile: string, wanted: WantedChart, limit: number): Promise<void> {
  const looks = await openLooks(kubeconfigFile, wanted);
  const called = `chart ${wanted.namespace}/${wanted.name} ${wanted.version}`;
  const end = Date.now() + limit * 1000;
  let log: string | undefined;
  for (;;) {
    let verdict: HelmVerdict;
    try {
      const view = await looks.view();
      verdict = judgeHelmJob(wanted, view);
      // Kubernetes removes the pod of a job that has failed, and its log with it.
      log ??= await looks.failure(view.pods);
    } catch (error) {
      // K3s may be restarted meanwhile.
      verdict = { is: "waiting", for: reasonOf(error) };
    }
    if (verdict.is === "done") {
      return;
    }
    if (verdict.is === "failed") {
      throw new Error(`${called} was not installed; its job says:\n${log ?? "(its log is gone)"}`);
    }
    if (Date.now() > end) {
      const said = log === undefined ? "" : `; its job says:\n${log}`;
      throw new Error(`${called} was not installed within ${limit} s: ${verdict.for}${said}`);
    }
    await pause(INTERVAL * 1000);
  }
}

interface Looks {
  view(): Promise<HelmView>;
  /** The end of the log of a container that has ended with an error; undefined when there is none. */
  failure(pods: readonly V1Pod[]): Promise<string | undefined>;
}

async function openLooks(kubeconfigFile: string, { name, namespace }: WantedChart): Promise<Looks> {
  // Only here: a preview that waits for nothing does not pay for loading the library.
  const { BatchV1Api, CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigFile);
  const [core, batch] = [config.makeApiClient(CoreV1Api), config.makeApiClient(BatchV1Api)];
  return {
    view: async () => {
      const [copied, job, pods] = await Promise.all([
        orNothing(core.readNamespacedSecret({ name: `chart-values-${name}`, namespace })),
        orNothing(batch.readNamespacedJob({ name: `helm-install-${name}`, namespace })),
        core.listNamespacedPod({ namespace, labelSelector: `job-name=helm-install-${name}` }),
      ]);
      return { copied, job, pods: pods.items };
    },
    failure: async (pods) => {
      for (const pod of pods) {
        for (const { state, lastState } of pod.status?.containerStatuses ?? []) {
          const previous = (lastState?.terminated?.exitCode ?? 0) !== 0;
          if (!previous && (state?.terminated?.exitCode ?? 0) === 0) continue;
          const log = { name: pod.metadata?.name ?? "", namespace, previous, tailLines: LAST_LINES };
          return (await orNothing(core.readNamespacedPodLog(log)))?.trimEnd();
        }
      }
      return undefined;
    },
  };
}

/** What is asked for; undefined when it is not there. */
async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { code } = error as { code?: unknown };
    // A pod that is on its way has no log yet, and says so with 400.
    if (code === 404 || code === 400) return undefined;
    throw error;
  }
}
