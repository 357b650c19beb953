import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatabaseBench } from "./databaseBench.ts";
import { newerPostgres } from "./newerPostgres.ts";

// Against a real PostgreSQL, in the shell of the Alpine images.
let bench: DatabaseBench;
let server: Record<string, string>;

beforeAll(() => {
  bench = new DatabaseBench();
  server = bench.postgres("source");
  writeFileSync(bench.at("data.sql"), DATA);
  bench.succeed(`psql -Xq -v ON_ERROR_STOP=1 -d postgres -f ${bench.at("data.sql")}`, server);
});

afterAll(() => {
  bench.remove();
});

beforeEach(() => {
  bench.clear();
});

/** Three databases with what dumps are made of. */
const DATA = String.raw`
create role app login password 'a secret with ''quotes''';
create role reader nologin;
create database app owner app;
create database "odd name";
create database third;
\connect app
create extension pgcrypto;
create table t (id serial primary key, v text, price numeric, at timestamptz default now());
insert into t (v, price) select 'row ' || i || E'\t\n\\.' || chr(233), i * 1.37 from generate_series(1, 2000) i;
create table empty (a int);
create table "Odd ""Table""" (a int, b bytea);
insert into "Odd ""Table""" values (1, '\x00ff'), (2, null);
create view v as select count(*) from t;
create function f() returns text language sql as $$ select 'COPY fake (a) FROM stdin;' $$;
select lo_from_bytea(4242, 'a large object');
grant select on t to reader;
\connect "odd name"
create table k (j jsonb);
insert into k select json_build_object('i', i) from generate_series(1, 10) i;
`;

const WEEK = "604800";

function back(environment: Record<string, string> = {}, functions = "") {
  return bench.script("postgresBackup.sh", { ...server, RETENTION: WEEK, ...environment }, functions);
}

describe("a backup of PostgreSQL", () => {
  test("is whole, checked, and says what is in it", () => {
    expect(back()).toMatchObject({ code: 0, stderr: "" });
    const [name = ""] = bench.whole();
    expect(name).toMatch(/^postgres-\d{8}T\d{6}Z$/);
    const manifest = JSON.parse(readFileSync(join(bench.backups, name, "manifest.json"), "utf8")) as object;
    expect(manifest).toMatchObject({
      kind: "postgres",
      file: "dump.sql.gz",
      serverVersion: expect.stringMatching(/^15\./) as string,
    });
    const contents = readFileSync(join(bench.backups, name, "contents.tsv"), "utf8");
    expect(contents.split("\n").map((line) => line.split("\t").slice(0, 3).join(" | "))).toEqual([
      'app | public."Odd ""Table""" | 2',
      "app | public.empty | 0",
      "app | public.t | 2000",
      "app | SELECT pg_catalog.setval('public.t_id_seq', 2000, true);",
      "-reuse-previous=on \"dbname='odd name'\" | public.k | 10",
      "",
    ]);
    expect(bench.records()).toEqual([
      expect.objectContaining({ ok: true, backup: name, sentence: `${name}, 4 tables with 2012 rows in 2 databases` }),
    ]);
    expect(bench.leftovers()).toEqual([]);
  });

  test("restores to the same: roles, extensions, large objects, sequences, compared by a dump of it", () => {
    back();
    const [name = ""] = bench.whole();
    const other = bench.postgres("restored", "somebody");
    const dump = (from: Record<string, string>) =>
      bench
        .succeed("pg_dumpall", { ...from, PGDATABASE: "postgres" })
        .split("\n")
        // A word of its own for each dump; and the role that the other server began with.
        .filter((line) => !/^\\(un)?restrict |ROLE somebody\b/.test(line));
    bench.succeed(
      `gzip -dc ${bench.backups}/${name}/dump.sql.gz | psql -Xq -v ON_ERROR_STOP=1 -d postgres > /dev/null`,
      other,
    );
    expect(dump(other)).toEqual(dump(server));
  });
});

