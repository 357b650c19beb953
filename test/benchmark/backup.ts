import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import Table from "cli-table3";
import { formatBytes } from "../../components/settings/values/size.ts";
import { DatabaseBench, type Ran } from "../databases/databaseBench.ts";

// What a backup of PostgreSQL and the way back cost beside the floor, which checks nothing: `pg_dumpall | gzip`, and
// `gzip -dc | psql`. All of them with the same real servers and in the shell of the Alpine images. The figures to quote are
// the ratios; the servers do not wait for the disk, on neither side.

/** Size of the databases that are saved. */
const WANTED = Number(process.argv[2] ?? 1) * 2 ** 30;

const WEEK = "604800";

/** Rows like those of an application: numbers, times, JSON, text that repeats and text that does not, and indices. */
const ROWS = `
create table if not exists event (
  id bigserial primary key, at timestamptz not null, kind text not null, amount numeric not null, payload jsonb not null, note text
);
create index if not exists event_at on event (at);
insert into event (at, kind, amount, payload, note)
select timestamptz '2026-01-01' + n * interval '7 seconds', (array['login', 'order', 'payment', 'refund'])[1 + n % 4],
  (n * 7919 % 100000) / 100.0, jsonb_build_object('user', n % 5003, 'token', md5(n::text), 'tags', array['a', 'b', n::text]),
  repeat('The quick brown fox. ', 1 + n % 5) || md5((n * 31)::text)
from generate_series(1, 250000) as n;`;

interface Cost {
  seconds: number;
  /** Most that its processes had in memory together, without the server's. */
  memory: number;
  disk: number;
}

if (isMainThread) {
  await benchmark();
} else {
  watchMemory();
}

async function benchmark(): Promise<void> {
  const bench = new DatabaseBench();
  const watch = new Worker(new URL(import.meta.url));
  try {
    const source = bench.postgres("source");
    const [plain, ours] = [bench.postgres("plain"), bench.postgres("ours")];
    bench.succeed("createdb app", source);
    const size = (server: Record<string, string>): number =>
      Number(bench.succeed(`psql -XAtqd postgres -c "select sum(pg_database_size(oid)) from pg_database"`, server));
    while (size(source) < WANTED) {
      bench.succeed(`psql -Xqd app << 'SQL'\n${ROWS}\nSQL`, source);
    }
    // What a server does by itself after it was filled would fall into the next measurement.
    const settle = (server: Record<string, string>): string =>
      bench.succeed("vacuumdb --quiet --all --analyze && psql -Xqd app -c checkpoint", server);
    settle(source);
    console.log(`${formatBytes(size(source))} of databases; load of the machine ${load()}`);

    const file = bench.at("scratch/plain.sql.gz");
    const measure = async (run: () => Ran, disk: () => number): Promise<Cost> => {
      await peak(watch);
      const started = performance.now();
      const { code, stderr } = run();
      const seconds = (performance.now() - started) / 1000;
      if (code !== 0) {
        throw new Error(`it ended with ${String(code)}: ${stderr}`);
      }
      return { seconds, memory: await peak(watch), disk: disk() };
    };
    const on = (path: string): number => Number(bench.succeed(`du -sk ${path}`).split("\t")[0]) * 1024;
    const dump = `set -o pipefail; pg_dumpall --no-password | gzip > ${file}`;
    const fill = `set -o pipefail; gzip -dc ${file} | psql -Xq -d postgres > /dev/null`;

    const plainBackup = await measure(
      () => bench.shell(dump, { ...source, PGDATABASE: "postgres" }),
      () => on(file),
    );
    const ourBackup = await measure(
      () => bench.script("postgresBackup.sh", { ...source, RETENTION: WEEK }),
      () => on(join(bench.backups, bench.whole()[0] ?? "")),
    );
    const plainRestore = await measure(
      () => bench.shell(fill, plain),
      () => size(plain),
    );
    settle(plain);
    const ourRestore = await measure(
      () => bench.restore("postgres", ours),
      () => size(ours),
    );
    const table = new Table({ head: ["", "plain", "ours", "ratio"], style: { head: [], border: [] } });
    for (const [what, theirs, own] of [
      ["backup", plainBackup, ourBackup],
      ["restore", plainRestore, ourRestore],
    ] as const) {
      const row = (name: string, key: keyof Cost, words: (value: number) => string): void => {
        table.push([`${what}: ${name}`, words(theirs[key]), words(own[key]), (own[key] / theirs[key]).toFixed(2)]);
      };
      row("time", "seconds", (seconds) => `${seconds.toFixed(1)} s`);
      row("memory at most", "memory", formatBytes);
      row("disk", "disk", formatBytes);
    }
    console.log(table.toString());
    const loaded = bench.records().find(({ task }) => task === "restore")?.restoreSeconds ?? 0;
    console.log(`of our restore, ${loaded} s until the data is there, the rest compares it with what was saved`);
    console.log(`load of the machine now ${load()}`);
  } finally {
    await watch.terminate();
    bench.remove();
  }
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
}

/** Most memory since the last question. */
function peak(watch: Worker): Promise<number> {
  return new Promise((resolve) => {
    watch.once("message", resolve);
    watch.postMessage("peak?");
  });
}

/** In a thread of its own: what is measured keeps the other one waiting. */
function watchMemory(): void {
  let most = 0;
  setInterval(() => {
    most = Math.max(most, memoryOfChildren());
  }, 50);
  parentPort?.on("message", () => {
    parentPort?.postMessage(most);
    most = 0;
  });
}

/** Bytes of all processes that we have started, and those that they have; a page that several share counts for each. */
function memoryOfChildren(): number {
  const children = new Map<number, number[]>();
  const pages = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? read(`/proc/${entry}/stat`) : "";
    // After the name, which may have spaces: state, parent, and so on.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [pid, parent] = [Number(entry), Number(fields[1])];
    if (stat !== "") {
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      pages.set(pid, Number(fields[21]));
    }
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((all, child) => all + (pages.get(child) ?? 0) + sum(child), 0);
  return sum(process.pid) * 4096;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // It has ended in between.
    return "";
  }
}
