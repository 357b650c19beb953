import { rmSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ago, ClusterJobs } from "../../../cli/clusterJob.ts";
import { drill } from "../../../cli/drill.ts";
import { openSite } from "../../../cli/site.ts";
import { expandHome } from "../../../components/host/connection.ts";
import { clusterCommand, failureOf, HURRY } from "../../support/clusterCommand.ts";
import { cronJob, endedPod, RUNNING, waitingPod, type ClusterStandIn } from "../../support/clusterStandIn.ts";

const command = clusterCommand();
const listeners = process.listenerCount("SIGINT");

const RECORD = {
  kind: "postgres",
  ok: true,
  sentence: "it was restored",
  backup: "postgres-20260101T020000Z",
  ageSeconds: 7300,
  bytes: 5000,
  restoreSeconds: 12,
};
const FAILED = { ...RECORD, ok: false, sentence: "it was restored otherwise than it was saved" };

let cluster: ClusterStandIn;

beforeEach(() => {
  ({ cluster } = command);
  cluster.cronJobs = {
    "postgres-drill": cronJob("postgres-drill", "postgresDrill.sh", "1Gi"),
    "redis-drill": cronJob("redis-drill", "redisDrill.sh", "1Gi"),
  };
  cluster.pods = [endedPod(0, JSON.stringify(RECORD))];
});

describe("a drill", () => {
  test("runs what the CronJob would run, once, and prints the evidence", async () => {
    cluster.pods = [undefined, waitingPod("ContainerCreating"), RUNNING, endedPod(0, JSON.stringify(RECORD))];
    cluster.log = "postgres: it was restored\n";
    expect(await drill("postgres", "edge", HURRY)).toBe(0);
    expect(command.printed).toMatch(/│ postgres │ postgres-20260101T020000Z │ 2 h +│ 12 s +│ 4\.88 KiB │/);
    expect(command.said.match(/postgres: it was restored\n/g)).toHaveLength(1);
    const [job] = cluster.created;
    const template = cluster.cronJobs["postgres-drill"] as { spec: { jobTemplate: { spec: { template: object } } } };
    expect(job).toMatchObject({
      kind: "Job",
      metadata: { name: expect.stringMatching(/^postgres-drill-/) as string },
      spec: {
        ...template.spec.jobTemplate.spec,
        backoffLimit: 0,
        ttlSecondsAfterFinished: 86_400,
      },
    });
    expect(cluster.removed).toEqual([]);
  });

  test("of both databases goes on after a failure, which is told at the end", async () => {
    cluster.pods = [endedPod(1, JSON.stringify(FAILED))];
    cluster.instead = (request) => {
      if (request.startsWith("POST") && cluster.created.length === 1) {
        cluster.pods = [endedPod(0, JSON.stringify({ ...RECORD, kind: "redis" }))];
      }
      return undefined;
    };
    const { message, exitCode } = await failureOf(drill(undefined, "edge", HURRY));
    expect(message).toBe(`the drill of postgres failed: ${FAILED.sentence}`);
    expect(exitCode).toBe(1);
    expect(command.printed).toContain("│ redis ");
    expect(command.printed).not.toContain("│ postgres ");
  });
});

describe("what keeps a drill from its end is one sentence", () => {
  test.each([
    [
      "its image cannot be had",
      waitingPod("ImagePullBackOff", 'Back-off pulling\n "x"'),
      'ImagePullBackOff: Back-off pulling "x"',
    ],
    [
      "no node has room",
      {
        phase: "Pending",
        conditions: [
          { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes are available" },
        ],
      },
      "Unschedulable: 0/1 nodes are available",
    ],
    ["its volume cannot be mounted", waitingPod("ContainerCreating"), "FailedMount: path does not exist"],
    ["no pod may be made", undefined, "FailedMount: path does not exist"],
  ])("%s", async (_, pod, sentence) => {
    cluster.pods = [pod];
    cluster.events = [
      { reason: "FailedMount", message: "path does not exist", lastTimestamp: "2026-01-01T00:00:02Z" },
      { reason: "Older", message: "of before", lastTimestamp: "2026-01-01T00:00:01Z" },
    ];
    const { message, exitCode } = await failureOf(drill("redis", "edge", { ...HURRY, start: 0.2 }));
    expect(message).toMatch(/^no pod of \w+\/redis-drill-\w+ ran within 0\.2 s, and it was removed: /);
    expect(message).toContain(sentence);
    expect(exitCode).toBe(1);
    expect(command.said.split(sentence)).toHaveLength(2);
    expect(cluster.removed).toHaveLength(1);
  });

  test.each([
    ["it failed", endedPod(1, JSON.stringify(FAILED)), FAILED.sentence],
    ["it was killed", endedPod(137, "", {}), "its container ended with 137 (Error)"],
    [
      "its pod was evicted",
      { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
      "Evicted: The node was low on resource: memory.",
    ],
    [
      "it ended well and left nothing",
      endedPod(0, ""),
      "its container ended with 0 (Error)".replace("Error", "Completed"),
    ],
    ["it left something else", endedPod(1, '{"a": 1}'), "its container ended with 1 (Error)"],
  ])("%s", async (_, pod, sentence) => {
    cluster.pods = [RUNNING, pod];
    const { message, exitCode } = await failureOf(drill("postgres", "edge", HURRY));
    expect(message).toBe(`the drill of postgres failed: ${sentence}`);
    expect(exitCode).toBe(1);
    expect(cluster.removed).toEqual([]);
  });

  test("it took too long, and Kubernetes has taken its pod away", async () => {
    cluster.pods = [RUNNING, undefined];
    cluster.job = { conditions: [{ type: "Failed", reason: "DeadlineExceeded", message: "Job was active too long" }] };
    const { message } = await failureOf(drill("postgres", "edge", HURRY));
    expect(message).toBe("the drill of postgres failed: Job was active too long");
  });

  test("somebody has removed it", async () => {
    cluster.pods = [RUNNING, undefined];
    cluster.instead = (request) =>
      /^GET .*\/jobs\/postgres-drill/.test(request) ? { status: 404, body: "{}" } : undefined;
    const { message } = await failureOf(drill("postgres", "edge", HURRY));
    expect(message).toBe("the drill of postgres failed: somebody has removed its job");
  });
});

test("a drill that nobody waits for any more goes on, and it is said how to follow it", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => {
    cluster.pods = [endedPod(0, JSON.stringify(RECORD))];
    return undefined as never;
  });
  cluster.pods = [RUNNING];
  cluster.instead = (request) => {
    if (request.includes("/log") && exit.mock.calls.length === 0) {
      process.emit("SIGINT");
    }
    return undefined;
  };
  await drill("postgres", "edge", HURRY);
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  expect(command.said).toMatch(
    /^The job \w+\/(postgres-drill-\w+) goes on by itself: kubectl -n \w+ logs -f job\/\1$/m,
  );
  expect(cluster.removed).toEqual([]);
  expect(process.listenerCount("SIGINT")).toBe(listeners);
});

