import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EVERY_COMMAND } from "../support/hostScripts.ts";
import { DatabaseBench } from "./databaseBench.ts";

// Against real Redis servers, in the shell of the Alpine images.
let bench: DatabaseBench;
/** Has what is saved. */
let source: Record<string, string>;
/** Is restored into. */
let target: Record<string, string>;
/** The one backup. */
let backup: string;

const PASSWORD = "a secret";
/** What the server shows to the one that it is a replica of; somebody has set it. */
const MASTERAUTH = 'somebody\'s "own"';

beforeAll(() => {
  bench = new DatabaseBench();
  source = bench.redis("source", PASSWORD);
  target = bench.redis("target", PASSWORD);
  const keys = Array.from({ length: 300 }, (_, i) => `SET key:${i} value-${i}`);
  const library = "#!lua name=mine\\nredis.register_function('one', function() return 1 end)";
  tell(source, [
    ...keys,
    "HSET hash a 1 b 2",
    "LPUSH list x y z",
    "ZADD sorted 1 one 2.5 two",
    "SADD set m n",
    "XADD stream 1-1 field value",
    "XGROUP CREATE stream group 0",
    "SETBIT bits 1000 1",
    'SET "odd\\n\\"key\\x00" "odd\\r\\n\\xff"',
    "SET brief x EX 2",
    "SET long x EX 100000",
    "SELECT 3",
    "SET in-three 1 PX 999999999",
    `FUNCTION LOAD "${library}"`,
  ]);
  bench.script("redisBackup.sh", { ...source, RETENTION: "604800" });
  backup = bench.whole()[0] ?? "";
  bench.succeed(`cp -r ${bench.backups}/${backup} ${bench.at("scratch")}; sleep 2`);
});

afterAll(() => {
  bench.remove();
});

beforeEach(() => {
  bench.clear();
  bench.succeed(`cp -r ${bench.at("scratch")}/${backup} ${bench.backups}`);
  tell(target, ["REPLICAOF NO ONE", "FLUSHALL", "FUNCTION FLUSH"]);
  bench.succeed(`printf %s '${MASTERAUTH.replaceAll("'", "'\\''")}' | ${CLIENT} -x config set masterauth`, target);
});

/** The command itself, in what stands in its place. */
const REAL = 'exec "${0%/*}/../bin/redis-cli" "$@"';

const CLIENT = "redis-cli -h 127.0.0.1 -p $PORT";

function tell(server: Record<string, string>, commands: readonly string[]): string {
  writeFileSync(bench.at("data.redis"), commands.join("\n"));
  return bench.succeed(`${CLIENT} < ${bench.at("data.redis")}`, server);
}

/** Every key with its type, its end and a hash of its value, and the functions. */
function contents(server: Record<string, string>): string[] {
  // Members of a set have no order.
  const script = `
    local all = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      local value = redis.call('DUMP', key)
      if value and redis.call('TYPE', key).ok == 'set' then
        local members = redis.call('SMEMBERS', key)
        table.sort(members)
        value = table.concat(members, ' ')
      end
      if value then
        local about = { redis.sha1hex(key), redis.call('TYPE', key).ok, redis.call('PEXPIRETIME', key), redis.sha1hex(value) }
        all[#all + 1] = table.concat(about, ' ')
      end
    end
    table.sort(all)
    return all`.replaceAll(/\s+/g, " ");
  return [0, 3, 5].flatMap((number) => [
    `database ${number}`,
    ...tell(server, [`SELECT ${number}`, `EVAL_RO "${script}" 0`, "FUNCTION LIST WITHCODE"]).split("\n"),
  ]);
}

function info(key: string): string | undefined {
  return new RegExp(`^${key}:(.*?)\\r?$`, "m").exec(tell(target, ["INFO"]))?.[1];
}

/** Ends the server that a restore has started; in a pod it ends with its shell. */
function endOwn(): void {
  const own = bench.at("tmp/served");
  bench.succeed(
    `REDISCLI_AUTH=$(sed 's/^requirepass //' ${own}/redis.conf) redis-cli -s ${own}/socket shutdown nosave || true`,
  );
}

const OLD = ["SET old 1 EX 5000", "SET key:1 another", "SELECT 5", "SET old 5"];

