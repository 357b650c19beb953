import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Captured } from "../../cli/capture.ts";
import { BACKUP_GROUP } from "../../components/backupGroup.ts";
import { backupScripts } from "../../components/cluster/backupScripts.ts";
import { BackupVolume } from "../../components/cluster/backupVolume.ts";
import { PostgresBackup, RedisBackup } from "../../components/cluster/databaseBackup.ts";
import { RestoreDrill } from "../../components/cluster/restoreDrill.ts";
import { checkout, type Checkout } from "../support/checkout.ts";
import { record } from "../support/mocks.ts";
import { kubectl } from "./stack.ts";
import type { RunRecord } from "../databases/databaseBench.ts";
import { PASSWORDS, WORKLOADS } from "./workloads.ts";

/** `npm run drill` and `npm run restore` as people call them, with real databases in a namespace of their own. */
let edge: Checkout;
let folder: string;

const NAMESPACE = "restored";
const LABELS = {
  postgres: { app: "twisterlab", component: "database" },
  redis: { app: "twisterlab", component: "cache" },
};
const IMAGES = { postgres: "postgres:16-alpine", redis: "redis:7-alpine" };

beforeAll(async () => {
  const { kubeconfig, dataWarehouse } = inject("cluster");
  edge = checkout();
  mkdirSync(join(edge.home, ".kube"));
  writeFileSync(join(edge.home, ".kube/twisterlab-edge.yaml"), readFileSync(kubeconfig, "utf8"), { mode: 0o600 });
  const workload = (kind: "postgres" | "redis") => ({ kind: "Deployment", labels: LABELS[kind], image: IMAGES[kind] });
  edge.edit([
    [["twisterlab-edge:workloads", NAMESPACE], { postgres: workload("postgres"), redis: workload("redis") }],
    [["twisterlab-edge:phase0", "backups", "postgres", "namespace"], NAMESPACE],
    [["twisterlab-edge:phase0", "backups", "redis", "namespace"], NAMESPACE],
    [["twisterlab-edge:phase0", "podHygiene", "namespace"], NAMESPACE],
  ]);

  // As the host item makes it, which has tests of its own.
  folder = join(dataWarehouse, "restored");
  for (const name of ["", "runs", "drills"]) {
    mkdirSync(join(folder, name), { recursive: true });
    chownSync(join(folder, name), 0, BACKUP_GROUP);
    chmodSync(join(folder, name), 0o2770);
  }
  writeFileSync(join(folder, ".twisterlab-edge"), "");

  const theirs = parseAllDocuments(WORKLOADS.replaceAll(/(name(space)?): twisterlab\b(?!-)/g, `$1: ${NAMESPACE}`));
  const items = theirs.map((document) => document.toJS() as object);
  await apply([...items, ...(await declared())]);
  await inNamespace("rollout", "status", "--timeout=180s", "deployment/postgres", "deployment/redis");
  await sql("create table people as select 'person ' || n as name from generate_series(1, 5000) n");
  await redis("set greeting hello");
  await redis("set passing by ex 100000");
});

afterAll(async () => {
  edge.remove();
  // Its volume is on a folder that goes with the cluster.
  await kubectl(["delete", "namespace", NAMESPACE, "--wait=false"]);
});

/** What phase 0 declares for the databases, as the API takes it. */
async function declared(): Promise<object[]> {
  const build = (): void => {
    const path = `/twisterlab/data-warehouse/${NAMESPACE}`;
    const volume = new BackupVolume(`backups-${NAMESPACE}`, {
      namespace: NAMESPACE,
      node: "edgeserver",
      path,
      size: "1Gi",
    });
    const scripts = backupScripts("backup-scripts", NAMESPACE, {});
    for (const kind of ["postgres", "redis"] as const) {
      const image = IMAGES[kind];
      // They are started by hand.
      const common = { namespace: NAMESPACE, image, schedule: "0 0 1 1 *", claim: volume.claim, scripts };
      const password = { kind: "Secret", name: "twisterlab-secrets", key: `${kind.toUpperCase()}_PASSWORD` } as const;
      const user = { kind: "ConfigMap", name: "twisterlab-config", key: "POSTGRES_USER" } as const;
      const Backup = kind === "postgres" ? PostgresBackup : RedisBackup;
      const retention = 604_800;
      new Backup(`${kind}-backup`, { ...common, labels: LABELS[kind], retention, user, password });
      new RestoreDrill(`${kind}-drill`, { ...common, kind, scratch: "1Gi" });
    }
  };
  const { resources } = await record({ preview: false }, build);
  return resources.filter(({ type }) => type.startsWith("kubernetes:")).map(({ inputs }) => inputs);
}

