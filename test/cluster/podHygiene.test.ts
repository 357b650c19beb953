import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { BACKUP_GROUP } from "../../components/backupGroup.ts";
import { kubectl, Stack, tryKubectl } from "./stack.ts";

/** Where the job runs, where it looks as well, and where it has no business. */
const RUNS = "hygiene-test";
const WORK = "hygiene-work";
const OTHER = "hygiene-other";
const NAMESPACES = [RUNS, WORK, OTHER];
const ACCOUNT = `system:serviceaccount:${RUNS}:pod-hygiene`;
const SLEEP = "exec sleep 2147483647";

/** Seconds: enough for a run to find a pod that has just ended, on a busy machine. */
const MINIMUM_AGE = 60;

const HISTORY_LIMIT = 2;

/** How long what the cluster does by itself may take, on a busy machine. */
const SOON = { timeout: 120_000, interval: 300 };

const folder = join(inject("cluster").dataWarehouse, "hygiene");
const evidence = join(folder, "pod-hygiene");
let stack: Stack;
let elsewhere: string;

beforeAll(async () => {
  for (const name of NAMESPACES) {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  }
  await makeClaim();
  stack = await Stack.make();
  stack.declare({
    component: "PodHygiene",
    name: "pod-hygiene",
    args: {
      namespace: RUNS,
      namespaces: [RUNS, WORK],
      // Not while the tests run: they start it themselves.
      schedule: "0 0 29 2 *",
      image: "python:3.13-alpine",
      minimumAge: MINIMUM_AGE,
      historyLimit: HISTORY_LIMIT,
      leftovers: [`${WORK}/builder`, `${WORK}/node-debugger`],
      claim: "backups",
      apiServer: { address: "192.168.0.30", port: 6443 },
    },
  });
  await stack.up();

  await makePod(WORK, "completed", "echo said before the end");
  await makePod(WORK, "failed", "echo went wrong; exit 3", { initContainers: [container("first", "echo prepared")] });
  await makePod(WORK, "running", SLEEP);
  await makePod(WORK, "builder", `echo built; ${SLEEP}`);
  await makePod(WORK, "builder-of-somebody", SLEEP);
  await makePod(WORK, "node-debugger-edgeserver-x7k2p", SLEEP);
  await makePod(OTHER, "completed", "true");
  await create({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "finished", namespace: WORK },
    spec: { template: { spec: { ...podSpec("main", "echo of the job"), restartPolicy: "Never" } } },
  });
  await makeEvicted("evicted", "2026-02-08T03:00:00Z");
  for (const namespace of [WORK, OTHER]) {
    await makeHistory(namespace, 5);
  }
  // It has a pod that ended, for whom it is too early to go: so it stays as well.
  await makeEvicted("evicted-of-oldest", "2099-01-01T00:00:00Z");
  await give("evicted-of-oldest", await replicaSetOf(WORK, 1));
  await makeDeployment(WORK, "web", 1, SLEEP);
  await kubectl(["--namespace", WORK, "rollout", "status", "deployment/web", "--timeout=120s"]);
  await makeEvicted("evicted-of-web", "2026-02-08T03:00:00Z");
  await give("evicted-of-web", (await list(WORK, "replicasets", "app=web"))[0]);
  await ended(WORK, "completed");
  await ended(OTHER, "completed");
  await ended(WORK, "failed", "Failed");
  await kubectl(["--namespace", WORK, "wait", "--for=condition=complete", "job/finished", "--timeout=120s"]);
  elsewhere = await everythingElsewhere();
});

afterAll(() => {
  stack.forget();
});

interface Thing {
  metadata: { name: string; uid: string; labels: Record<string, string>; annotations?: Record<string, string> };
}

async function create(manifest: object): Promise<void> {
  await kubectl(["create", "--filename=-"], manifest);
}

async function list(namespace: string, kind: string, selector = ""): Promise<Thing[]> {
  const words = ["--namespace", namespace, "get", kind, `--selector=${selector}`, "--output=json"];
  return (JSON.parse(await kubectl(words)) as { items: Thing[] }).items;
}

