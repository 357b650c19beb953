import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DatabaseBench, type Ran, type UnderWay } from "./databaseBench.ts";

// Up to ten runs one after the other, on a machine that is busy with something else.
vi.setConfig({ testTimeout: 240_000 });

// What ends a run, what runs of the same database do to each other, and what a wrong clock and a full disk do to them.
let bench: DatabaseBench;

const PASSWORD = "a secret";
const WEEK = "604800";
const DAY = 86_400;

const KINDS = ["postgres", "redis"] as const;
type Kind = (typeof KINDS)[number];

const servers = {} as Record<Kind, Record<string, string>>;
/** Empty ones, to restore into. */
const targets = {} as Record<Kind, Record<string, string>>;

beforeAll(() => {
  bench = new DatabaseBench();
  servers.postgres = bench.postgres("source");
  targets.postgres = bench.postgres("target");
  servers.redis = bench.redis("cache", PASSWORD);
  targets.redis = bench.redis("empty", PASSWORD);
  const table = "create table t as select i, md5(i::text) as v from generate_series(1, 5000) i";
  bench.succeed(`psql -Xqd postgres -c "${table}"`, servers.postgres);
  writeFileSync(bench.at("data.redis"), Array.from({ length: 2000 }, (_, i) => `SET key:${i} ${i}`).join("\n"));
  bench.succeed(`redis-cli -p $PORT < ${bench.at("data.redis")} > /dev/null`, servers.redis);
});

afterAll(() => {
  bench.remove();
});

beforeEach(() => {
  bench.clear();
});

afterEach(async () => {
  goOn();
  // What was held may have to end yet, and would write where the next one does. In a pod it ends with its shell.
  await pause(500);
});

const hold = (): string => bench.at("tmp/hold");
const held = (): string => bench.at("tmp/held");

/** What waits until `goOn`, and says that it does. */
const WAIT = `: > $TMPDIR/held; while [ -e $TMPDIR/hold ]; do sleep 0.1; done`;

/** Has whatever was held go on, and nothing held any more. */
function goOn(): void {
  rmSync(hold(), { force: true });
  rmSync(held(), { force: true });
  bench.restoreCommand("redis-cli");
}

/** Begins a backup, and holds it when that much of its dump is on the disk. */
async function heldAt(kind: Kind, percent: number): Promise<UnderWay> {
  writeFileSync(hold(), "");
  const share = (bytes: number): number => Math.floor((bytes * percent) / 100);
  let functions = "";
  if (kind === "postgres") {
    const all = Number(bench.succeed("pg_dumpall | wc -c", { ...servers.postgres, PGDATABASE: "postgres" }));
    functions = `pg_dumpall() { command pg_dumpall "$@" | { head -c ${share(all)}; ${WAIT}; cat; }; }`;
  } else {
    const real = bench.at("bin/redis-cli");
    const file = `$TMPDIR/all`;
    const part = `head -c $(($(wc -c < ${file}) * ${percent} / 100)) ${file} > "$6"; ${WAIT}; cat ${file} > "$6"`;
    bench.replace("redis-cli", `[ "$5" = --rdb ] || exec ${real} "$@"; ${real} -p $PORT --rdb ${file}; ${part}`);
  }
  const run = begin(kind, functions);
  await bench.until(() => existsSync(held()));
  return run;
}

function begin(kind: Kind, functions = ""): UnderWay {
  return bench.begin(`${kind}Backup.sh`, { ...servers[kind], RETENTION: WEEK }, functions);
}

function back(kind: Kind, functions = "", environment: Record<string, string> = {}): Ran {
  return bench.script(`${kind}Backup.sh`, { ...servers[kind], RETENTION: WEEK, ...environment }, functions);
}

/** Begins a restore into the empty server. */
function beginRestore(kind: Kind, functions = ""): UnderWay {
  const address = { ...bench.podAddress, FROM: "newest", OVERWRITE: "1" };
  return bench.begin(`${kind}Restore.sh`, { ...targets[kind], ...address }, functions);
}

function unfinished(kind: Kind): string {
  return join(bench.backups, `.unfinished-${kind}`);
}

const WAITS = "another run is under way, this one waits for its end";
const REFUSED = /another backup or restore of it is under way: wait for its end/;
const KILLED = /it was killed, or its machine went down/;

