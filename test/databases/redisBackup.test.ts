import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatabaseBench } from "./databaseBench.ts";

// Against a real Redis, in the shell of the Alpine images.
let bench: DatabaseBench;
let server: Record<string, string>;

const PASSWORD = "a secret";

beforeAll(() => {
  bench = new DatabaseBench();
  server = bench.redis("source", PASSWORD);
  const keys = Array.from({ length: 300 }, (_, i) => `SET key:${i} value-${i}`);
  const others = [
    "HSET hash a 1 b 2",
    "LPUSH list x y z",
    "ZADD sorted 1 one",
    "SADD set m n",
    "SET brief x EX 1",
    "SET long x EX 100000",
  ];
  writeFileSync(bench.at("data.redis"), [...keys, ...others, "SELECT 3", "SET in-three 1"].join("\n"));
  bench.succeed(`redis-cli -h 127.0.0.1 -p $PORT < ${bench.at("data.redis")} > /dev/null`, server);
});

afterAll(() => {
  bench.remove();
});

beforeEach(() => {
  bench.clear();
});

function back(environment: Record<string, string> = {}, functions = "") {
  return bench.script("redisBackup.sh", { ...server, RETENTION: "604800", ...environment }, functions);
}

describe("a backup of Redis", () => {
  test("is whole, checked, and says what is in it", () => {
    expect(back()).toMatchObject({ code: 0, stderr: "" });
    const [name = ""] = bench.whole();
    expect(name).toMatch(/^redis-\d{8}T\d{6}Z$/);
    expect(JSON.parse(readFileSync(join(bench.backups, name, "manifest.json"), "utf8"))).toMatchObject({
      kind: "redis",
      file: "dump.rdb",
      serverVersion: expect.stringMatching(/^7\./) as string,
    });
    expect(bench.records()).toEqual([expect.objectContaining({ ok: true, backup: name })]);
    expect(bench.leftovers()).toEqual([]);
  });

  test("does not have the password in a command line", () => {
    const seen = bench.at("tmp/seen");
    back({}, `sync() { cat /proc/[0-9]*/cmdline >> ${seen} 2> /dev/null; }`);
    expect(readFileSync(seen, "latin1")).not.toContain(PASSWORD);
  });
});

describe("a run that fails leaves what was there, nothing half done, and a record that says why", () => {
  let good: string;

  beforeEach(() => {
    good = bench.keepOne(back);
  });

  function failsWith(reason: RegExp, run = back()): void {
    bench.expectFailure(run, reason, good);
    expect(run.stderr).not.toContain(PASSWORD);
  }

  test("the server is down", () => {
    failsWith(/does not answer/, back({ PORT: "1" }));
  });

  test("another password", () => {
    failsWith(/wants another password/, back({ REDISCLI_AUTH: "wrong" }));
  });

  test.each([0, 10, 50, 90])("the file is cut after %s percent", (percent) => {
    const file = `${bench.backups}/.unfinished-redis/dump.rdb`;
    const check = `truncate -s $(($(wc -c < ${file}) * ${percent} / 100)) ${file}; exec ${bench.at("bin")}/redis-check-rdb "$@"`;
    bench.instead("redis-check-rdb", check, () => {
      failsWith(/the RDB file is not whole/);
    });
  });
});

describe("the drill", () => {
  test("restores the newest backup, compares it, and leaves evidence; what has ended since does not count", () => {
    back();
    bench.succeed("sleep 2");
    expect(bench.drill("redis")).toMatchObject({ code: 0 });
    expect(bench.drills()).toEqual([
      expect.objectContaining({
        ok: true,
        backup: bench.whole()[0],
        restoreSeconds: expect.any(Number) as number,
        sentence: expect.stringMatching(/has what was saved: 306 keys/) as string,
      }),
    ]);
    expect(bench.succeed(`ls -A ${bench.at("scratch")}`)).toBe("");
  });

  const damages: [string, (file: string) => void, RegExp][] = [
    ...[0, 0.1, 0.5, 0.9, 0.999].map((share): (typeof damages)[number] => [
      `cut at ${share} of it`,
      (file) => {
        truncateSync(file, Math.floor(readFileSync(file).length * share));
      },
      /another size/,
    ]),
    [
      "with a bit that flipped",
      (file: string) => {
        const bytes = readFileSync(file);
        const at = bytes.length >> 1;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
      /another checksum/,
    ],
  ];
  test.each(damages)("finds a file %s", (_, damage, reason) => {
    back();
    damage(join(bench.backups, bench.whole()[0] ?? "", "dump.rdb"));
    expect(bench.drill("redis")).toMatchObject({ code: 1, stderr: expect.stringMatching(reason) as string });
    expect(bench.drills()).toEqual([expect.objectContaining({ ok: false })]);
  });
});