function restore(options: Parameters<DatabaseBench["restore"]>[2] = {}, environment: Record<string, string> = {}) {
  return bench.restore("redis", { ...target, ...environment }, options);
}

/** Fails unless the server is on its own, and lets itself be written to. */
function expectOnItsOwn(): void {
  expect(info("role")).toBe("master");
  expect(tell(target, ["CONFIG GET masterauth"])).toBe(`masterauth\n${MASTERAUTH}\n`);
}

/** Fails unless a restore was refused for that reason, said so, and left the target as it was. */
function expectRefusal(reason: RegExp, run: () => ReturnType<typeof restore>): void {
  const before = contents(target);
  const { code, stderr } = run();
  expect(stderr).toMatch(reason);
  expect(code).toBe(1);
  expect(contents(target)).toEqual(before);
  expectOnItsOwn();
  const sentence = expect.stringMatching(reason) as string;
  expect(bench.records()).toEqual([expect.objectContaining({ ok: false, task: "restore", sentence })]);
  expect(bench.leftovers()).toEqual([]);
}

describe("a restore into an empty server", () => {
  test("makes it the same: all databases, types, ends, functions; what has ended since stays away", () => {
    const run = restore();
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(contents(target)).toEqual(contents(source));
    expectOnItsOwn();
    expect(tell(target, ["SELECT 3", "PEXPIRETIME in-three", "SELECT 0", "EXISTS brief"])).toMatch(
      /^OK\n\d{13}\nOK\n0\n$/,
    );
    expect(bench.records()).toEqual([
      expect.objectContaining({
        kind: "redis",
        task: "restore",
        ok: true,
        backup,
        ageSeconds: expect.any(Number) as number,
        restoreSeconds: expect.any(Number) as number,
        sentence: expect.stringMatching(/has what was saved: 309 keys$/) as string,
      }),
    ]);
    expect(bench.savedBefore()).toEqual([]);
    expect(bench.succeed(`ls -A ${bench.at("tmp")}`)).toBe("");
  });

  test("is on its disk afterwards", () => {
    rmSync(bench.at("servers/target/dump.rdb"), { force: true });
    restore();
    expect(bench.succeed(`redis-check-rdb ${bench.at("servers/target/dump.rdb")}`)).toMatch(/ 309 keys read/);
  });

  test("is on its disk afterwards, where the server keeps a log of what is written", () => {
    tell(target, ["CONFIG SET appendonly yes"]);
    expect(restore()).toMatchObject({ code: 0 });
    const base = bench.at("servers/target/appendonlydir/*.base.rdb");
    expect(bench.succeed(`redis-check-rdb ${base}`)).toMatch(/ 309 keys read/);
    tell(target, ["CONFIG SET appendonly no"]);
  });

  test("shows no password in a command line", () => {
    const seen = bench.at("tmp/seen");
    restore({ functions: `sleep() { cat /proc/[0-9]*/cmdline >> ${seen} 2> /dev/null; command sleep "$@"; }` });
    const lines = readFileSync(seen, "latin1");
    rmSync(seen);
    expect(lines).toContain("redis-server");
    expect(lines).not.toContain(PASSWORD);
    expect(lines).not.toContain("twisterlab-restore-");
    expect(lines).not.toContain(MASTERAUTH);
  });
});