describe.each(KINDS)("two runs of %s at once", (kind) => {
  test("a backup waits for one that is under way, and both are whole", async () => {
    const first = await heldAt(kind, 50);
    const file = readdirSync(unfinished(kind)).find((name) => name.startsWith("dump")) ?? "";
    const { ino } = statSync(join(unfinished(kind), file));
    bench.restoreCommand("redis-cli");
    const second = begin(kind);
    await bench.until(() => second.said().includes(WAITS));
    expect(bench.whole()).toEqual([]);
    // What the first one writes to is still where it was.
    expect(statSync(join(unfinished(kind), file)).ino).toBe(ino);
    goOn();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(bench.whole()).toHaveLength(2);
    expect(bench.records().map(({ ok }) => ok)).toEqual([true, true]);
    expect(bench.leftovers()).toEqual([]);
    expect(bench.drill(kind)).toMatchObject({ code: 0 });
  });

  test("five at once are five whole ones", async () => {
    const runs = Array.from({ length: 5 }, () => begin(kind));
    const ended = await Promise.all(runs.map((run) => run.ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(bench.whole()).toHaveLength(5);
    expect(bench.leftovers()).toEqual([]);
  });

  test("a restore is refused while a backup is under way, which goes on", async () => {
    const good = bench.keepOne(() => back(kind));
    const first = await heldAt(kind, 50);
    bench.restoreCommand("redis-cli");
    expect(await beginRestore(kind).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(REFUSED) as string,
    });
    goOn();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(bench.whole()).toHaveLength(2);
    expect(bench.whole()).toContain(good);
  });

  test("a backup and a second restore during a restore: one waits, the other is refused", async () => {
    bench.keepOne(() => back(kind));
    writeFileSync(hold(), "");
    let functions = "";
    if (kind === "postgres") {
      functions = `gzip() { ${WAIT}; command gzip "$@"; }`;
    } else {
      bench.replace("redis-cli", `[ "$5" != replicaof ] || { ${WAIT}; }; exec ${bench.at("bin/redis-cli")} "$@"`);
    }
    const restore = beginRestore(kind, functions);
    await bench.until(() => existsSync(held()));
    bench.restoreCommand("redis-cli");
    expect(await beginRestore(kind).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(REFUSED) as string,
    });
    const backup = begin(kind);
    await bench.until(() => backup.said().includes(WAITS));
    goOn();
    expect(await restore.ended).toMatchObject({ code: 0 });
    expect(await backup.ended).toMatchObject({ code: 0 });
    expect(bench.whole()).toHaveLength(2);
  });

  test("a drill waits for another one", async () => {
    back(kind);
    writeFileSync(hold(), "");
    const place = { RECORDS: join(bench.backups, "drills"), SCRATCH: bench.at("scratch") };
    const one = bench.begin(`${kind}Drill.sh`, place, `sha256sum() { ${WAIT}; command sha256sum "$@"; }`);
    await bench.until(() => existsSync(held()));
    const other = bench.begin(`${kind}Drill.sh`, place);
    await bench.until(() => other.said().includes(WAITS));
    goOn();
    expect(await one.ended).toMatchObject({ code: 0 });
    expect(await other.ended).toMatchObject({ code: 0 });
  });
});

describe.each(KINDS)("a backup of %s", (kind) => {
  test.each([10, 50, 90])(
    "that is told to end after %s percent ends at once, and leaves nothing but its record",
    async (percent) => {
      const good = bench.keepOne(() => back(kind));
      const run = await heldAt(kind, percent);
      const began = Date.now();
      run.signal("SIGTERM");
      const ended = await run.ended;
      // The dump itself would go on for ever, and Kubernetes kills after that time.
      expect(Date.now() - began).toBeLessThan(30_000);
      expect(ended.code).toBe(143);
      expect(bench.whole()).toEqual([good]);
      expect(bench.leftovers()).toEqual([]);
      expect(bench.records()).toEqual([expect.objectContaining({ ok: false, sentence: "it was told to end" })]);
    },
  );

  test.each([10, 50, 90])(
    "that is killed after %s percent is reported by the next one, which is whole and clears its leftovers away",
    async (percent) => {
      const good = bench.keepOne(() => back(kind));
      const run = await heldAt(kind, percent);
      run.signal("SIGKILL");
      expect((await run.ended).code).toBeNull();
      expect(bench.whole()).toEqual([good]);
      expect(bench.leftovers()).toEqual([`.unfinished-${kind}`]);
      expect(bench.records()).toEqual([]);
      goOn();
      bench.succeed("sleep 1");
      expect(back(kind)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/that began at \w+ was killed/) as string,
      });
      expect(bench.whole()).toHaveLength(2);
      expect(bench.leftovers()).toEqual([]);
      expect(bench.records()).toEqual([
        expect.objectContaining({ kind, ok: false, sentence: expect.stringMatching(KILLED) as string }),
        expect.objectContaining({ kind, ok: true }),
      ]);
      // It is told of once.
      bench.succeed("sleep 1");
      back(kind);
      expect(bench.records()).toHaveLength(3);
    },
  );

  test("that is killed while an old one is removed leaves no half of it", () => {
    back(kind);
    const old = aged(kind, 8);
    bench.succeed("sleep 1");
    const killed = `rm() { case "$*" in *-old) kill -9 $$; exit 1 ;; esac; command rm "$@"; }`;
    expect(back(kind, killed).code).toBeNull();
    expect(bench.leftovers()).toEqual([`.unfinished-${kind}-old`]);
    bench.succeed("sleep 1");
    expect(back(kind)).toMatchObject({ code: 0 });
    expect(bench.leftovers()).toEqual([]);
    expect(bench.whole()).not.toContain(old);
    expect(bench.whole()).toHaveLength(3);
  });
});

