import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../components/host/bundle.ts";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

/** A host with K3s' files in `root`, whose clock says what stands in `clock`. */
const HOST = `
date() { command date --date="@$(line_of clock)" "$@"; }
timeout() { shift; "$@"; }
logger() { printf '%s\\n' "$*" >> "$RUN/journal"; }
k3s() { echo "k3s version v1.33.6+k3s1 (b5847677)"; }
`;

const DAY = 86_400;
const NOW = Date.UTC(2026, 10, 21, 3) / 1000;
const FIRST = "k3s-20261121T030000Z";
const SERVER = "root/var/lib/rancher/k3s/server";

let host: ScratchHost;
beforeEach(() => {
  host = scratchHost(HOST);
  vi.stubEnv("TWISTERLAB_EDGE_K3S_ROOT", host.at("root"));
  host.write(`${SERVER}/token`, "K10abc::server:secret\n", 0o600);
  host.write(`${SERVER}/tls/server-ca.key`, "key");
  host.write("root/etc/rancher/k3s/config.yaml", "write-kubeconfig-mode: 600\n");
  host.write("root/etc/rancher/node/password", "node");
  mkdirSync(host.at("backups/runs"), { recursive: true });
  mkdirSync(host.at("backups/k3s"), { mode: 0o700 });
  host.write("backups/.twisterlab-edge", "");
  host.write("clock", `${NOW}\n`);
});
afterEach(() => {
  host.remove();
  vi.unstubAllEnvs();
});

const input = (more: Parameters = {}) => renderParameters({ path: host.at("backups"), retention: 7 * DAY, ...more });
const backUp = (more: Parameters = {}) => host.run("k3s-backup", input(more));
const later = (seconds: number) => {
  host.write("clock", `${Number(host.read("clock")) + seconds}\n`);
};

const STATE_DB = `${SERVER}/db/state.db`;

/** Runs Python with the path of a datastore. */
const python = (path: string, text: string) =>
  execFileSync("python3", ["-c", `import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n${text}`, path], {
    encoding: "utf8",
  }).trim();

/** K3s' datastore: what kine makes, as far as it counts here. */
const makeDatastore = (rows = 200) => {
  mkdirSync(host.at(`${SERVER}/db`), { recursive: true });
  python(
    host.at(STATE_DB),
    `db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, value BLOB)")
db.executemany("INSERT INTO kine (name, value) VALUES (?, ?)", [(f"/registry/{i}", b"x" * 500) for i in range(${rows})])
db.commit()`,
  );
};

const NAMES = `print([name for (name,) in db.execute("SELECT name FROM kine ORDER BY id")])`;

interface Manifest {
  kind: string;
  started: string;
  seconds: number;
  file: string;
  bytes: number;
  sha256: string;
  serverVersion: string;
  datastore: string;
  rows: number | null;
  configuration: string;
  configurationSha256: string;
}
const manifest = (name: string) => JSON.parse(host.read(`backups/k3s/${name}/manifest.json`) ?? "") as Manifest;
const checksum = (name: string) => host.call(`sha256sum < $RUN/${name}`).stdout.split(" ")[0];

/** The datastore of a backup, unpacked. @returns its path. */
const unpacked = (name: string) => {
  host.call("rm -f -- $RUN/restored.db*");
  host.write("restored.db", "");
  host.call(`gzip --decompress < $RUN/backups/k3s/${name}/state.db.gz > $RUN/restored.db`);
  return host.at("restored.db");
};

/** Records of the runs, oldest first. */
const records = () =>
  host
    .list("backups/runs")
    .map((name) => JSON.parse(host.read(`backups/runs/${name}`) ?? "") as Record<string, unknown>);

/** Fails unless the run failed for that reason, said so everywhere, and left nothing but what was there. */
const expectFailure = ({ code, stderr }: ReturnType<typeof backUp>, reason: string, there: string[] = []) => {
  expect(stderr).toContain(reason);
  expect(code).toBe(70);
  expect(host.list("backups/k3s")).toEqual(there);
  expect(records().at(-1)).toMatchObject({
    kind: "k3s",
    ok: false,
    sentence: expect.stringContaining(reason) as string,
  });
  expect(records().at(-1)).not.toHaveProperty("backup");
  expect(host.read("journal")).toMatch(
    /^--tag twisterlab-edge-k3s-backup --priority daemon\.err -- the backup of K3s failed: /m,
  );
  expect(host.read("journal")).toContain(reason);
};