function apply(items: object[]): Promise<string> {
  return kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });
}

function inNamespace(...words: readonly string[]): Promise<string> {
  return kubectl(["--namespace", NAMESPACE, ...words]);
}

async function sql(text: string): Promise<string> {
  const psql = ["psql", "-XAtqc", text, "-h", "/tmp", "-U", "twister", "twisterlab"];
  return (await inNamespace("exec", "deploy/postgres", "--", ...psql)).trim();
}

async function redis(words: string): Promise<string> {
  const command = `REDISCLI_AUTH=${PASSWORDS.redis} redis-cli ${words}`;
  return (await inNamespace("exec", "deploy/redis", "--", "sh", "-c", command)).trim();
}

/** Runs one of our commands, as npm does. */
function command(...words: string[]): Promise<Captured> {
  return edge.run("node", ["cli/main.js", ...words]);
}

function backups(kind: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(kind))
    .sort();
}

async function back(kind: string, job = `${kind}-once`): Promise<void> {
  await inNamespace("create", "job", job, `--from=cronjob/${kind}-backup`);
  await inNamespace("wait", "--for=condition=complete", "--timeout=120s", `job/${job}`);
}

/** The one error that a command ended with. */
function errorOf({ stderr }: Captured): string {
  const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(errors).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at /m);
  return errors[0] ?? "";
}

describe("before there is a backup", () => {
  test("there is nothing to list, to drill, or to restore", async () => {
    const listed = await command("restore", "postgres");
    expect(errorOf(listed)).toBe("error: there are no backups of postgres");
    const drilled = await command("drill", "redis");
    expect(drilled.code).toBe(1);
    expect(errorOf(drilled)).toMatch(/^error: the drill of redis failed: there is no backup in \/backups$/);
    const restored = await command("restore", "postgres", "--from", "newest");
    expect(restored.code).toBe(1);
    expect(errorOf(restored)).toMatch(/^error: the restore of postgres failed: there is no backup in \/backups$/);
  });
});