/** A copy of the newest backup as it was so many days ago. @returns its name. */
function aged(kind: Kind, days: number): string {
  const time = new Date(Date.now() - days * DAY * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const name = `${kind}-${time}`;
  bench.succeed(`cp -r ${bench.backups}/${bench.whole().at(-1) ?? ""} ${bench.backups}/${name}`);
  return name;
}

/** A clock that is ahead by so many seconds. */
function clock(seconds: number): string {
  const now = `$(($(command date +%s) + ${seconds}))`;
  return `date() { case "$*" in *' -d '*) command date "$@" ;; +%s) echo "${now}" ;; *) command date -u -d "@${now}" "$2" ;; esac; }`;
}

describe.each(KINDS)("a wrong clock, and backups of %s", (kind) => {
  let real: string[];

  beforeEach(() => {
    back(kind);
    real = [7, 6, 5, 4, 3, 2, 1].map((days) => aged(kind, days - 0.1)).concat(bench.whole().at(-1) ?? "");
    bench.succeed("sleep 1");
  });

  function restore(from: string, functions = "") {
    return bench.restore(kind, targets[kind], { from, overwrite: true, functions });
  }

  test("a year ahead for one run: two of the oldest go at most, and the right clock goes on from there", () => {
    expect(back(kind, clock(365 * DAY))).toMatchObject({ code: 0 });
    const future = bench.whole().at(-1) ?? "";
    expect(bench.whole()).toEqual([...real.slice(2), future]);
    expect(back(kind)).toMatchObject({ code: 0 });
    expect(bench.whole()).toHaveLength(real.length);
    const newest = bench.whole().at(-2) ?? "";

    expect(bench.drill(kind)).toMatchObject({ code: 0 });
    expect(bench.drills()).toEqual([
      expect.objectContaining({
        ok: true,
        backup: newest,
        sentence: expect.stringContaining(`${future} says that it is of a time to come, and was left out`) as string,
      }),
    ]);
    expect(restore("newest")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(
          `the clock is or was wrong, because ${future} says that it is of a time to come: newest could be any`,
        ),
      ) as string,
    });
    expect(restore(newest)).toMatchObject({ code: 0 });
  });

  test("a year ahead for good: each run leaves as many as there were, or one less, and never fewer than the last three", () => {
    for (let run = 0; run < 9; run++) {
      expect(back(kind, clock(365 * DAY + run * DAY))).toMatchObject({ code: 0 });
      expect(bench.whole().length).toBeGreaterThanOrEqual(Math.max(real.length - run - 1, 3));
    }
    expect(bench.whole().filter((name) => real.includes(name))).toEqual([]);
  });

  test("a day or ten years behind: nothing goes, and a restore of the newest asks which", () => {
    for (const behind of [DAY, 3652 * DAY]) {
      expect(back(kind, clock(-behind))).toMatchObject({ code: 0 });
      expect(bench.whole()).toEqual(expect.arrayContaining(real));
      expect(restore("newest", clock(-behind))).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/the clock is or was wrong/) as string,
      });
    }
    expect(bench.whole()).toHaveLength(real.length + 2);
    // All that is there is of a time to come.
    const place = { RECORDS: join(bench.backups, "drills"), SCRATCH: bench.at("scratch") };
    expect(bench.script(`${kind}Drill.sh`, place, clock(-7305 * DAY))).toMatchObject({ code: 0 });
  });

  test("in the night in which an hour comes twice, the second backup is the newer one", () => {
    const change = Date.UTC(2026, 9, 25, 0, 30) / 1000;
    const [first, second] = [change, change + 3600].map((at) => clock(at - Math.floor(Date.now() / 1000)));
    const paris = { TZ: "CET-1CEST,M3.5.0,M10.5.0/3", RETENTION: String(100_000 * DAY) };
    const before = new Set(bench.whole());
    expect(back(kind, first, paris)).toMatchObject({ code: 0 });
    expect(back(kind, second, paris)).toMatchObject({ code: 0 });
    const made = bench.whole().filter((name) => !before.has(name));
    expect(made.map((name) => name.slice(kind.length + 1, -3))).toEqual(["20261025T0030", "20261025T0130"]);
    const list = bench.script("listBackups.sh", { KIND: kind, ...paris }, second).stdout;
    const age = (name: string): number => Number(new RegExp(`${name}\t(-?\\d+)`).exec(list)?.[1]);
    expect(Math.abs(age(made[0] ?? "") - age(made[1] ?? "") - 3600)).toBeLessThan(30);
  });
});

