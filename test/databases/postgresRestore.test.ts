import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EVERY_COMMAND } from "../support/hostScripts.ts";
import { DatabaseBench } from "./databaseBench.ts";
import { newerPostgres } from "./newerPostgres.ts";

// Against real PostgreSQL servers, in the shell of the Alpine images.
let bench: DatabaseBench;
/** Has what is saved. */
let source: Record<string, string>;
/** Is restored into. */
let target: Record<string, string>;
/** The one backup. */
let backup: string;

beforeAll(() => {
  bench = new DatabaseBench();
  source = bench.postgres("source");
  target = bench.postgres("target");
  fill(source, SAVED);
  bench.script("postgresBackup.sh", { ...source, RETENTION: WEEK });
  backup = bench.whole()[0] ?? "";
  bench.succeed(`cp -r ${bench.backups}/${backup} ${bench.at("scratch")}`);
});

afterAll(() => {
  bench.remove();
});

beforeEach(() => {
  bench.clear();
  bench.succeed(`cp -r ${bench.at("scratch")}/${backup} ${bench.backups}`);
  bench.succeed(EMPTY, { ...target, PGDATABASE: "template1" });
});

const WEEK = "604800";

/** What dumps are made of, and what looks like a part of them. */
const SAVED = String.raw`
alter role twister password 'of the source';
create role app login password 'a secret with ''quotes''';
create role "it's ""odd""" nologin;
comment on role app is E'CREATE ROLE twister;\nALTER ROLE twister WITH NOLOGIN;\n''\n"';
alter role app set work_mem to '5MB';
grant app to "it's ""odd""";
create database app owner app;
create database "odd 'name';";
create database nothing;
create table in_postgres as select 1 as a;
\connect app
create extension pgcrypto;
create table t (id serial primary key, v text, price numeric, at timestamptz default now());
insert into t (v, price) select 'row ' || i || E'\t\n\\.' || chr(233), i * 1.37 from generate_series(1, 2000) i;
create table statements (v text);
insert into statements values ('CREATE ROLE twister;'), ('ALTER ROLE twister WITH NOLOGIN;'), ('\connect nowhere'), ('CREATE DATABASE x WITH y');
create sequence lonely start 77;
create view v as select count(*) from t;
select lo_from_bytea(4242, 'a large object');
grant select on t to "it's ""odd""";
\connect "odd 'name';"
create table k (j jsonb);
insert into k select json_build_object('i', i) from generate_series(1, 10) i;
`;

/** What the server has that is restored into: partly of the same names. */
const OLD = `
create role app login password 'another';
create role older;
create database app owner older;
create database a_name_so_long_that_what_comes_behind_it_does_not_fit_any_more;
create table precious as select i from generate_series(1, 7) i;
\\connect app
create table precious as select i from generate_series(1, 100) i;
`;

/** Brings a server to what initdb makes. */
const EMPTY = `
psql -Xq -v ON_ERROR_STOP=1 << 'SQL'
select format('drop database %I with (force)', datname) from pg_database where datname not like 'template_'
union all select 'create database postgres template template0'
\\gexec
select format('drop role %I', rolname) from pg_roles where oid >= 16384 \\gexec
alter role twister login superuser password 'of the target';
SQL`;

function fill(server: Record<string, string>, sql: string): void {
  writeFileSync(bench.at("data.sql"), sql);
  bench.succeed(`psql -Xq -v ON_ERROR_STOP=1 -d postgres -f ${bench.at("data.sql")} > /dev/null`, server);
}

/** Everything that a server has, as pg_dumpall writes it; without the password of its own user, and what `left` says. */
function dump(server: Record<string, string>, ...left: string[]): string[] {
  const words = left.map((name) => `--exclude-database='"${name.replaceAll("'", "'\\''")}"'`).join(" ");
  return (
    bench
      .succeed(`pg_dumpall ${words}`, { ...server, PGDATABASE: "template1" })
      .split("\n")
      // A word of its own for each dump.
      .filter((line) => !/^\\(un)?restrict |^ALTER ROLE twister WITH/.test(line))
  );
}

/** What a query answers, of a database of the target. */
function query(sql: string, database = "template1"): string {
  return bench.succeed(`psql -XAtqd "$DATABASE" << 'SQL'\n${sql}\nSQL`, { ...target, DATABASE: database }).trim();
}

function restore(options: Parameters<DatabaseBench["restore"]>[2] = {}, environment: Record<string, string> = {}) {
  return bench.restore("postgres", { ...target, ...environment }, options);
}

/** Names that databases got when they were set aside. */
function setAside(): string[] {
  return query("select datname from pg_database where datname ~ '_before_' order by 1").split("\n").filter(Boolean);
}