async function podNames(namespace: string): Promise<string[]> {
  return (await list(namespace, "pods")).map(({ metadata }) => metadata.name).sort();
}

/** A folder on another disk, as phase 0 makes the one of the backups, and a claim of it. */
async function makeClaim(): Promise<void> {
  mkdirSync(folder);
  chownSync(folder, 0, BACKUP_GROUP);
  chmodSync(folder, 0o2770);
  const common = { accessModes: ["ReadWriteOnce"], storageClassName: "" };
  const terms = [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["edgeserver"] }] }];
  await create({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "hygiene-test" },
    spec: {
      ...common,
      capacity: { storage: "1Gi" },
      local: { path: "/twisterlab/data-warehouse/hygiene" },
      nodeAffinity: { required: { nodeSelectorTerms: terms } },
      claimRef: { namespace: RUNS, name: "backups" },
    },
  });
  await create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "backups", namespace: RUNS },
    spec: { ...common, volumeName: "hygiene-test", resources: { requests: { storage: "1Gi" } } },
  });
}

function container(name: string, script: string): object {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  return { name, image: "busybox:1.36.1", command: ["sh", "-c", script], securityContext };
}

function podSpec(name: string, script: string): object {
  return {
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
    terminationGracePeriodSeconds: 1,
    containers: [container(name, script)],
  };
}

async function makePod(namespace: string, name: string, script: string, changed: object = {}): Promise<void> {
  const spec = { ...podSpec("main", script), restartPolicy: "Never", ...changed };
  await create({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec });
}

async function ended(namespace: string, name: string, phase = "Succeeded"): Promise<void> {
  // A little later than its last container.
  const condition = `--for=jsonpath={.status.phase}=${phase}`;
  await kubectl(["--namespace", namespace, "wait", condition, `pod/${name}`, "--timeout=120s"]);
}

/** What the kubelet leaves of a pod that it has evicted. No node has this one: nobody else writes its status. */
async function makeEvicted(name: string, at: string): Promise<void> {
  await makePod(WORK, name, "true", { schedulerName: "nobody" });
  const status = {
    phase: "Failed",
    reason: "Evicted",
    message: "The node was low on resource: ephemeral-storage.",
    conditions: [{ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", lastTransitionTime: at }],
  };
  await patch(name, { status }, "--subresource=status");
}

/** Makes an ended pod one of those of a ReplicaSet. */
async function give(pod: string, replicaSet: Thing | undefined): Promise<void> {
  const { name, uid, labels } = replicaSet?.metadata ?? {};
  const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true };
  await patch(pod, { metadata: { labels, ownerReferences: [reference] } });
}

async function patch(pod: string, change: object, ...words: readonly string[]): Promise<void> {
  await kubectl(["--namespace", WORK, "patch", "pod", pod, "--patch", JSON.stringify(change), ...words]);
}

async function makeDeployment(namespace: string, name: string, replicas: number, script: string): Promise<void> {
  const template = { metadata: { labels: { app: name } }, spec: podSpec("main", script) };
  const spec = { replicas, selector: { matchLabels: { app: name } }, template };
  await create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace }, spec });
}

/** A Deployment without pods, and so many old ReplicaSets of it. */
async function makeHistory(namespace: string, count: number): Promise<void> {
  await makeDeployment(namespace, "old", 0, SLEEP);
  for (let round = 1; round <= count; round++) {
    await vi.waitFor(async () => {
      expect(await revisions(namespace)).toHaveLength(round);
    }, SOON);
    await kubectl(["--namespace", namespace, "set", "env", "deployment/old", `ROUND=${round}`]);
  }
  await vi.waitFor(async () => {
    expect(await revisions(namespace)).toHaveLength(count + 1);
  }, SOON);
}

const REVISION = "deployment.kubernetes.io/revision";