describe("a backup of K3s with SQLite", () => {
  beforeEach(() => {
    makeDatastore();
  });

  test("has the datastore, the token and the configuration, says so, and is root's alone", () => {
    expect(backUp()).toEqual({
      code: 0,
      stdout: `k3s: ${FIRST}, 200 rows of the datastore, with the token and the configuration\n`,
      stderr: "",
    });
    expect(host.list("backups/k3s")).toEqual([FIRST]);
    expect(host.list(`backups/k3s/${FIRST}`)).toEqual(["manifest.json", "server.tar.gz", "state.db.gz"]);
    expect(manifest(FIRST)).toEqual({
      kind: "k3s",
      started: "20261121T030000Z",
      seconds: 0,
      file: "state.db.gz",
      bytes: statSync(host.at(`backups/k3s/${FIRST}/state.db.gz`)).size,
      sha256: checksum(`backups/k3s/${FIRST}/state.db.gz`),
      serverVersion: "v1.33.6+k3s1",
      datastore: "sqlite",
      rows: 200,
      configuration: "server.tar.gz",
      configurationSha256: checksum(`backups/k3s/${FIRST}/server.tar.gz`),
    });
    expect(host.call("find $RUN/backups/k3s -perm /077")).toMatchObject({ stdout: "" });
    expect(host.read("journal")).toBeUndefined();
  });

  test("leaves a record as the pods do", () => {
    backUp();
    expect(host.list("backups/runs")).toEqual([`${FIRST}.json`]);
    expect(records()).toEqual([
      {
        kind: "k3s",
        started: "20261121T030000Z",
        seconds: 0,
        ok: true,
        sentence: `${FIRST}, 200 rows of the datastore, with the token and the configuration`,
        backup: FIRST,
        bytes: manifest(FIRST).bytes,
      },
    ]);
  });

  test("gives back what was there, by the way that is written down", () => {
    // What cannot be saved, and need not be.
    host.call(`cd $RUN/${SERVER} && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("kine.sock")'`);
    expect(host.list(SERVER)).toContain("kine.sock");
    expect(backUp().code).toBe(0);
    const names = python(host.at(STATE_DB), NAMES);
    // The machine is gone; a new one has keys of its own.
    rmSync(host.at("root"), { recursive: true });
    host.write(`${SERVER}/token`, "another\n");
    const { stderr } = host.call(
      [
        `cd $RUN/backups/k3s/${FIRST}`,
        `mv $RUN/${SERVER} $RUN/${SERVER}.old`,
        "tar --extract --gzip --file server.tar.gz --directory $RUN/root",
        `mkdir --mode=700 $RUN/${SERVER}/db`,
        `gzip --decompress < state.db.gz > $RUN/${STATE_DB}`,
      ].join("\n"),
    );
    expect(stderr).toBe("");
    expect(host.read(`${SERVER}/token`)).toBe("K10abc::server:secret\n");
    expect(host.read(`${SERVER}/tls/server-ca.key`)).toBe("key");
    expect(host.read("root/etc/rancher/k3s/config.yaml")).toContain("write-kubeconfig-mode");
    expect(host.read("root/etc/rancher/node/password")).toBe("node");
    expect(python(host.at(STATE_DB), NAMES)).toBe(names);
    expect(host.list(`${SERVER}/db`)).toEqual(["state.db"]);
  });

  test("has also what K3s has not written to the file yet, and leaves K3s' own files as they are", async () => {
    // It holds the datastore open, and what it has added is in the log beside it.
    const k3s = spawn(
      "python3",
      [
        "-c",
        `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute("INSERT INTO kine (name) VALUES ('/registry/new')")
db.commit()
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO kine (name) VALUES ('/registry/not yet')")
print("ready", flush=True)
sys.stdin.read()`,
        host.at(STATE_DB),
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    try {
      await once(k3s.stdout, "data");
      const before = readFileSync(host.at(STATE_DB));
      expect(before.includes("/registry/new")).toBe(false);
      expect(backUp()).toMatchObject({ code: 0, stderr: "" });
      expect(manifest(FIRST).rows).toBe(201);
      const names = python(unpacked(FIRST), NAMES);
      expect(names).toContain("/registry/new");
      expect(names).not.toContain("not yet");
      expect(readFileSync(host.at(STATE_DB)).equals(before)).toBe(true);
      expect(statSync(host.at(`${STATE_DB}-wal`)).size).toBeGreaterThan(0);
    } finally {
      await ended(k3s);
    }
  });

  test("stays until it is older than the retention, and the last one for ever", () => {
    backUp();
    later(3 * DAY);
    backUp();
    later(4 * DAY);
    expect(backUp().stdout).not.toContain("removed");
    expect(host.list("backups/k3s")).toHaveLength(3);
    later(1);
    expect(backUp().stdout).toContain(`k3s: ${FIRST} was removed, it is older than the retention\n`);
    expect(host.list("backups/k3s")).toEqual(["k3s-20261124T030000Z", "k3s-20261128T030000Z", "k3s-20261128T030001Z"]);
    later(400 * DAY);
    rmSync(host.at(STATE_DB));
    expect(backUp().code).toBe(70);
    expect(host.list("backups/k3s")).toHaveLength(3);
    makeDatastore();
    later(1);
    backUp();
    expect(host.list("backups/k3s")).toEqual(["k3s-20261128T030001Z", "k3s-20280102T030002Z"]);
  });

  test("made by a clock that is a year ahead for one run costs no more than the two oldest", () => {
    for (let day = 0; day < 7; day++) {
      backUp();
      later(DAY);
    }
    const before = host.list("backups/k3s");
    const runs = host.list("backups/runs");
    expect(before).toHaveLength(7);
    later(365 * DAY);
    expect(backUp().code).toBe(0);
    expect(host.list("backups/k3s")).toEqual([...before.slice(2), "k3s-20271128T030000Z"]);
    expect(host.list("backups/runs")).toEqual([...runs.slice(2), "k3s-20271128T030000Z.json"]);
    later(-365 * DAY + 60);
    expect(backUp().code).toBe(0);
    expect(host.list("backups/k3s")).toEqual([...before.slice(2), "k3s-20261128T030100Z", "k3s-20271128T030000Z"]);
  });

  test("leaves what somebody else keeps there", () => {
    host.write("backups/k3s/k3s-2020-before-upgrade/state.db", "mine");
    host.write("backups/k3s/k3s-20200101T000000Z.tar", "mine");
    backUp();
    expect(host.list("backups/k3s")).toEqual(["k3s-2020-before-upgrade", "k3s-20200101T000000Z.tar", FIRST]);
  });

  test("made by a clock that was set back does not take the newer ones for old, nor itself", () => {
    backUp();
    later(-400 * DAY);
    backUp();
    expect(host.list("backups/k3s")).toEqual(["k3s-20251017T030000Z", FIRST]);
  });

  test("takes the place of no other one", () => {
    backUp();
    const before = manifest(FIRST);
    expect(backUp()).toMatchObject({
      code: 70,
      stderr: expect.stringContaining(`there is a ${FIRST} already`) as string,
    });
    expect(manifest(FIRST)).toEqual(before);
    expect(host.list("backups/k3s")).toEqual([FIRST]);
  });

  test("keeps its records of 90 days, and leaves those of others", () => {
    host.write("backups/runs/k3s-20260101T030000Z.json", "{}");
    host.write("backups/runs/k3s-20260901T030000Z.json", "{}");
    host.write("backups/runs/postgres-20260101T030000Z.json", "{}");
    backUp();
    expect(host.list("backups/runs")).toEqual([
      "k3s-20260901T030000Z.json",
      `${FIRST}.json`,
      "postgres-20260101T030000Z.json",
    ]);
  });

  test("goes on where K3s changes a file of its own meanwhile", () => {
    host.stub('tar() { command tar "$@" || return; [[ $1 != --create ]] || return 1; }');
    expect(backUp()).toMatchObject({ code: 0, stderr: "" });
    host.stub('tar() { echo "tar: cannot stat" >&2; return 2; }');
    later(1);
    expectFailure(backUp(), "the configuration could not be saved: tar: cannot stat", [FIRST]);
  });

  describe("fails", () => {
    test("for a datastore that is damaged", () => {
      const size = statSync(host.at(STATE_DB)).size;
      host.call(
        `printf '%04096d' 0 | dd of=$RUN/${STATE_DB} bs=4096 seek=${Math.floor(size / 8192)} conv=notrunc status=none`,
      );
      expectFailure(backUp(), "the datastore could not be copied: ");
    });

    test("for one that is cut short", () => {
      truncateSync(host.at(STATE_DB), 8192);
      rmSync(host.at(`${STATE_DB}-wal`), { force: true });
      expectFailure(backUp(), "the datastore could not be copied: ");
    });

    test("for a file that is no datastore, and makes none where there is none", () => {
      host.write(STATE_DB, "not SQLite".repeat(1000));
      expectFailure(backUp(), "the datastore could not be copied: SQLite says file is not a database");
      rmSync(host.at(STATE_DB));
      later(1);
      expectFailure(backUp(), "has neither state.db nor etcd");
      expect(existsSync(host.at(STATE_DB))).toBe(false);
    });

    test("for one without rows, and one that is not K3s'", () => {
      python(host.at(STATE_DB), 'db.execute("DELETE FROM kine")\ndb.commit()');
      expectFailure(backUp(), "its table kine is empty");
      python(host.at(STATE_DB), 'db.execute("DROP TABLE kine")');
      later(1);
      expectFailure(backUp(), "SQLite says no such table: kine");
    });

    test("for a copy that was damaged on the way to the disk", () => {
      host.stub(`python3() {
        command python3 "$@" || return
        [[ $2 != "$COPY_SQLITE" ]] || printf 'x' | dd of="$4" bs=1 seek=5000 conv=notrunc status=none
      }
      gzip() {
        command gzip "$@" || return
        [[ $1 != -- ]] || printf 'xxxxxxxx' | dd of="$2.gz" bs=1 seek=300 conv=notrunc status=none
      }`);
      expectFailure(backUp(), "state.db.gz reads otherwise than it was written");
    });

    test("for an archive that was damaged on the way to the disk", () => {
      host.stub('sync() { [[ $2 != *tar.gz ]] || truncate --size=60 -- "$2"; }');
      expectFailure(backUp(), "server.tar.gz reads otherwise than it was written");
    });

    test("without the token", () => {
      rmSync(host.at(`${SERVER}/token`));
      expectFailure(backUp(), "nothing but that opens the datastore");
    });

    test("where there is no room, before it takes any", () => {
      host.stub("df() { printf 'Avail\\n100000\\n'; }");
      host.stub('gzip() { : > "$RUN/gzip-was-called"; }');
      expectFailure(backUp(), "98KiB are free in");
      expect(host.list(".")).not.toContain("gzip-was-called");
    });

    test("when the disk fills up meanwhile", () => {
      host.stub('gzip() { echo "gzip: state.db.gz: No space left on device" >&2; return 1; }');
      expectFailure(backUp(), "state.db could not be compressed: gzip: state.db.gz: No space left on device");
    });

    test("when it is told to end", () => {
      host.stub("sync() { kill -TERM $$; }");
      expectFailure(backUp(), "it was told to end");
    });

    test("and says so, when a command fails that nobody asked about", () => {
      host.stub("sha256_of() { return 3; }");
      const { code } = backUp();
      expect(code).not.toBe(0);
      expect(records()).toEqual([expect.objectContaining({ ok: false })]);
      expect(host.read("journal")).toContain("a command failed");
      expect(host.list("backups/k3s")).toEqual([]);
    });

    test("and keeps all that was saved before", () => {
      backUp();
      later(30 * DAY);
      rmSync(host.at(STATE_DB));
      expectFailure(backUp(), "has neither state.db nor etcd", [FIRST]);
    });

    test("when its record cannot be written, although the backup is there", () => {
      host.call("rmdir -- $RUN/backups/runs && ln -s -- $RUN/elsewhere $RUN/backups/runs && mkdir -- $RUN/elsewhere");
      expect(backUp().code).toBe(70);
      expect(host.list("backups/k3s")).toEqual([FIRST]);
      expect(host.list("elsewhere")).toEqual([]);
      expect(host.read("journal")).toContain("its record could not be written");
    });
  });

  describe("is not begun, and nothing is written anywhere,", () => {
    const expectNothing = ({ code, stderr }: ReturnType<typeof backUp>, reason: string) => {
      expect(stderr).toContain(reason);
      expect(code).toBe(65);
      expect(host.read("journal")).toContain(reason);
      expect(records()).toEqual([]);
    };

    test("while the disk is not mounted", () => {
      rmSync(host.at("backups"), { recursive: true });
      expectNothing(backUp(), "is not the folder of the backups: its disk is not mounted");
      expect(host.list(".")).not.toContain("backups");
    });

    test("without the mark", () => {
      rmSync(host.at("backups/.twisterlab-edge"));
      expectNothing(backUp(), "its disk is not mounted");
      symlinkSync(host.at("clock"), host.at("backups/.twisterlab-edge"));
      expectNothing(backUp(), "its disk is not mounted");
      expect(host.list("backups/k3s")).toEqual([]);
    });

    test.each([
      [
        "can be read by others",
        () => {
          chmodSync(host.at("backups/k3s"), 0o750);
        },
      ],
      [
        "is a link",
        () => {
          host.call("mv -- $RUN/backups/k3s $RUN/other && ln -s -- $RUN/other $RUN/backups/k3s");
        },
      ],
    ])("in a folder that %s", (_, change) => {
      change();
      expectNothing(backUp(), "is not root's alone");
      expect(host.list("other")).toEqual([]);
    });

    test("in a folder that is gone", () => {
      rmSync(host.at("backups/k3s"), { recursive: true });
      expectNothing(backUp(), "k3s is not there: npm run up makes it");
      expect(host.list("backups")).not.toContain("k3s");
    });

    test("while another one is made, which goes on", () => {
      host.write("backups/k3s/.unfinished/state.db", "half");
      host.stub(
        `need_room() { bash "$0" k3s-backup <<< "$(command cat "$RUN/input")"$'\\n' 2> "$RUN/second" || true; }`,
      );
      host.write("input", input());
      // The first one goes on to the end, and the second does not clear away what it has.
      expect(backUp()).toMatchObject({ code: 0 });
      expect(host.read("second")).toContain("another backup of K3s is being made");
      expect(host.list("backups/k3s")).toEqual([FIRST]);
      expect(records()).toHaveLength(1);
    });

    test("with a retention that is no number of seconds", () => {
      for (const retention of ["7 days", 0]) {
        expectNothing(backUp({ retention }), "the retention is no number of seconds");
      }
    });
  });

  test("in whose place a pod puts another folder stays in the one that is root's", () => {
    host.stub(`need_room() { mv -- "$RUN/backups/k3s" "$RUN/backups/moved" && mkdir -- "$RUN/backups/k3s"; }`);
    expect(backUp().code).toBe(0);
    expect(host.list("backups/k3s")).toEqual([]);
    expect(host.list("backups/moved")).toEqual([FIRST]);
  });

  test("that was killed is no backup; those before it stay, and the next run clears up", () => {
    expect(backUp().code).toBe(0);
    later(1);
    host.killedBeforeEachCommand("k3s-backup", input(), 6, () => {
      for (const name of host.list("backups/k3s").filter((one) => one.startsWith("k3s-"))) {
        expect(checksum(`backups/k3s/${name}/state.db.gz`)).toBe(manifest(name).sha256);
        expect(checksum(`backups/k3s/${name}/server.tar.gz`)).toBe(manifest(name).configurationSha256);
      }
      expect(host.list("backups/k3s")).toContain(FIRST);
      later(1);
      expect(backUp()).toMatchObject({ code: 0, stderr: "" });
      expect(host.list("backups/k3s")).not.toContain(".unfinished");
      expect(host.list("backups/k3s")).toContain("k3s-20261121T030002Z");
      expect(records().at(-1)).toMatchObject({ ok: true, backup: "k3s-20261121T030002Z" });
    });
  });
});

describe("a backup of K3s with etcd", () => {
  /** etcd's snapshot: whole sectors, and their SHA-256. K3s writes it, to an absolute path, with a name of its own. */
  const SNAPSHOT = Buffer.concat([Buffer.alloc(4096, "etcd"), Buffer.from(sha256("etcd".repeat(1024)), "hex")]);

  beforeEach(() => {
    mkdirSync(host.at(`${SERVER}/db/etcd/member/snap`), { recursive: true });
    host.write(`${SERVER}/db/etcd/member/snap/db`, "x".repeat(4096));
    // SQLite's file from before is no longer what K3s reads.
    host.write(STATE_DB, "stale");
    host.write("snapshot", "");
    execFileSync("tee", [host.at("snapshot")], { input: SNAPSHOT, stdio: ["pipe", "ignore", "inherit"] });
    host.stub(`k3s() {
      local folder=\${*: -1}
      printf '%s\\n' "$*" >> "$RUN/called"
      case $1 in
        --version) echo "k3s version v1.33.6+k3s1 (b5847677)" ;;
        etcd-snapshot)
          [[ $folder == /* ]] && cp -- "$RUN/snapshot" "$folder/twisterlab-edge-edgeserver-1763694000"
          command mkdir -- "$folder/../.metadata" && : > "$folder/../.metadata/twisterlab-edge-edgeserver-1763694000"
          ;;
      esac
    }`);
  });

  test("has a snapshot that K3s made, checked", () => {
    expect(backUp()).toEqual({
      code: 0,
      stdout: `k3s: ${FIRST}, a snapshot of etcd, with the token and the configuration\n`,
      stderr: "",
    });
    expect(host.read("called")).toMatch(
      /^etcd-snapshot save --name twisterlab-edge --etcd-s3=false --etcd-snapshot-compress=false --etcd-snapshot-dir \/proc\/\d+\/cwd\/\.unfinished\/etcd$/m,
    );
    expect(host.list(`backups/k3s/${FIRST}`)).toEqual(["manifest.json", "server.tar.gz", "snapshot.gz"]);
    expect(manifest(FIRST)).toMatchObject({ file: "snapshot.gz", datastore: "etcd", rows: null });
    expect(gunzipSync(readFileSync(join(host.folder, `backups/k3s/${FIRST}/snapshot.gz`))).equals(SNAPSHOT)).toBe(true);
    expect(records()).toEqual([expect.objectContaining({ ok: true, backup: FIRST })]);
  });

  test.each([
    ["damaged", "printf x | dd of=$RUN/snapshot bs=1 seek=100 conv=notrunc status=none", "its checksum is another one"],
    ["cut short", "truncate --size=4000 $RUN/snapshot", "it does not end with a checksum"],
    ["without its checksum", "truncate --size=4096 $RUN/snapshot", "it does not end with a checksum"],
    ["empty", "truncate --size=0 $RUN/snapshot", "it does not end with a checksum"],
  ])("fails when the snapshot is %s", (_, damage, reason) => {
    host.call(damage);
    expectFailure(backUp(), `the snapshot of etcd is not whole: ${reason}`);
  });

  test("fails when K3s cannot make one, or makes none", () => {
    host.stub('k3s() { echo "level=fatal msg=\\"see server log\\"" >&2; return 1; }');
    expectFailure(backUp(), 'k3s etcd-snapshot save failed: level=fatal msg="see server log"');
    host.stub("k3s() { :; }");
    later(1);
    expectFailure(backUp(), "k3s etcd-snapshot save left no snapshot");
  });
});

async function ended(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}
