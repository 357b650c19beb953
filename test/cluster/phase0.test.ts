import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { ReportedItem } from "../../components/host/plan.ts";
import { BACKUP_GROUP } from "../../components/backupGroup.ts";
import { approveAll, type ReviewedJson } from "../support/approvals.ts";
import { readStandIn, writeStandIn } from "../support/hostStandIn.ts";
import { startStandInHost, type StandInHost } from "../support/standInHost.ts";
import { kubectl, tryKubectl } from "./stack.ts";
import { PASSWORDS, WORKLOADS } from "./workloads.ts";

/** Phase 0 by the commands that people use, on a real cluster; the host is a stand-in that a real SSH server leads to. */
let host: StandInHost;
let folder: string;
let before: string;

beforeAll(async () => {
  const { kubeconfig, dataWarehouse } = inject("cluster");
  host = await startStandInHost(readFileSync(kubeconfig, "utf8"));
  host.edge.edit([
    [["twisterlab-edge:cluster", "node"], "edgeserver"],
    [["twisterlab-edge:phase0", "backups", "redis", "password", "key"], "REDIS_PASSWORD"],
    [["twisterlab-edge:phase0", "podHygiene", "namespaces"], ["twisterlab"]],
    [["twisterlab-edge:phase0", "podHygiene", "deployments"], ["twisterlab/redis"]],
    [
      ["twisterlab-edge:phase0", "mcpServices", "mcp-unified"],
      {
        namespace: "twisterlab",
        image: "twisterlab/mcp-unified:dev",
        requests: { cpu: "10m", memory: "32Mi" },
        limits: { cpu: "500m", memory: "128Mi" },
      },
    ],
    [["twisterlab-edge:phase1", "registry"], undefined],
  ]);
  // As the host item makes it, which has tests of its own.
  folder = join(dataWarehouse, "twisterlab-edge/backups");
  for (const name of ["", "runs", "drills"]) {
    mkdirSync(join(folder, name), { recursive: true });
    chownSync(join(folder, name), 0, BACKUP_GROUP);
    chmodSync(join(folder, name), 0o2770);
  }
  writeFileSync(join(folder, ".twisterlab-edge"), "");
  await kubectl(["apply", "-f", "-"], {
    apiVersion: "v1",
    kind: "List",
    items: parseAllDocuments(WORKLOADS).map((document) => document.toJS() as object),
  });
  await inTwisterlab("rollout", "status", "--timeout=500s", "deployment/postgres", "deployment/redis");
  await sql(`
    create table people (name text, note text);
    insert into people select 'person ' || n, repeat('x', 100) from generate_series(1, 5000) n;`);
  await redis("set greeting hello");
  await redis("set passing by ex 100000");
  before = await theirs();
});

afterAll(() => host.stop());

function inTwisterlab(...words: readonly string[]): Promise<string> {
  return kubectl(["--namespace", "twisterlab", ...words]);
}

function sql(text: string): Promise<string> {
  return inTwisterlab(
    "exec",
    "deploy/postgres",
    "--",
    "psql",
    "-XAtqc",
    text,
    "-h",
    "/tmp",
    "-U",
    "twister",
    "twisterlab",
  );
}

function redis(words: string): Promise<string> {
  return inTwisterlab("exec", "deploy/redis", "--", "sh", "-c", `REDISCLI_AUTH=${PASSWORDS.redis} redis-cli ${words}`);
}

/** What was there before this program, without what changes by itself. */
async function theirs(): Promise<string> {
  const kinds = [
    "namespace/twisterlab",
    "deployment/postgres",
    "secret/twisterlab-secrets",
    "configmap/twisterlab-config",
  ];
  const objects = await Promise.all(kinds.map((name) => inTwisterlab("get", name, "--output=json")));
  return objects
    .map((text) => {
      const object = JSON.parse(text) as { metadata: Record<string, unknown>; status?: unknown };
      object.status = undefined;
      Object.assign(object.metadata, { managedFields: undefined, resourceVersion: undefined, generation: undefined });
      return JSON.stringify(object);
    })
    .join("\n");
}