async function revisions(namespace: string): Promise<(string | undefined)[]> {
  return (await list(namespace, "replicasets", "app=old"))
    .map(({ metadata }) => metadata.annotations?.[REVISION])
    .sort();
}

async function replicaSetOf(namespace: string, revision: number): Promise<Thing | undefined> {
  const all = await list(namespace, "replicasets", "app=old");
  return all.find(({ metadata }) => metadata.annotations?.[REVISION] === String(revision));
}

/** Everything that the job could touch if it might, in the namespace where it may not. */
function everythingElsewhere(): Promise<string> {
  return kubectl(["--namespace", OTHER, "get", "pods,replicasets,deployments", "--output=json"]);
}

interface Manifest {
  metadata: { name: string };
  spec: {
    backoffLimit: number;
    template: { spec: { containers: { command: string[]; env: { name: string; value: string }[] }[] } };
  };
}

/** Starts a run as the CronJob would, with other settings where some are given. */
async function start(name: string, settings: Record<string, string> = {}, command?: string[]): Promise<void> {
  const words = ["create", "job", name, "--from=cronjob/pod-hygiene", "--dry-run=client", "--output=json"];
  const job = JSON.parse(await kubectl(["--namespace", RUNS, ...words])) as Manifest;
  // What failed would be tried again.
  job.spec.backoffLimit = 0;
  for (const each of job.spec.template.spec.containers) {
    each.env = each.env
      .filter((variable) => !(variable.name in settings))
      .concat(Object.entries(settings).map(([variable, value]) => ({ name: variable, value })));
    each.command = command ?? each.command;
  }
  await create(job);
}

/** Waits for the end of a run. @returns whether it succeeded, and what it said. */
async function finish(name: string): Promise<{ succeeded: boolean; log: string }> {
  const words = ["--namespace", RUNS, "get", "job", name, "--output=jsonpath={.status.conditions[*].type}"];
  const conditions = await vi.waitFor(async () => {
    const said = await kubectl(words);
    expect(said).toMatch(/Complete|Failed/);
    return said;
  }, SOON);
  const succeeded = conditions.includes("Complete");
  return { succeeded, log: await kubectl(["--namespace", RUNS, "logs", `job/${name}`]) };
}

async function runOnce(...args: Parameters<typeof start>): ReturnType<typeof finish> {
  await start(...args);
  return finish(args[0]);
}

/** Folder of what was saved of a pod. */
function saved(namespace: string, pod: string): string {
  const [found, ...others] = readdirSync(evidence).filter((name) => name.startsWith(`${namespace}_${pod}_`));
  expect(others).toEqual([]);
  return join(evidence, found ?? "(nothing was saved)");
}

/** Every run has a pod of its own: those of Jobs stay. */
const withoutRuns = (names: string[]): string[] => names.filter((name) => !/-[a-z0-9]{5}$/.test(name));

test.each([
  ["yes", "list", "pods", WORK],
  ["yes", "delete", "pods", WORK],
  ["yes", "get", "pods/log", WORK],
  ["yes", "delete", "replicasets.apps", RUNS],
  ["no", "create", "pods", WORK],
  ["no", "patch", "pods", WORK],
  ["no", "create", "pods/exec", WORK],
  ["no", "get", "secrets", RUNS],
  ["no", "delete", "deployments.apps", WORK],
  ["no", "list", "pods", OTHER],
  ["no", "delete", "replicasets.apps", OTHER],
  ["no", "list", "namespaces", WORK],
])("its account may, %s: %s %s in %s", async (answer, verb, resource, namespace) => {
  const question = ["auth", "can-i", verb, resource, "--as", ACCOUNT, "--namespace", namespace];
  expect((await tryKubectl(question)).stdout.trim()).toBe(answer);
});