describe("a backup whose pod goes while it dumps", () => {
  /** Holds the dump where it wants to read a table, and begins a backup. @returns its pod. */
  async function dumping(job: string): Promise<{ pod: string; uid: string }> {
    // A session of its own, which ends with `letGo`.
    const locked = sql("begin; lock table people in access exclusive mode; select pg_sleep(3600)");
    locked.catch(() => undefined);
    await until(async () => (await sql(`select count(*) from pg_locks where mode = 'AccessExclusiveLock'`)) !== "0");
    await inNamespace("create", "job", job, "--from=cronjob/postgres-backup");
    await until(async () => (await sql(WAITING)) !== "0");
    const columns = "jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}";
    const [pod = "", uid = ""] = (
      await inNamespace("get", "pod", `--selector=job-name=${job}`, `--output=${columns}`)
    ).split(" ");
    expect(unfinished()).toEqual([".unfinished-postgres"]);
    return { pod, uid };
  }

  const WAITING =
    "select count(*) from pg_stat_activity where application_name = 'pg_dump' and wait_event_type = 'Lock'";

  async function letGo(): Promise<void> {
    await sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid()",
    );
  }

  // Nothing waits for it after a test that failed.
  afterEach(letGo);

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; !(await isSo()); tries++) {
      expect(tries).toBeLessThan(120);
      await pause(1000);
    }
  }

  const unfinished = (): string[] => readdirSync(folder).filter((name) => name.startsWith(".unfinished"));

  /** What the runs of PostgreSQL's backup have left that began after those that were there. */
  function told(before: readonly string[]): RunRecord[] {
    return records()
      .filter((name) => !before.includes(name))
      .map((name) => JSON.parse(readFileSync(join(folder, "runs", name), "utf8")) as RunRecord)
      .filter(({ task }) => task === undefined);
  }

  const records = (): string[] =>
    readdirSync(join(folder, "runs"))
      .filter((name) => /^postgres-.*\.json$/.test(name))
      .sort();

  test("because it is evicted leaves its record, and its job makes a whole one by its second try", async () => {
    const [before, whole] = [records(), backups("postgres-")];
    const { pod } = await dumping("postgres-evicted");
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: NAMESPACE } };
    await kubectl(["create", "--raw", `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`, "-f", "-"], eviction);
    await until(() => Promise.resolve(told(before).length === 1));
    expect(told(before)).toEqual([expect.objectContaining({ ok: false, sentence: "it was told to end" })]);
    expect(backups("postgres-")).toEqual(whole);
    await letGo();
    await inNamespace("wait", "--for=condition=complete", "--timeout=120s", "job/postgres-evicted");
    expect(told(before).map(({ ok }) => ok)).toEqual([false, true]);
    expect(backups("postgres-")).toHaveLength(whole.length + 1);
    expect(unfinished()).toEqual([]);
  });

  test("without a word is told of by the second try, which is whole", async () => {
    const [before, whole] = [records(), backups("postgres-")];
    const { uid } = await dumping("postgres-killed");
    // As the node's power would: nothing in the pod hears of it.
    process.kill(shellOf(uid), "SIGKILL");
    await until(
      async () => (await inNamespace("get", "job", "postgres-killed", "--output=jsonpath={.status.failed}")) === "1",
    );
    expect(told(before)).toEqual([]);
    expect(backups("postgres-")).toEqual(whole);
    await letGo();
    await inNamespace("wait", "--for=condition=complete", "--timeout=120s", "job/postgres-killed");
    expect(told(before)).toEqual([
      expect.objectContaining({
        ok: false,
        sentence: expect.stringMatching(/^it was killed, or its machine/) as string,
      }),
      expect.objectContaining({ ok: true }),
    ]);
    expect(backups("postgres-")).toHaveLength(whole.length + 1);
    expect(unfinished()).toEqual([]);
    // What comes after begins with none.
    for (const name of backups("postgres-")) {
      rmSync(join(folder, name), { recursive: true });
    }
  });

  /** The process, as this machine counts, of the script in that pod. */
  function shellOf(uid: string): number {
    const found = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter(
        (pid) => about(pid, "cgroup").includes(uid) && about(pid, "cmdline").includes("/scripts/postgresBackup.sh"),
      )
      .map(Number)
      .sort((one, other) => one - other);
    expect(found.length).toBeGreaterThan(0);
    return found[0] ?? 0;
  }

  function about(pid: string, what: string): string {
    try {
      return readFileSync(`/proc/${pid}/${what}`, "utf8");
    } catch {
      // It has ended.
      return "";
    }
  }
});