/** Names of all objects that this program has made, with those of their controllers left out. */
async function ours(): Promise<string[]> {
  const kinds =
    "cronjob,networkpolicy,service,configmap,persistentvolumeclaim,persistentvolume,serviceaccount,role,rolebinding,deployment,poddisruptionbudget";
  const text = await kubectl(["get", kinds, "--all-namespaces", "--output=json"]);
  const { items } = JSON.parse(text) as {
    items: { kind: string; metadata: { name: string; annotations?: Record<string, string> } }[];
  };
  return items
    .filter(({ metadata }) => metadata.annotations?.["twisterlab-edge/stack"] === "edge-phase-0")
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    .sort();
}

async function run(verb: "preview" | "up" | "destroy", ...flags: string[]): Promise<string> {
  const done = await tryRun(verb, ...flags);
  if (done.code !== 0) {
    throw new Error(`npm run ${verb} -- 0 ended with ${done.code}:\n${done.stdout}\n${done.stderr}`);
  }
  return done.stdout;
}

function tryRun(verb: "preview" | "up" | "destroy", ...flags: string[]) {
  const yes = verb === "preview" ? [] : ["--yes"];
  return host.edge.npm([verb, "--", "0", ...yes, "--non-interactive", ...flags]);
}

let jobs = 0;

/** Runs a CronJob's job now. @returns whether it succeeded, and what its pods said. */
async function trigger(cronJob: string): Promise<{ succeeded: boolean; log: string }> {
  const job = `${cronJob}-${++jobs}`;
  await inTwisterlab("create", "job", job, `--from=cronjob/${cronJob}`);
  for (;;) {
    const conditions = await inTwisterlab("get", "job", job, "--output=jsonpath={.status.conditions[*].type}");
    if (/Complete|Failed/.test(conditions)) {
      const log = await tryKubectl(["--namespace", "twisterlab", "logs", "--prefix", "--selector", `job-name=${job}`]);
      return { succeeded: conditions.includes("Complete"), log: log.stdout };
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function backups(kind: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith(`${kind}-`));
}

/** The newest record of a folder, by its name. */
function lastRecord(records: "runs" | "drills", kind: string): Record<string, unknown> {
  const [last] = readdirSync(join(folder, records))
    .filter((name) => name.startsWith(`${kind}-`))
    .sort()
    .reverse();
  return JSON.parse(readFileSync(join(folder, records, last ?? ""), "utf8")) as Record<string, unknown>;
}

describe("a cluster that this program never saw", () => {
  test("is not changed by a preview", async () => {
    const stdout = await run("preview");
    expect(stdout).toMatch(/\+ \d+ to create/);
    expect(stdout).not.toContain("Cluster not read");
    expect(await ours()).toEqual([]);
    expect(await theirs()).toBe(before);
  });

  test("keeps what has the name of something of ours: up is refused, with the choice to take it over", async () => {
    const other = { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: { spec: { restartPolicy: "Never" } } } } };
    Object.assign(other.jobTemplate.spec.template.spec, { containers: [{ name: "a", image: "busybox:1.36.1" }] });
    const metadata = { name: "redis-drill", namespace: "twisterlab" };
    await kubectl(["apply", "-f", "-"], { apiVersion: "batch/v1", kind: "CronJob", metadata, spec: other });
    const refused = await tryRun("up");
    expect(refused.code).not.toBe(0);
    expect(`${refused.stdout}${refused.stderr}`).toContain("CronJob twisterlab/redis-drill is there already");
    expect(await ours()).toEqual([]);
    expect(await inTwisterlab("get", "cronjob", "redis-drill", "--output=jsonpath={.spec.schedule}")).toBe("0 0 1 1 *");
    expect(await run("preview")).toContain("up is refused: CronJob twisterlab/redis-drill is there already");

    host.edge.edit([[["twisterlab-edge:cluster", "takeOver"], ["CronJob twisterlab/redis-drill"]]]);
    expect(await run("preview")).toContain("CronJob twisterlab/redis-drill was there before and is taken over");
  });
});