test("a dry run says what would go, and nothing goes", async () => {
  const before = [await podNames(WORK), await revisions(WORK)];
  const { succeeded, log } = await runOnce("dry", { DRY_RUN: "1", MINIMUM_AGE: "0" });
  expect(succeeded).toBe(true);
  const said = log
    .trimEnd()
    .replaceAll(/[\d.]+ h ago/g, "some time ago")
    .replaceAll(/old-\w+/g, "old-*");
  expect(said.split("\n").sort()).toEqual([
    `would go: Pod ${WORK}/builder: a leftover that the site file names`,
    `would go: Pod ${WORK}/completed: Succeeded, some time ago`,
    `would go: Pod ${WORK}/evicted-of-web: Evicted, some time ago`,
    `would go: Pod ${WORK}/evicted: Evicted, some time ago`,
    `would go: Pod ${WORK}/failed: Failed, some time ago`,
    `would go: Pod ${WORK}/node-debugger-edgeserver-x7k2p: a leftover that the site file names`,
    `would go: ReplicaSet ${WORK}/old-*: no pods, and past the history limit`,
    `would go: ReplicaSet ${WORK}/old-*: no pods, and past the history limit`,
  ]);
  expect([await podNames(WORK), await revisions(WORK)]).toEqual(before);
  expect(readdirSync(evidence)).toEqual([]);
});

test("what fails does not stop the rest, and what cannot be saved stays", async () => {
  const before = await podNames(WORK);
  const settings = { EVIDENCE: "/scripts", NAMESPACES: `${OTHER},${WORK}`, MINIMUM_AGE: "0" };
  const { succeeded, log } = await runOnce("failing", settings);
  expect(succeeded).toBe(false);
  expect(log).toContain(`failed: namespace ${OTHER}: pods is forbidden: User "${ACCOUNT}" cannot list resource "pods"`);
  expect(log).toMatch(new RegExp(`failed: Pod ${WORK}/completed: Succeeded, .*: OSError: .*Read-only file system`));
  expect(log).toContain("2 gone, 7 failed");
  expect(await podNames(WORK)).toEqual(before);
  // The newest is what the Deployment means, two are kept, and the oldest has a pod.
  expect(await revisions(WORK)).toEqual(["1", "4", "5", "6"]);
});

describe("a run", () => {
  beforeAll(async () => {
    const end = "--output=jsonpath={.status.containerStatuses[0].state.terminated.finishedAt}";
    const finishedAt = await kubectl(["--namespace", WORK, "get", "pod", "failed", end]);
    await pause(Math.max(0, Date.parse(finishedAt) + (MINIMUM_AGE + 5) * 1000 - Date.now()));
    await makePod(WORK, "young", "true");
    await ended(WORK, "young");
    const { succeeded, log } = await runOnce("main");
    expect(log).toContain("6 gone, 0 failed");
    expect(succeeded).toBe(true);
  });

  test("clears away what ended, was evicted or is left over, and keeps what runs, is young or belongs to a Job", async () => {
    await expect
      .poll(() => podNames(WORK), SOON)
      .toEqual([
        "builder-of-somebody",
        "evicted-of-oldest",
        expect.stringMatching(/^finished-/),
        "running",
        expect.stringMatching(/^web-/),
        "young",
      ]);
  });

  test("saves first what a pod was and what its containers have said", () => {
    const failed = saved(WORK, "failed");
    expect(readdirSync(failed).sort()).toEqual(["first.log", "main.log", "pod.json"]);
    expect(readFileSync(join(failed, "first.log"), "utf8")).toBe("prepared\n");
    expect(readFileSync(join(failed, "main.log"), "utf8")).toBe("went wrong\n");
    expect(readFileSync(join(saved(WORK, "completed"), "main.log"), "utf8")).toBe("said before the end\n");
    expect(readFileSync(join(saved(WORK, "builder"), "main.log"), "utf8")).toBe("built\n");
    const evicted = JSON.parse(readFileSync(join(saved(WORK, "evicted"), "pod.json"), "utf8")) as object;
    expect(evicted).toMatchObject({ apiVersion: "v1", kind: "Pod", status: { reason: "Evicted" } });
  });

  test("saves it for the group of the backups, and nobody else", () => {
    for (const path of [evidence, saved(WORK, "failed"), join(saved(WORK, "failed"), "main.log")]) {
      const { mode, gid } = statSync(path);
      expect([path, gid, mode & 0o007]).toEqual([path, BACKUP_GROUP, 0]);
    }
  });

  test("has nothing more to do the next time", async () => {
    const { succeeded, log: again } = await runOnce("again", { MINIMUM_AGE: "3600" });
    expect(succeeded).toBe(true);
    expect(again).toBe("0 gone, 0 failed\n");
  });
});