describe("a run that fails leaves what was there, nothing half done, and a record that says why", () => {
  let good: string;

  beforeEach(() => {
    good = bench.keepOne(back);
  });

  function failsWith(reason: RegExp, run = back()): void {
    bench.expectFailure(run, reason, good);
  }

  test("the server is down", () => {
    failsWith(/does not answer/, back({ PGHOST: bench.at("tmp") }));
  });

  test("a user that it does not know", () => {
    failsWith(/does not answer nobody/, back({ PGUSER: "nobody" }));
  });

  test.each([10, 50, 90])("pg_dumpall is killed after %s percent of the dump", (percent) => {
    const all = Number(bench.succeed("pg_dumpall | wc -c", { ...server, PGDATABASE: "postgres" }));
    const bytes = Math.floor((all * percent) / 100);
    const killed = `sh -c 'pg_dumpall "$@" | head -c ${bytes}; kill -9 $$' sh "$@"`;
    failsWith(/pg_dumpall failed/, back({}, `pg_dumpall() { ${killed}; }`));
  });

  test.runIf(process.arch === "x64")("the server is newer than this image", async () => {
    const programs = await newerPostgres(bench.at("newer"));
    const run = back(bench.postgres("newer", "twister", programs));
    failsWith(/pg_dumpall failed: .*server version mismatch.*server version: 17\.10; pg_dumpall version: 15\./, run);
  });

  test("a dump that ends early and says nothing of it", () => {
    failsWith(/the dump is not whole/, back({}, 'pg_dumpall() { command pg_dumpall "$@" | sed -n 1,50p; }'));
  });

  test("one of the databases cannot be read", () => {
    bench.succeed(`psql -Xqd third -c "create table broken as select 1 as a"`, server);
    const file = bench.succeed(`psql -XAtqd third -c "select pg_relation_filepath('broken')"`, server).trim();
    bench.succeed(`psql -Xqd third -c checkpoint && rm ${bench.at("servers/source")}/${file}`, server);
    const run = back();
    bench.succeed("dropdb third && createdb third", server);
    failsWith(/pg_dumpall failed: .*third/, run);
  });

  test("the disk of the backups is not mounted", () => {
    rmSync(join(bench.backups, ".twisterlab-edge"));
    const run = back();
    writeFileSync(join(bench.backups, ".twisterlab-edge"), "");
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/is not the folder of the backups: its disk is not mounted/);
    expect(bench.whole()).toEqual([good]);
  });

  test("too little room", () => {
    failsWith(/1000 KiB are free/, back({}, `df() { echo; echo "/dev/x 1 1 1000 1% /backups"; }`));
  });

  test("what is read back differs from what was written", () => {
    const spoil = `for f in ${bench.backups}/*/dump.sql.gz; do [ "$f" = ${bench.backups}/${good}/dump.sql.gz ] || echo x >> "$f"; done`;
    failsWith(/the disk is not to be trusted/, back({}, `sync() { ${spoil}; }`));
  });
});

describe("old backups", () => {
  /** A backup as it was so many days ago. */
  function of(days: number): string {
    const name = `postgres-${new Date(Date.now() - days * 86_400_000).toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
    bench.succeed(`cp -r ${bench.backups}/${bench.whole().at(-1) ?? ""} ${bench.backups}/${name}`);
    return name;
  }

  test("go after the retention, once there is a new one", () => {
    back();
    const [young, old] = [of(6.9), of(7.1)];
    bench.succeed("sleep 1");
    back();
    expect(bench.whole()).toContain(young);
    expect(bench.whole()).not.toContain(old);
    expect(bench.whole()).toHaveLength(3);
  });

  test("stay when there is no new one, however old they are", () => {
    back();
    const [only = ""] = bench.whole();
    const ancient = of(400);
    rmSync(join(bench.backups, only), { recursive: true });
    back({ PGHOST: bench.at("tmp") });
    expect(bench.whole()).toEqual([ancient]);
  });
});

describe("the drill", () => {
  test("restores the newest backup, compares it, and leaves evidence", () => {
    back();
    const run = bench.drill("postgres");
    expect(run).toMatchObject({ code: 0 });
    const [name] = bench.whole();
    expect(bench.drills()).toEqual([
      expect.objectContaining({
        ok: true,
        backup: name,
        ageSeconds: expect.any(Number) as number,
        restoreSeconds: expect.any(Number) as number,
        sentence: expect.stringMatching(/has what was saved: 4 tables with 2012 rows in 2 databases/) as string,
      }),
    ]);
    expect(bench.succeed(`ls -A ${bench.at("scratch")}`)).toBe("");
  });

  function damaged(damage: (file: string) => void): string {
    back();
    const file = join(bench.backups, bench.whole().at(-1) ?? "", "dump.sql.gz");
    damage(file);
    const { code, stderr } = bench.drill("postgres");
    expect(code).toBe(1);
    expect(bench.drills()).toEqual([expect.objectContaining({ ok: false })]);
    return stderr;
  }

  test.each([
    ["at 0", () => 0],
    ["after a byte", () => 1],
    ["half-way", (size: number) => size >> 1],
    ["before its last byte", (size: number) => size - 1],
  ])("finds a file that was cut %s", (_, length) => {
    expect(
      damaged((file) => {
        truncateSync(file, length(readFileSync(file).length));
      }),
    ).toMatch(/another size than its manifest says/);
  });

  test.each([0.001, 0.5, 0.999])("finds a bit that flipped at %s of the file", (place) => {
    expect(
      damaged((file) => {
        const bytes = readFileSync(file);
        const at = Math.floor(bytes.length * place);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      }),
    ).toMatch(/another checksum than its manifest says/);
  });

  test("finds one row that is missing, in a backup that vouches for itself", () => {
    expect(
      damaged((file) => {
        bench.succeed(`gzip -dc ${file} | sed '/^1234\t/d' | gzip > ${file}.new && mv ${file}.new ${file}`);
        bench.vouchFor(file);
      }),
    ).toMatch(/restored otherwise than it was saved: app public\.t/);
  });

  test("finds SQL that does not run, in a backup that vouches for itself", () => {
    expect(
      damaged((file) => {
        bench.succeed(
          `gzip -dc ${file} | sed 's/^CREATE VIEW/CREATE VIEEW/' | gzip > ${file}.new && mv ${file}.new ${file}`,
        );
        bench.vouchFor(file);
      }),
    ).toMatch(/cannot be restored: .*syntax error/);
  });

  test("says that there is no backup", () => {
    expect(bench.drill("postgres")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/there is no backup/) as string,
    });
  });
});