describe("the phase", () => {
  test("is applied, and has nothing to do the second time", async () => {
    const started = Date.now();
    const stdout = await run("up", "--skip-preview");
    const created = Number(/\+ (\d+) created/.exec(stdout)?.[1]);
    console.log(`phase 0: ${created} objects, ${Math.round((Date.now() - started) / 1000)} s`);
    expect(created).toBeGreaterThan(50);
    const again = Date.now();
    const preview = await run("preview");
    console.log(`empty preview: ${Math.round((Date.now() - again) / 1000)} s`);
    expect(preview).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(await inTwisterlab("get", "cronjob", "redis-drill", "--output=jsonpath={.spec.schedule}")).toBe(
      "30 4 * * 0",
    );
    expect(await theirs()).toBe(before);
    expect(await inTwisterlab("get", "deploy", "redis", "--output=jsonpath={.spec.revisionHistoryLimit}")).toBe("3");
  });

  test("has its MCP service up", async () => {
    const { stdout } = await tryKubectl([
      "get",
      "--raw",
      "/api/v1/namespaces/twisterlab/services/mcp-unified:8080/proxy/health",
    ]);
    expect(stdout).not.toBe("");
  });
});

describe("a backup", () => {
  test.each(["postgres", "redis"])("of %s is whole, described, and restored by the drill", async (kind) => {
    const run = await trigger(`${kind}-backup`);
    expect(run).toMatchObject({ succeeded: true });
    expect(backups(kind)).toHaveLength(1);
    const manifest = JSON.parse(readFileSync(join(folder, backups(kind)[0] ?? "", "manifest.json"), "utf8")) as object;
    expect(manifest).toMatchObject({ kind, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(lastRecord("runs", kind)).toMatchObject({ ok: true });

    expect(await trigger(`${kind}-drill`)).toMatchObject({ succeeded: true });
    const evidence = lastRecord("drills", kind);
    expect(evidence).toMatchObject({ ok: true, backup: backups(kind)[0] });
    console.log(`${kind}: RTO ${String(evidence["restoreSeconds"])} s, RPO now ${String(evidence["ageSeconds"])} s`);
  });

  test("has no secret in its objects, its pods' words, or the state", async () => {
    const selector = ["--selector", "app.kubernetes.io/managed-by=twisterlab-edge"];
    const objects = await inTwisterlab("get", "cronjob,job,pod,configmap", "--output=yaml", ...selector);
    expect(objects).toContain("postgres-backup");
    const logs = await inTwisterlab("logs", "--tail=-1", ...selector);
    expect(logs).toContain("postgres-");
    const inHome = (text: string) =>
      host.edge.run("grep", ["--recursive", "--quiet", "--fixed-strings", text, host.edge.home]);
    expect((await inHome("postgres-backup")).code).toBe(0);
    for (const secret of Object.values(PASSWORDS)) {
      expect(`${objects}${logs}`).not.toContain(secret);
      expect((await inHome(secret)).code).toBe(1);
    }
  });

  test("fails loudly and leaves the good one, while the database is down or wants another password", async () => {
    const good = backups("postgres");
    await inTwisterlab("scale", "deployment/postgres", "--replicas=0");
    expect(await trigger("postgres-backup")).toMatchObject({ succeeded: false });
    expect(lastRecord("runs", "postgres")).toMatchObject({ ok: false });
    expect(backups("postgres")).toEqual(good);
    await inTwisterlab("scale", "deployment/postgres", "--replicas=1");

    await inTwisterlab("patch", "secret", "twisterlab-secrets", "-p", '{"stringData":{"REDIS_PASSWORD":"another"}}');
    const redisGood = backups("redis");
    expect(await trigger("redis-backup")).toMatchObject({ succeeded: false });
    expect(lastRecord("runs", "redis")).toMatchObject({ ok: false });
    expect(backups("redis")).toEqual(redisGood);
    await inTwisterlab(
      "patch",
      "secret",
      "twisterlab-secrets",
      "-p",
      JSON.stringify({ stringData: { REDIS_PASSWORD: PASSWORDS.redis } }),
    );
  });

  test("is not made while the disk is not mounted", async () => {
    const mark = join(folder, ".twisterlab-edge");
    const good = backups("redis");
    rmSync(mark);
    expect(await trigger("redis-backup")).toMatchObject({ succeeded: false });
    writeFileSync(mark, "");
    expect(backups("redis")).toEqual(good);
  });

  test("with one flipped bit is found by the drill", async () => {
    const file = join(folder, backups("redis")[0] ?? "", "dump.rdb");
    const bytes = readFileSync(file);
    const flipped = Buffer.from(bytes);
    const middle = Math.floor(bytes.length / 2);
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    writeFileSync(file, flipped);
    expect(await trigger("redis-drill")).toMatchObject({ succeeded: false });
    expect(lastRecord("drills", "redis")).toMatchObject({
      ok: false,
      sentence: expect.stringContaining("checksum") as string,
    });
    writeFileSync(file, bytes);
  });
});

describe("what somebody changed by hand", () => {
  test("shows as drift, object by object, and is mended by up", async () => {
    await inTwisterlab(
      "patch",
      "cronjob",
      "postgres-backup",
      "--type=merge",
      "-p",
      '{"spec":{"schedule":"0 5 * * *"}}',
    );
    await inTwisterlab("delete", "networkpolicy", "redis-drill");
    await inTwisterlab("patch", "deployment", "redis", "--type=merge", "-p", '{"spec":{"revisionHistoryLimit":7}}');
    const drift = await host.edge.npm(["drift", "--", "0", "--json"]);
    expect(drift.code).toBe(20);
    const { items } = JSON.parse(drift.stdout) as { items: ReportedItem[] };
    const differing = items.filter(({ name, state }) => name.includes(" ") && state === "differs");
    expect(differing).toEqual([
      expect.objectContaining({
        name: "CronJob twisterlab/postgres-backup",
        wanted: 'spec.schedule: "0 2 * * *"',
        observed: 'spec.schedule: "0 5 * * *"',
      }),
      expect.objectContaining({ name: "NetworkPolicy twisterlab/redis-drill", observed: "not there" }),
      expect.objectContaining({ name: "Deployment twisterlab/redis" }),
    ]);
    await run("up", "--skip-preview");
    expect(await run("preview")).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(await inTwisterlab("get", "cronjob", "postgres-backup", "--output=jsonpath={.spec.schedule}")).toBe(
      "0 2 * * *",
    );
  });
});

describe("a cluster that does not answer", () => {
  test("keeps nobody from mending the host", async () => {
    const kubeconfig = join(host.edge.home, ".kube/twisterlab-edge.yaml");
    const right = readFileSync(kubeconfig, "utf8");
    writeFileSync(kubeconfig, right.replace(/:6443\b/, ":1"));
    const log = "/etc/logrotate.d/twisterlab-edge-backup";
    const wanted = readStandIn(host.folder).files[log];
    const standIn = readStandIn(host.folder);
    writeStandIn(host.folder, { ...standIn, files: { ...standIn.files, [log]: { ...wanted, mode: "600" } } as never });
    try {
      // Nobody answers at another port than the real one, which the gate takes for another cluster.
      const refused = await host.edge.npm(["review", "--", "0", "--json"]);
      expect((JSON.parse(refused.stdout) as ReviewedJson).refused.map(({ rule }) => rule)).toEqual(["wrong-host"]);
      approveAll(host.edge, JSON.parse(refused.stdout) as ReviewedJson);
      const stdout = await run("up", "--skip-preview");
      expect(stdout).toContain("The cluster was not read: ");
      expect(stdout).toMatch(/~ 1 updated/);
      expect(readStandIn(host.folder).files[log]).toEqual(wanted);
    } finally {
      writeFileSync(kubeconfig, right);
    }
    expect(await run("preview")).toMatch(/Resources:\n\s+\d+ unchanged/);
  });
});

describe("going back", () => {
  test("removes ours and only ours; the backups stay, and their volume; what its owner has removed is in nobody's way", async () => {
    // Its history limit is ours.
    await inTwisterlab("delete", "deployment", "redis");
    const kept = [...backups("postgres"), ...backups("redis")];
    const refused = await tryRun("destroy");
    expect(refused.code).toBe(30);
    expect(refused.stdout).toContain("stateful-destroy: CronJob twisterlab/postgres-backup");
    const { stdout } = await host.edge.npm(["review", "--", "0", "--destroy", "--json"]);
    approveAll(host.edge, JSON.parse(stdout) as ReviewedJson);
    await run("destroy", "--skip-preview");
    expect(await ours()).toEqual([
      "PersistentVolume twisterlab-backups-twisterlab",
      "PersistentVolumeClaim backups-twisterlab",
    ]);
    expect(await theirs()).toBe(before);
    expect([...backups("postgres"), ...backups("redis")]).toEqual(kept);
    expect(existsSync(join(folder, ".twisterlab-edge"))).toBe(true);
  });
});