describe("with backups", () => {
  beforeAll(async () => {
    await Promise.all([back("postgres"), back("redis")]);
  });

  test("the drill restores both, and shows the evidence", async () => {
    const run = await command("drill");
    expect(run).toMatchObject({ code: 0 });
    for (const kind of ["postgres", "redis"]) {
      const [name = ""] = backups(kind);
      expect(run.stdout).toMatch(
        new RegExp(`│ ${kind} +│ ${name} +│ \\d+ (s|min) +│ \\d+ s +│ [\\d.]+ (B|KiB|MiB) +│`),
      );
      expect(run.stderr).toContain(`${kind}: ${name} was restored in`);
    }
    const evidence = readdirSync(join(folder, "drills")).filter((name) => !name.startsWith("."));
    // And the one that found no backup.
    expect(evidence).toHaveLength(3);
    await expect(sql("select count(*) from people")).resolves.toBe("5000");
  });

  test("restore lists them when none is named, which is a wrong call", async () => {
    const run = await command("restore", "postgres");
    expect(run.code).toBe(2);
    expect(run.stdout).toMatch(new RegExp(`│ ${backups("postgres")[0] ?? ""} │ \\d+ (s|min) +│ .* │ 15\\.`));
    expect(errorOf(run)).toBe("error: name one of them, or newest: npm run restore -- postgres --from <backup>");
  });

  test("restore refuses a server that has data, and changes nothing", async () => {
    const postgres = await command("restore", "postgres", "--from", "newest");
    expect(postgres.code).toBe(1);
    expect(errorOf(postgres)).toMatch(
      /the server has data already: twisterlab \(\d+ kB\)\. --overwrite gives it other/,
    );
    await expect(sql("select count(*) from people")).resolves.toBe("5000");
    const cache = await command("restore", "redis", "--from", "newest");
    expect(cache.code).toBe(1);
    expect(errorOf(cache)).toMatch(/the server has data already: 2 keys, 0 functions\. --overwrite saves them/);
    await expect(redis("get greeting")).resolves.toBe("hello");
  });

  test("restore brings PostgreSQL back to it, and keeps what it had under another name", async () => {
    await sql("drop table people; create table later as select 1 as a");
    const [name = ""] = backups("postgres");
    const run = await command("restore", "postgres", "--from", name, "--overwrite");
    expect(run).toMatchObject({ code: 0 });
    await expect(sql("select count(*) from people")).resolves.toBe("5000");
    const old = await sql("select datname from pg_database where datname ~ '_before_'");
    expect(run.stderr).toContain(`ALTER DATABASE ${old} RENAME TO twisterlab;`);
    expect(run.stdout).toMatch(new RegExp(`│ postgres │ ${name} │`));
    // The way back, as it was told.
    const way = /^ {2}(ALTER DATABASE .*)$/m.exec(run.stderr)?.[1] ?? "";
    for (const statement of way.split("; ")) {
      const psql = ["psql", "-XAtqc", statement, "-h", "/tmp", "-U", "twister", "postgres"];
      await inNamespace("exec", "deploy/postgres", "--", ...psql);
    }
    await expect(sql("select count(*) from later")).resolves.toBe("1");
  });

  test("restore brings Redis back to it, and saves what it had first", async () => {
    await redis("flushall");
    await redis("set later 1");
    const run = await command("restore", "redis", "--from", "newest", "--overwrite");
    expect(run).toMatchObject({ code: 0 });
    await expect(redis("get greeting")).resolves.toBe("hello");
    expect(Number(await redis("ttl passing"))).toBeGreaterThan(90_000);
    await expect(redis("exists later")).resolves.toBe("0");
    await expect(redis("info replication")).resolves.toContain("role:master");
    const [saved = ""] = backups("before-restore-redis-");
    expect(run.stderr).toContain(saved);
    expect(await command("restore", "redis", "--from", saved, "--overwrite")).toMatchObject({ code: 0 });
    await expect(redis("get later")).resolves.toBe("1");
  });

  test("one flipped bit is found by both, and nothing is restored", async () => {
    const file = join(folder, backups("redis-")[0] ?? "", "dump.rdb");
    const bytes = readFileSync(file);
    const flipped = Buffer.from(bytes);
    const middle = bytes.length >> 1;
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    writeFileSync(file, flipped);
    const drilled = await command("drill", "redis");
    const restored = await command("restore", "redis", "--from", "newest", "--overwrite");
    writeFileSync(file, bytes);
    expect(drilled.code).toBe(1);
    expect(errorOf(drilled)).toMatch(/the drill of redis failed: redis-\w+: dump\.rdb has another checksum/);
    expect(restored.code).toBe(1);
    expect(errorOf(restored)).toMatch(/the restore of redis failed: redis-\w+: dump\.rdb has another checksum/);
    await expect(redis("get later")).resolves.toBe("1");
  });

  test("no secret is in what was made or said", async () => {
    const ours = "--selector=app.kubernetes.io/managed-by=twisterlab-edge";
    const objects = await inNamespace("get", "job,pod", "--output=yaml", ours);
    expect(objects).toContain("postgres-restore");
    const logs = await inNamespace("logs", "--tail=-1", ours);
    expect(logs).toContain("was restored in");
    for (const secret of Object.values(PASSWORDS)) {
      expect(`${objects}${logs}`).not.toContain(secret);
    }
  });

  test("a phase that is not applied is said to be the reason", async () => {
    await inNamespace("delete", "cronjob", "redis-drill");
    const run = await command("drill", "redis");
    expect(run.code).toBe(2);
    expect(errorOf(run)).toBe(
      `error: there is no CronJob ${NAMESPACE}/redis-drill on the cluster: npm run up -- 0 makes it`,
    );
  });
});