describe("a cluster that cannot be asked", () => {
  test("has nothing of this program", async () => {
    cluster.cronJobs = {};
    const { message, exitCode } = await failureOf(drill("redis", "edge", HURRY));
    expect(message).toMatch(/^there is no CronJob \w+\/redis-drill on the cluster: npm run up -- 0 makes it$/);
    expect(exitCode).toBe(2);
  });

  test("refuses", async () => {
    const body = JSON.stringify({
      kind: "Status",
      code: 403,
      message: 'jobs.batch is forbidden: User "x" cannot create',
    });
    cluster.instead = (request) => (request.startsWith("POST") ? { status: 403, body } : undefined);
    const { message, exitCode } = await failureOf(drill("redis", "edge", HURRY));
    expect(message).toBe(`the cluster at ${cluster.url} refuses: jobs.batch is forbidden: User "x" cannot create`);
    expect(exitCode).toBe(1);
  });

  test("is away before, and nothing was begun", async () => {
    cluster.stop();
    const { message, exitCode } = await failureOf(drill("redis", "edge", { ...HURRY, answer: 1 }));
    expect(message).toMatch(/^the cluster at http:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/);
    expect(exitCode).toBe(1);
  });

  test("goes away while the job runs, which goes on", async () => {
    cluster.pods = [RUNNING];
    cluster.instead = (request) => (cluster.created.length > 0 && request.includes("/pods") ? "hang up" : undefined);
    const { message } = await failureOf(drill("redis", "edge", { ...HURRY, answer: 1 }));
    expect(message).toMatch(/does not answer: .*; the job \w+\/redis-drill-\w+ goes on by itself$/);
    expect(cluster.removed).toEqual([]);
  });

  test("is away for a moment only, and nothing is begun twice", async () => {
    let down = 3;
    cluster.instead = (request) => {
      if (down === 0) {
        return undefined;
      }
      down -= 1;
      return request.startsWith("GET") ? { status: 503, body: "starting" } : "hang up";
    };
    expect(await drill("redis", "edge", HURRY)).toBe(0);
    expect(cluster.created).toHaveLength(1);
  });

  test("has taken the job without saying so", async () => {
    let asked = 0;
    const { instead } = cluster;
    cluster.instead = (request) => {
      if (!request.startsWith("POST")) {
        return instead(request);
      }
      asked += 1;
      return asked === 1 ? "hang up" : { status: 409, body: '{"message":"exists"}' };
    };
    expect(await drill("redis", "edge", HURRY)).toBe(0);
    expect(asked).toBe(2);
  });

  test("has no kubeconfig, or no good one", async () => {
    const { kubeconfigFile } = openSite("edge").settings.cluster;
    writeFileSync(expandHome(kubeconfigFile), "a: [");
    expect((await failureOf(drill("redis", "edge", HURRY))).message).toMatch(
      new RegExp(`^${kubeconfigFile} is no kubeconfig that can be used: unexpected end`),
    );
    rmSync(expandHome(kubeconfigFile));
    const { message, exitCode } = await failureOf(drill("redis", "edge", HURRY));
    expect(message).toBe(`there is no kubeconfig at ${kubeconfigFile}, which cluster.kubeconfigFile names`);
    expect(exitCode).toBe(2);
  });

  test("is not asked for a database that is not backed up", async () => {
    const site = openSite("edge");
    const { phase0 } = site.settings;
    const settings = { ...site.settings, phase0: { ...phase0, backups: { ...phase0.backups } } };
    delete settings.phase0.backups.redis;
    const { message, exitCode } = await failureOf(ClusterJobs.open({ ...site, settings }, "redis", HURRY));
    expect(message).toBe(`${site.file} has no phase0.backups.redis: there are no backups of it`);
    expect(exitCode).toBe(2);
  });
});

test.each([
  [0, "0 s"],
  [119, "119 s"],
  [120, "2 min"],
  [7199, "119 min"],
  [172_799, "47 h"],
  [172_800, "2 days"],
])("%s s are %s", (seconds, words) => {
  expect(ago(seconds)).toBe(words);
});