describe("a server that has data already", () => {
  beforeEach(() => {
    tell(target, OLD);
  });

  test("is refused, with what it has and the way out", () => {
    expectRefusal(/the server has data already: 3 keys, 0 functions\. --overwrite saves them/, restore);
    expect(bench.savedBefore()).toEqual([]);
  });

  test("is refused also when it has no more than a function", () => {
    tell(target, [
      "FLUSHALL",
      "FUNCTION LOAD \"#!lua name=other\\nredis.register_function('o', function() return 1 end)\"",
    ]);
    expectRefusal(/0 keys, 1 functions/, restore);
  });

  test("with --overwrite it has what was saved; what it had is a backup, which brings it back", () => {
    const before = contents(target);
    const run = restore({ overwrite: true });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(contents(target)).toEqual(contents(source));
    expectOnItsOwn();
    const [old = ""] = bench.savedBefore();
    expect(old).toMatch(/^before-restore-redis-\d{8}T\d{6}Z$/);
    expect(bench.records()).toEqual([
      expect.objectContaining({ task: "restore", ok: true, backup, sentence: expect.stringContaining(old) as string }),
    ]);
    const list = bench.script("listBackups.sh", { KIND: "redis" }).stdout.trimEnd().split("\n");
    expect(list.map((line) => line.split("\t")[0])).toEqual([backup, old]);
    bench.succeed("sleep 1");
    expect(restore({ overwrite: true, from: old })).toMatchObject({ code: 0 });
    expect(contents(target)).toEqual(before);
  });

  test("that is saved first is never the newest backup, and is not removed as an old one", () => {
    restore({ overwrite: true });
    bench.succeed("sleep 1");
    expect(restore({ overwrite: true }).stdout).toContain(`${backup} was restored in`);
    bench.succeed("sleep 1");
    bench.script("redisBackup.sh", { ...target, RETENTION: "0" });
    expect(bench.savedBefore()).toHaveLength(2);
    expect(bench.whole()).toHaveLength(1);
  });
});

describe("somebody who writes all the time", () => {
  /** Numbers of the keys `w:<number>` in what the server has. */
  const written = (): Set<number> =>
    new Set(
      tell(target, ["KEYS w:*"])
        .split("\n")
        .map((line) => Number(line.slice(2))),
    );

  /** Writes one key after the other until it is told to end; `acks` gets the answer to each. */
  const WRITER = `n=0
    while [ ! -e $TMPDIR/enough ]; do
      n=$((n + 1))
      echo "$n $(redis-cli -h 127.0.0.1 -p $PORT set w:$n 1 2>&1)"
    done > $TMPDIR/acks; echo > $TMPDIR/ended`;

  /** Restores while it writes. @returns how that ended, and the numbers of what was acknowledged. */
  function restoreBesideWriter(functions = "") {
    const [acks, enough, ended] = ["acks", "enough", "ended"].map((name) => bench.at(`tmp/${name}`));
    writeFileSync(bench.at("tmp/writer"), WRITER);
    bench.succeed(`sh ${bench.at("tmp/writer")} > /dev/null 2>&1 & sleep 1`, target);
    const run = restore({ overwrite: true, functions });
    bench.succeed(`sleep 1; touch ${enough}; until [ -e ${ended} ]; do sleep 0.1; done`);
    const answers = readFileSync(acks ?? "", "utf8")
      .trimEnd()
      .split("\n");
    bench.succeed(`rm ${acks} ${enough} ${ended} ${bench.at("tmp/writer")}`);
    const acknowledged = answers.filter((line) => line.endsWith(" OK")).map((line) => Number(line.split(" ")[0]));
    return { run, acknowledged };
  }

  beforeEach(() => {
    tell(target, OLD);
  });

  /** As with data that takes its time to be saved. */
  const SLOW = `df() { sleep 1; command df "$@"; }; sha256sum() { sleep 0.5; command sha256sum "$@"; }`;

  /** What of these numbers was saved first, is in what the server has now, and is in neither. */
  function whereAre(numbers: number[]) {
    const now = written();
    const [saved = ""] = bench.savedBefore();
    bench.succeed("sleep 1");
    expect(restore({ overwrite: true, from: saved })).toMatchObject({ code: 0 });
    const before = written();
    return {
      saved: numbers.filter((number) => before.has(number)).length,
      there: numbers.filter((number) => now.has(number)).length,
      lost: numbers.filter((number) => !now.has(number) && !before.has(number)),
    };
  }

  test("loses nothing that was acknowledged: it is in what was saved first, or in what the server has now", () => {
    const { run, acknowledged } = restoreBesideWriter(SLOW);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const { saved, there, lost } = whereAre(acknowledged);
    expect(lost).toEqual([]);
    // Both were there, or this has shown nothing.
    expect(saved).toBeGreaterThan(20);
    expect(there).toBeGreaterThan(20);
  });

  test.each([
    ["fails while it saves", 'df() { echo; echo "/dev/x 9 9 0 1% /backups"; }', 1],
    ["is told to end while it saves", "df() { kill -TERM $$; sleep 1; }", 143],
  ])("goes on at once when the restore %s", (_, functions, code) => {
    const run = restore({ overwrite: true, functions });
    expect(run.code).toBe(code);
    const began = Date.now();
    expect(tell(target, ["SET at-once 1"])).toBe("OK\n");
    expect(Date.now() - began).toBeLessThan(3000);
  });

  test("goes on by itself when the restore is killed", () => {
    expect(restore({ overwrite: true, functions: "df() { kill -9 $$; exit 1; }" }).code).toBeNull();
    endOwn();
    const began = Date.now();
    expect(tell(target, ["SET after-a-while 1"])).toBe("OK\n");
    expect(Date.now() - began).toBeGreaterThan(1000);
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  test("loses what a server that cannot hold them back (Redis before 6.2) takes meanwhile, and is told of it", () => {
    // As such a server answers.
    const old = `[ "$5 $6" != "client pause" ] || { echo "ERR syntax error"; exit 0; }; ${REAL}`;
    const { run, acknowledged } = bench.instead("redis-cli", old, () => restoreBesideWriter(SLOW));
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(
      /cannot hold back who writes \(Redis can from 6\.2 on\), and what was written to it meanwhile/,
    );
    expect(bench.records()[0]?.sentence).toContain("cannot hold back who writes");
    expect(whereAre(acknowledged).lost.length).toBeGreaterThan(0);
  });

  test("to a server that lets them write while it is a replica is a reason to refuse", () => {
    tell(target, ["CONFIG SET replica-read-only no"]);
    const run = restore({ overwrite: true });
    tell(target, ["CONFIG SET replica-read-only yes"]);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringMatching(/replica-read-only no/) as string });
    expect(info("role")).toBe("master");
  });

  test("to an empty server after it was found empty keeps it from being restored into", () => {
    tell(target, ["FLUSHALL"]);
    const late = `[ "$5 $6" != "client pause" ] || [ -e $TMPDIR/late ] || { touch $TMPDIR/late; ${bench.at("bin/redis-cli")} -h 127.0.0.1 -p $PORT set late 1; } > /dev/null; ${REAL}`;
    const run = bench.instead("redis-cli", late, () => restore());
    rmSync(bench.at("tmp/late"));
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/somebody has written to the server meanwhile: it has 1 keys/) as string,
    });
    expect(tell(target, ["GET late"])).toBe("1\n");
  });
});