/** Rows of every table `precious` on the target: what must not be lost. */
function precious(): string[] {
  return query("select datname from pg_database where datname <> 'template0'")
    .split("\n")
    .filter((database) => query("select to_regclass('precious') is not null", database) === "t")
    .map((database) => query("select count(*) from precious", database))
    .sort();
}

/** Fails unless a restore was refused for that reason, said so, and left the target as it was. */
function expectRefusal(reason: RegExp, run: () => ReturnType<typeof restore>): void {
  const before = dump(target);
  const { code, stderr } = run();
  expect(stderr).toMatch(reason);
  expect(code).toBe(1);
  expect(dump(target)).toEqual(before);
  expect(bench.savedBefore()).toEqual([]);
  const sentence = expect.stringMatching(reason) as string;
  expect(bench.records()).toEqual([expect.objectContaining({ ok: false, task: "restore", sentence })]);
}

describe("a restore into an empty server", () => {
  test("makes it the same: databases, roles, extensions, large objects, sequences, compared by a dump of it", () => {
    const before = password();
    expect(restore()).toMatchObject({ code: 0, stderr: "" });
    expect(dump(target)).toEqual(dump(source));
    expect(password()).toBe(before);
    expect(bench.records()).toEqual([
      expect.objectContaining({
        kind: "postgres",
        task: "restore",
        ok: true,
        backup,
        ageSeconds: expect.any(Number) as number,
        restoreSeconds: expect.any(Number) as number,
      }),
    ]);
    expect(bench.savedBefore()).toEqual([]);
    expect(bench.succeed(`ls -A ${bench.at("tmp")}`)).toBe("");
  });

  test("takes the backup by its name, and no other than the one that was meant", () => {
    bench.succeed(`cp -r ${bench.backups}/${backup} ${bench.backups}/postgres-99990101T000000Z`);
    expect(restore({ from: backup }).stdout).toContain(`${backup} was restored in`);
  });

  test("of a backup with what an earlier restore has set aside", () => {
    fill(target, OLD);
    restore({ overwrite: true });
    const old = setAside();
    bench.succeed("sleep 1");
    bench.script("postgresBackup.sh", { ...target, RETENTION: WEEK });
    const before = dump(target);
    bench.succeed("sleep 1");
    expect(restore({ overwrite: true })).toMatchObject({ code: 0 });
    expect(setAside()).toEqual(expect.arrayContaining(old));
    expect(dump(target, ...setAside().filter((name) => !old.includes(name)))).toEqual(before);
  });
});