test("a pod that has changed since it was seen stays", async () => {
  await makePod(RUNS, "changing", "true");
  await ended(RUNS, "changing");
  // As it is, but between saving and deleting it waits for somebody else to write.
  const slow = `
import json, os, sys, time
sys.path.insert(0, "/scripts")
import podHygiene
save = podHygiene.Evidence.save
def slow(self, api, pod, path):
    save(self, api, pod, path)
    while json.load(api.open("GET", path))["metadata"]["resourceVersion"] == pod["metadata"]["resourceVersion"]:
        time.sleep(0.2)
podHygiene.Evidence.save = slow
sys.exit(podHygiene.Run(os.environ).everything())
`;
  const settings = { NAMESPACES: RUNS, LEFTOVERS: "", MINIMUM_AGE: "0", PYTHONDONTWRITEBYTECODE: "1" };
  await start("changed", settings, ["python3", "-u", "-c", slow]);
  const log = async () => (await tryKubectl(["--namespace", RUNS, "logs", "job/changed"])).stdout;
  await expect
    .poll(async () => (existsSync(join(saved(RUNS, "changing"), "main.log")) ? "saved" : await log()), SOON)
    .toBe("saved");
  await kubectl(["--namespace", RUNS, "annotate", "pod", "changing", "somebody=looks-at-it"]);
  const { succeeded, log: said } = await finish("changed");
  expect(said).toMatch(
    new RegExp(`^stays, it has changed in the meantime: Pod ${RUNS}/changing: Succeeded, .*\n0 gone, 0 failed\n$`),
  );
  expect(succeeded).toBe(true);
  expect(withoutRuns(await podNames(RUNS))).toEqual(["changing"]);
});

test("evidence goes when it is too old, and the oldest when there is too much of it", async () => {
  const days = { "too-old": 91, older: 3, newer: 2, newest: 1 };
  for (const [name, age] of Object.entries(days)) {
    const path = join(evidence, name);
    mkdirSync(path);
    writeFileSync(join(path, "main.log"), Buffer.alloc(2 ** 20));
    for (const each of [path, join(path, "main.log")]) {
      chownSync(each, 10_571, BACKUP_GROUP);
      utimesSync(each, new Date(), new Date(Date.now() - age * 24 * 60 * 60 * 1000));
    }
  }
  const mine = () => readdirSync(evidence).filter((name) => name in days);
  const old = await runOnce("retention");
  expect(old.log).toContain("evidence removed: too-old\n");
  expect(mine().sort()).toEqual(["newer", "newest", "older"]);
  // What the runs above have saved is newer, and small.
  await runOnce("limit", { EVIDENCE_LIMIT: String(2.5 * 2 ** 20) });
  expect(mine().sort()).toEqual(["newer", "newest"]);
  expect(existsSync(saved(WORK, "failed"))).toBe(true);
});

test("nothing was touched where it has no business", async () => {
  expect(await everythingElsewhere()).toBe(elsewhere);
});

test("another preview finds nothing to do, and gone, it leaves what it has saved", async () => {
  await stack.nothingToDo();
  await stack.destroy();
  const kinds = "cronjobs,configmaps,serviceaccounts,roles,rolebindings,networkpolicies";
  for (const namespace of [RUNS, WORK]) {
    const left = await kubectl(["--namespace", namespace, "get", kinds, "--output=name"]);
    expect(left.trim().split("\n").sort()).toEqual(["configmap/kube-root-ca.crt", "serviceaccount/default"]);
  }
  expect(existsSync(saved(WORK, "failed"))).toBe(true);
});