describe("a restore is refused before it touches anything", () => {
  const damages: [string, RegExp, (file: string) => void][] = [
    [
      "of a file that was cut",
      /another size than its manifest says/,
      (file) => {
        truncateSync(file, readFileSync(file).length >> 1);
      },
    ],
    [
      "of a file with a bit that flipped",
      /another checksum than its manifest says/,
      (file) => {
        const bytes = readFileSync(file);
        const at = bytes.length >> 1;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
    [
      "of a file that was cut, in a backup that vouches for itself",
      /is not whole/,
      (file) => {
        truncateSync(file, readFileSync(file).length >> 1);
        bench.vouchFor(file);
      },
    ],
    [
      "of a backup by a newer Redis",
      /was saved by Redis 7\.1\.0, and the server is an older one: 7\.0/,
      (file) => {
        const manifest = join(file, "../manifest.json");
        writeFileSync(
          manifest,
          readFileSync(manifest, "utf8").replace(/"serverVersion":"[^"]*"/, '"serverVersion":"7.1.0"'),
        );
      },
    ],
    [
      "when there is none",
      /there is no backup in/,
      (file) => {
        rmSync(join(file, ".."), { recursive: true });
      },
    ],
  ];
  test.each(damages)("%s", (_, reason, damage) => {
    tell(target, OLD);
    damage(join(bench.backups, backup, "dump.rdb"));
    expectRefusal(reason, () => restore({ overwrite: true }));
    expect(bench.savedBefore()).toEqual([]);
  });

  test("by an image that is newer than the server", () => {
    bench.instead("redis-server", "echo 'Redis server v=7.4.1 sha=0:0 malloc=x bits=64 build=0'", () => {
      expectRefusal(/this image has Redis 7\.4\.1, and the server is an older one: 7\.0/, restore);
    });
  });

  test("with another password", () => {
    expectRefusal(/does not answer, or wants another password/, () => restore({}, { REDISCLI_AUTH: "wrong" }));
  });

  test("into a replica of another server", () => {
    tell(target, [`REPLICAOF 127.0.0.1 ${source["PORT"] ?? ""}`]);
    const run = restore();
    const role = info("role");
    tell(target, ["REPLICAOF NO ONE"]);
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is a replica of 127\.0\.0\.1: restore into/) as string,
    });
    expect(role).toBe("slave");
  });
});