describe("a server that has data already", () => {
  beforeEach(() => {
    fill(target, OLD);
  });

  test("is refused, with what it has and the way out", () => {
    expectRefusal(
      /the server has data already: a_name_so_long\S+ \(\d+ kB\), app \(\d+ kB\), postgres \(\d+ kB\)\. --overwrite gives/,
      restore,
    );
  });

  test("is refused also when it has no more than a table in `postgres`", () => {
    bench.succeed(EMPTY, { ...target, PGDATABASE: "template1" });
    fill(target, "create table one as select 1 as a");
    expectRefusal(/the server has data already: postgres \(/, restore);
  });

  test("with --overwrite it has what was saved, and beside it what it had", () => {
    const before = password();
    const run = restore({ overwrite: true });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(setAside()).toEqual([
      expect.stringMatching(/^app_before_\d{8}t\d{6}z$/),
      expect.stringMatching(/^database_\d+_before_\d{8}t\d{6}z$/),
      expect.stringMatching(/^postgres_before_\d{8}t\d{6}z$/),
    ]);
    expect(precious()).toEqual(["100", "7"]);
    const own = (line: string): boolean => !/ROLE older\b/.test(line);
    expect(dump(target, ...setAside()).filter(own)).toEqual(dump(source));
    expect(password()).toBe(before);
    for (const name of setAside()) {
      expect(bench.records()[0]?.sentence).toContain(name);
    }
  });

  test("and says how to get the old data back", () => {
    const before = dump(target);
    const { stdout } = restore({ overwrite: true });
    const statements = stdout.split("\n").filter((line) => line.startsWith("  ALTER DATABASE"));
    expect(statements).toHaveLength(3);
    query(statements.join("\n"));
    const restored = query("select datname from pg_database where datname ~ '_restored$'").split("\n");
    const old = dump(target, ...restored, "odd 'name';", "nothing");
    const databases = (lines: string[]): string[] => lines.slice(lines.indexOf("-- Databases"));
    expect(databases(old)).toEqual(databases(before));
    const [kept = ""] = bench.savedBefore();
    const roles = readFileSync(join(bench.backups, kept, "roles.sql"), "utf8");
    expect(roles).toContain("CREATE ROLE older;");
    expect(roles).not.toContain("CREATE DATABASE");
  });

  test("is refused while somebody uses it, and nobody is thrown out", () => {
    const connected = "psql -XAtqd app -c 'select pg_sleep(60)' > /dev/null 2>&1 & sleep 0.5;";
    expectRefusal(/nothing was changed, because databases are in use: app by twister \(psql\)/, () =>
      restore({ overwrite: true, functions: connected }),
    );
    expect(query("select count(*) from pg_stat_activity where datname = 'app'")).toBe("1");
    query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'app'");
  });

  test("is left as it was when one of the names cannot be changed", () => {
    const taken = `date() { case $* in '-u +%Y%m%dT%H%M%SZ') echo 20200101T000000Z ;; *) command date "$@" ;; esac; }`;
    query("create database app_before_20200101t000000z");
    expectRefusal(/nothing was changed: .*"app_before_20200101t000000z" already exists/, () =>
      restore({ overwrite: true, functions: taken }),
    );
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
      "of a backup by a newer PostgreSQL",
      /was saved by PostgreSQL 16\.1, and the server is an older one: 15\./,
      (file) => {
        const manifest = join(file, "../manifest.json");
        writeFileSync(
          manifest,
          readFileSync(manifest, "utf8").replace(/"serverVersion":"[^"]*"/, '"serverVersion":"16.1"'),
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
    fill(target, OLD);
    damage(join(bench.backups, backup, "dump.sql.gz"));
    expectRefusal(reason, () => restore({ overwrite: true }));
  });

  test.each([
    ["postgres-20200101T000000Z", /there is no backup postgres-20200101T000000Z; these are there: postgres-\d+T\d+Z/],
    ["redis-20200101T000000Z", /redis-20200101T000000Z is no backup of postgres/],
    ["../postgres-20200101T000000Z", /is not the name of a backup/],
  ])("of %s", (from, reason) => {
    expectRefusal(reason, () => restore({ from }));
  });

  test("by a user who may not", () => {
    query("create role somebody login");
    expectRefusal(/somebody is no superuser/, () => restore({}, { PGUSER: "somebody" }));
  });

  test.runIf(process.arch === "x64")("into a server that is newer than this image", async () => {
    const newer = bench.postgres("newer", "twister", await newerPostgres(bench.at("newer")));
    const has = () => bench.succeed("psql -XAtqd postgres -c 'select datname from pg_database'", newer);
    const before = has();
    expect(bench.restore("postgres", newer)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /this image has PostgreSQL 15\.\d+, which cannot read what a newer server has: 17\.10/,
      ) as string,
    });
    expect(has()).toBe(before);
  });

  test("on a server that does not answer", () => {
    expectRefusal(/does not answer twister/, () => restore({}, { PGHOST: bench.at("tmp") }));
  });
});

describe("the server's own disk", () => {
  const disk = (free: number): string => `echo; echo "/dev/x 9 9 ${free} 1% /data"`;
  const needed = (): number => {
    const { databaseBytes } = JSON.parse(readFileSync(join(bench.backups, backup, "manifest.json"), "utf8")) as {
      databaseBytes: number;
    };
    return Math.floor(databaseBytes / 1024) + 2 ** 20;
  };

  beforeEach(() => {
    fill(target, OLD);
  });

  test("without room for what is saved beside what is there, is a reason to change nothing", () => {
    bench.instead("df", disk(needed() - 1), () => {
      expectRefusal(/nothing was changed: \d+ KiB are free on the server's disk, and what was saved takes \d+/, () =>
        restore({ overwrite: true }),
      );
    });
  });

  test("with just enough room is none", () => {
    bench.instead("df", disk(needed()), () => {
      expect(restore({ overwrite: true })).toMatchObject({ code: 0 });
    });
  });

  test.each([
    ["has nothing to look with", "exit 127"],
    ["says nothing that could be read", "echo"],
  ])("of a server that %s is left to whoever restores, who is told", (_, text) => {
    bench.instead("df", text, () => {
      const run = restore({ overwrite: true });
      expect(run).toMatchObject({ code: 0 });
      expect(run.stdout).toMatch(
        /nobody knows whether the server's disk has room: .* as much free as \d+ bytes, and 1 GiB/,
      );
    });
  });

  test("is left to them, too, where the backup does not say how large its databases were", () => {
    const manifest = join(bench.backups, backup, "manifest.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/,"databaseBytes":\d+/, ""));
    const run = restore({ overwrite: true });
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(/nobody knows whether .* as much free as its databases took/);
  });
});

describe("a restore that fails half-way", () => {
  beforeEach(() => {
    fill(target, OLD);
  });

  /** Changes the dump, in a backup that vouches for itself. */
  function edit(command: string): void {
    const file = join(bench.backups, backup, "dump.sql.gz");
    bench.succeed(`gzip -dc ${file} | ${command} | gzip > ${file}.new && mv ${file}.new ${file}`);
    bench.vouchFor(file);
  }

  test("stops at the first error of SQL, says so, and keeps backups from saving the half", () => {
    edit("sed 's/^CREATE VIEW/CREATE VIEEW/'");
    const run = restore({ overwrite: true });
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be restored: .*syntax error at or near "VIEEW"/) as string,
    });
    // Rows come after views.
    expect(query("select count(*) from t", "app")).toBe("0");
    expect(precious()).toEqual(["100", "7"]);
    expect(bench.records()).toEqual([expect.objectContaining({ ok: false, task: "restore", backup })]);
    bench.succeed("sleep 1");
    expect(bench.script("postgresBackup.sh", { ...target, RETENTION: WEEK })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/a restore \(postgres-\w+, begun \w+\) is under way or did not end/) as string,
    });
    expect(bench.whole()).toEqual([backup]);
  });

  test("finds what was restored otherwise than it was saved", () => {
    edit("sed '/^1234\\t/d'");
    expect(restore({ overwrite: true })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/was restored otherwise than it was saved: app public\.t/) as string,
    });
    expect(restore()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/an earlier restore did not end/) as string,
    });
  });

  /** Kills it before the nth of its calls of the server. */
  function killedBefore(call: number): string {
    const calls = bench.at("tmp/calls");
    bench.succeed(`echo 0 > ${calls}`);
    const count = `call() { n=$(($(cat ${calls}) + 1)); echo $n > ${calls}; [ $n -lt ${call} ] || { kill -9 $$; exit 1; }; };`;
    return `${count} psql() { call; command psql "$@"; }; pg_dumpall() { call; command pg_dumpall "$@"; }`;
  }

  test("because it is killed anywhere loses nothing, and is repeated", { timeout: 600_000 }, () => {
    // The eleventh finds a mark that says nothing yet, the fourteenth a server without `postgres`.
    const [first, step] = process.env[EVERY_COMMAND] === undefined ? [5, 3] : [1, 1];
    let refused = 0;
    let killed = true;
    for (let call = first; killed; call += step) {
      const { code } = restore({ overwrite: true, functions: killedBefore(call) });
      rmSync(bench.at("tmp/calls"));
      killed = code === null;
      expect(killed || (code === 0 && call > 15)).toBe(true);
      const repeated = restore();
      expect(repeated.code).toBe(1);
      expect(repeated.stderr).toMatch(/an earlier restore did not end|the server has data already/);
      refused += Number(repeated.stderr.includes("did not end"));
      // Another second, another name.
      bench.succeed("sleep 1");
      expect(restore({ overwrite: true })).toMatchObject({ code: 0 });
      expect(precious()).toEqual(["100", "7"]);
      const own = (line: string): boolean => !/ROLE older\b/.test(line);
      expect(dump(target, ...setAside()).filter(own)).toEqual(dump(source));
      bench.succeed(EMPTY, { ...target, PGDATABASE: "template1" });
      fill(target, OLD);
    }
    expect(refused).toBeGreaterThan(1);
  });

  test.each([10, 50, 90])(
    "because it is killed after %s percent of the dump loses nothing, and is repeated",
    (percent) => {
      const all = Number(bench.succeed(`gzip -dc ${bench.backups}/${backup}/dump.sql.gz | wc -c`));
      const cut = `head -c ${Math.floor((all * percent) / 100)}; kill -9 $$`;
      const functions = `gzip() { command gzip "$@" | { ${cut}; }; }`;
      expect(restore({ overwrite: true, functions }).code).toBeNull();
      expect(restore().stderr).toMatch(
        new RegExp(
          `an earlier restore did not end \\(${backup}, begun \\w+\\): --overwrite gives what it has left other names`,
        ),
      );
      bench.succeed("sleep 1");
      expect(restore({ overwrite: true })).toMatchObject({ code: 0 });
      expect(precious()).toEqual(["100", "7"]);
    },
  );
});

test("the backups are listed", () => {
  const lists = () => bench.script("listBackups.sh", { KIND: "postgres" });
  const [line = "", ...others] = lists().stdout.trimEnd().split("\n");
  expect(others).toEqual([]);
  const bytes = readFileSync(join(bench.backups, backup, "dump.sql.gz")).length;
  expect(line).toMatch(new RegExp(`^${backup}\t\\d+\t${bytes}\t15\\.`));
  rmSync(join(bench.backups, ".twisterlab-edge"));
  const unmounted = lists();
  writeFileSync(join(bench.backups, ".twisterlab-edge"), "");
  expect(unmounted).toMatchObject({ code: 1, stderr: expect.stringMatching(/its disk is not mounted/) as string });
});

function password(): string {
  return query("select rolpassword from pg_authid where rolname = 'twister'");
}