/** Megabytes: twice what the databases take must be free for a run to begin. */
const DISK = 160;

describe.runIf(process.getuid?.() === 0).each(KINDS)("a disk that runs full during a backup of %s", (kind) => {
  let disk: string;
  let good: string;

  beforeEach(() => {
    disk = bench.at("disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}m,mode=0770`, "none", disk]);
    const { uid, gid } = statSync(bench.backups);
    chownSync(disk, uid, gid);
    bench.succeed(`: > ${disk}/.twisterlab-edge`);
    expect(on(disk)).toMatchObject({ code: 0 });
    good = whole()[0] ?? "";
    bench.succeed("sleep 1");
  });

  afterEach(() => {
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });

  const on = (backups: string, functions = "") => back(kind, functions, { BACKUPS: backups });
  const whole = (): string[] => readdirSync(disk).filter((name) => name.startsWith(`${kind}-`));
  const records = () => bench.records(join(disk, "runs"));
  /** Somebody else fills it when the dump begins. */
  const FILL = 'cat /dev/zero > "$BACKUPS/other" 2> /dev/null || true';
  /** All but 8 KiB. */
  const FILL_MOST = `${FILL}; dd if=/dev/null of="$BACKUPS/other" bs=8192 seek=$(($(wc -c < "$BACKUPS/other") / 8192 - 1)) 2> /dev/null`;

  function filled(fill: string, more = ""): Ran {
    if (kind === "postgres") {
      return on(disk, `${more} pg_dumpall() { ${fill}; command pg_dumpall "$@"; }`);
    }
    const real = `exec ${bench.at("bin/redis-cli")} "$@"`;
    return bench.instead("redis-cli", `[ "$5" != --rdb ] || { ${fill}; }; ${real}`, () => on(disk, more));
  }

  test("fails, says so, and leaves the good one and nothing half done", () => {
    expect(filled(FILL_MOST).code).not.toBe(0);
    expect(whole()).toEqual([good]);
    expect(readdirSync(disk).filter((name) => name.startsWith(".unfinished"))).toEqual([]);
    const sentence = expect.stringMatching(
      /(pg_dumpall|redis-cli --rdb) failed: .*(No space left|Fail|rror)/,
    ) as string;
    expect(records().at(-1)).toMatchObject({ ok: false, sentence });
    rmSync(join(disk, "other"));
    expect(
      bench.script(`${kind}Drill.sh`, { BACKUPS: disk, RECORDS: join(disk, "drills"), SCRATCH: bench.at("scratch") }),
    ).toMatchObject({ code: 0 });
  });

  test("and has no room for its record either is reported by the next one", () => {
    const run = filled(FILL, `rm() { command rm "$@"; ${FILL}; };`);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toMatch(/its record could not be written/);
    expect(whole()).toEqual([good]);
    expect(records()).toHaveLength(1);
    rmSync(join(disk, "other"));
    expect(on(disk)).toMatchObject({ code: 0 });
    expect(records().map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(records()[1]?.sentence).toMatch(/it found no room for its record/);
    expect(readFileSync(join(disk, "runs", `.lock-${kind}`), "utf8")).toBe("");
  });
});

describe.each(KINDS)("the newest backup of %s is only half there", (kind) => {
  const FILES = { postgres: "dump.sql.gz", redis: "dump.rdb" };

  test.each([
    ["its manifest", () => "manifest.json", /there is no backup \w+-\w+; these are there/],
    ["its dump", () => FILES[kind], /has another size than its manifest says/],
    ["its table of contents", () => "contents.tsv", /contents\.tsv has another checksum than its manifest says/],
  ])("%s is missing: drill and restore fail and name it, and change nothing", (_, file, reason) => {
    const older = bench.keepOne(() => back(kind));
    back(kind);
    const newest = bench.whole().at(-1) ?? "";
    rmSync(join(bench.backups, newest, file()));
    const failed = { code: 1, stderr: expect.stringMatching(reason) as string };
    const drilled = bench.drill(kind);
    expect(drilled).toMatchObject(failed);
    expect(drilled.stderr).toContain(newest);
    expect(bench.restore(kind, targets[kind], { overwrite: true })).toMatchObject(failed);
    expect(bench.savedBefore()).toEqual([]);
    // The one before it is as good as it was.
    expect(bench.restore(kind, targets[kind], { from: older, overwrite: true })).toMatchObject({ code: 0 });
  });
});