describe("a restore that fails half-way leaves the server on its own, with what it had", () => {
  beforeEach(() => {
    tell(target, OLD);
  });

  // Time is shortened: it waits for a minute.
  const QUICK = "sleep() { command sleep 0.01; }";

  test("when the server does not reach it", () => {
    const elsewhere = `[ "$5 $6" != "replicaof 127.0.0.1" ] || set -- "$1" "$2" "$3" "$4" replicaof 127.0.0.1 1; ${REAL}`;
    bench.instead("redis-cli", elsewhere, () => {
      expectRefusal(/the server does not reach this pod at 127\.0\.0\.1: a network policy/, () =>
        restore({ overwrite: true, functions: QUICK }),
      );
    });
  });

  test("when the server cannot write to its disk", () => {
    const folder = bench.at("servers/target");
    bench.succeed(`chmod 500 ${folder}`);
    expectRefusal(/the server was sent the backup 3 times and could not use it/, () => restore({ overwrite: true }));
    bench.succeed(`chmod 700 ${folder}`);
  });

  test("when it is told to end while the server takes the backup", () => {
    const told = `[ "$5 $6" != "replicaof 127.0.0.1" ] || kill -TERM $SCRIPT; ${REAL}`;
    const before = contents(target);
    const run = bench.instead("redis-cli", told, () => restore({ overwrite: true, functions: "export SCRIPT=$$" }));
    expect(run.code).toBe(143);
    expectOnItsOwn();
    // By then it may have arrived.
    expect([before, contents(source)]).toContainEqual(contents(target));
    expect(bench.savedBefore()).toHaveLength(1);
    expect(bench.records()).toEqual([expect.objectContaining({ ok: false, sentence: "it was told to end" })]);
  });

  /** Restores, and is killed before the nth call of a server; so is the server that it has started. */
  function killedBefore(call: number) {
    const calls = bench.at("tmp/calls");
    bench.succeed(`echo 0 > ${calls}`);
    const count = `n=$(($(cat ${calls}) + 1)); echo $n > ${calls}; [ $n -lt ${call} ] || { kill -9 $SCRIPT; exit 1; }; ${REAL}`;
    const run = bench.instead("redis-cli", count, () => restore({ overwrite: true, functions: "export SCRIPT=$$" }));
    rmSync(calls);
    endOwn();
    return run;
  }

  test("also when it is killed anywhere, and is repeated", { timeout: 600_000 }, () => {
    const [before, saved] = [contents(target), contents(source)];
    const step = process.env[EVERY_COMMAND] === undefined ? 5 : 1;
    let replicas = 0;
    let killed = true;
    for (let call = step; killed; call += step) {
      const { code } = killedBefore(call);
      killed = code === null;
      expect(killed || (code === 0 && call > 15)).toBe(true);
      const left = info("role") === "slave";
      replicas += Number(left);
      expect([before, saved]).toContainEqual(contents(target));
      const repeated = restore();
      expect(repeated.code).toBe(1);
      expect(repeated.stderr.includes("an earlier restore did not end, the server is on its own again now")).toBe(left);
      expect(info("role")).toBe("master");
      bench.succeed("sleep 1");
      expect(restore({ overwrite: true })).toMatchObject({ code: 0 });
      expect(contents(target)).toEqual(saved);
      expect(bench.leftovers()).toEqual([]);
      const [first = ""] = bench.savedBefore();
      bench.succeed("sleep 1");
      expect(restore({ overwrite: true, from: first })).toMatchObject({ code: 0 });
      expect(contents(target)).toEqual(before);
      bench.clear();
      bench.succeed(`cp -r ${bench.at("scratch")}/${backup} ${bench.backups}`);
    }
    expect(replicas).toBeGreaterThan(0);
  });
});
