import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

/** A host whose clock says what stands in `clock`, and that cannot give a file to others. */
const HOST = `
date() { command date --date="@$(line_of clock)" "$@"; }
install() { printf '%s\\n' "$*" >> "$RUN/installed"; : > "\${*: -1}"; }
logger() { printf '%s\\n' "$*" >> "$RUN/journal"; }
`;

const HOUR = 3600;
const NOW = Date.UTC(2026, 10, 21, 12) / 1000;

let host: ScratchHost;
beforeEach(() => {
  host = scratchHost(HOST);
  vi.stubEnv("TWISTERLAB_EDGE_BACKUP_LOG", host.at("backup.log"));
  for (const name of ["runs", "drills", "k3s"]) {
    mkdirSync(host.at(`backups/${name}`), { recursive: true, mode: 0o700 });
  }
  host.write("backups/.twisterlab-edge", "");
  setClock(NOW);
  // Made some weeks ago.
  utimesSync(host.at("backups/.twisterlab-edge"), NOW - 1000 * HOUR, NOW - 1000 * HOUR);
});
afterEach(() => {
  host.remove();
  vi.unstubAllEnvs();
});

function setClock(seconds: number): void {
  host.write("clock", `${seconds}\n`);
}

/** A time as it stands in names, so many hours ago. */
const ago = (hours: number) => new Date((NOW - hours * HOUR) * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, "");

/** A record, as a run leaves it. */
const leaves = (name: string, ok: boolean, sentence: string) => {
  host.write(`backups/${name}.json`, `${JSON.stringify({ kind: "x", started: "x", seconds: 3, ok, sentence })}\n`);
};

/** A whole backup. */
const saved = (name: string, content = "12345") => {
  host.write(`backups/${name}/dump.sql.gz`, content);
  host.write(`backups/${name}/manifest.json`, JSON.stringify({ file: "dump.sql.gz", bytes: 5, sha256: "x" }));
};

const look = (more: Parameters = {}) =>
  host.run(
    "backup-log",
    renderParameters({
      path: host.at("backups"),
      kinds: "postgres k3s",
      max_age: 26 * HOUR,
      drilled: "postgres",
      max_drill_age: 192 * HOUR,
      ...more,
    }),
  );
/** Only what has happened, when nothing is expected to be there. */
const news = () => look({ kinds: "none", drilled: "none" });
const log = () => host.read("backup.log") ?? "";
/** What the system log was told; each ends with a line's end. */
const journal = () => host.read("journal") ?? "";
const forget = () => {
  rmSync(host.at("journal"), { force: true });
};

describe("the log", () => {
  test("has a line for each run and drill that left a record, oldest first", () => {
    leaves(`runs/redis-${ago(9)}`, true, "redis-1, 12 keys");
    leaves(`runs/postgres-${ago(10)}`, true, 'postgres-1, "public" has 3 rows');
    leaves(`drills/postgres-${ago(8)}`, true, "postgres-1 was restored in 4 s");
    expect(news()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(log()).toBe(
      [
        '2026-11-21T02:00:00Z postgres backup ok: postgres-1, "public" has 3 rows',
        "2026-11-21T03:00:00Z redis backup ok: redis-1, 12 keys",
        "2026-11-21T04:00:00Z postgres drill ok: postgres-1 was restored in 4 s",
        "",
      ].join("\n"),
    );
    expect(host.read("installed")).toBe(`--mode=0640 --owner=root --group=adm -- /dev/null ${host.at("backup.log")}\n`);
  });

  test("tells each once, also when there are new ones, and after the old ones were cleared away", () => {
    leaves(`runs/redis-${ago(9)}`, true, "first");
    news();
    leaves(`runs/redis-${ago(8)}`, true, "second");
    news();
    news();
    rmSync(host.at(`backups/runs/redis-${ago(9)}.json`));
    news();
    expect(log().match(/first|second/g)).toEqual(["first", "second"]);
    // Not for ever: what is no longer there need not be remembered.
    expect(host.read("state/backup-log.told")).toBe(`runs/redis-${ago(8)}.json\n`);
    expect(host.read("installed")?.split("\n")).toHaveLength(2);
  });

  test("tells a drill and a backup of the same second", () => {
    leaves(`runs/redis-${ago(9)}`, true, "saved");
    leaves(`drills/redis-${ago(9)}`, true, "restored");
    news();
    expect(log()).toContain("redis drill ok: restored\n");
    expect(log()).toContain("redis backup ok: saved\n");
  });

  test("tells a restore from a backup", () => {
    const record = { task: "restore", ok: false, sentence: "the server has data already" };
    host.write(`backups/runs/redis-${ago(9)}.json`, JSON.stringify(record));
    news();
    expect(log()).toBe("2026-11-21T03:00:00Z redis restore FAILED: the server has data already\n");
    expect(journal()).toContain("the restore of redis that began at 2026-11-21T03:00:00Z failed: the server has");
  });

  test("tells of the copy of all, which is of no kind", () => {
    leaves(`runs/copy-${ago(7)}`, true, "1a2b3c4d: postgres-1 read back as saved");
    leaves(`runs/copy-${ago(6)}`, false, "the repository is not to be trusted");
    news();
    expect(log()).toBe(
      "2026-11-21T05:00:00Z backups copy ok: 1a2b3c4d: postgres-1 read back as saved\n" +
        "2026-11-21T06:00:00Z backups copy FAILED: the repository is not to be trusted\n",
    );
    expect(journal()).toContain("the copy of backups that began at 2026-11-21T06:00:00Z failed: the repository is not");
  });

  test("begins a line of its own after one that a power cut has cut short", () => {
    host.write("backup.log", "2026-11-20T02:00:00Z postgres back");
    leaves(`runs/redis-${ago(9)}`, true, "whole");
    news();
    expect(log()).toBe("2026-11-20T02:00:00Z postgres back\n2026-11-21T03:00:00Z redis backup ok: whole\n");
  });

  test("is told again what could not be written, and nothing is taken for told", () => {
    leaves(`runs/redis-${ago(9)}`, true, "whole");
    mkdirSync(host.at("backup.log"));
    expect(news().code).not.toBe(0);
    rmSync(host.at("backup.log"), { recursive: true });
    expect(news().code).toBe(0);
    expect(log()).toContain("whole");
  });

  test("a run that failed is an error in the system log, too, once", () => {
    leaves(`runs/postgres-${ago(10)}`, false, "the server does not answer");
    leaves(`drills/redis-${ago(9)}`, false, "redis-1 cannot be restored");
    leaves(`runs/redis-${ago(8)}`, true, "12 keys");
    news();
    forgetComplaints();
    const tag = "--tag twisterlab-edge-backup --priority daemon.err --";
    expect(journal()).toContain(
      `${tag} the backup of postgres that began at 2026-11-21T02:00:00Z failed: the server does not answer\n`,
    );
    expect(journal()).toContain(`${tag} the drill of redis that began at 2026-11-21T03:00:00Z failed: redis-1 cannot`);
    expect(journal()).not.toContain("12 keys");
    expect(log()).toContain("postgres backup FAILED: the server does not answer\n");
    forget();
    news();
    expect(journal()).not.toContain("does not answer");
  });

  test("tells of all when many were left at once, some at a time", () => {
    for (let minute = 0; minute < 250; minute++) {
      leaves(`runs/redis-${ago(20 + minute / 60)}`, true, `run ${minute}.`);
    }
    const lines = [1, 2, 3, 4].map(() => {
      expect(news().code).toBe(0);
      return log().split("\n").length - 1;
    });
    expect(lines).toEqual([100, 200, 250, 250]);
    expect(new Set(log().split("\n")).size).toBe(251);
  });

  test("that was killed before it was done tells all, at least once", () => {
    leaves(`runs/postgres-${ago(10)}`, false, "first");
    host.killedBeforeEachCommand("backup-log", input(), 4, () => {
      leaves(`runs/redis-${ago(8)}`, true, "second");
      expect(look()).toMatchObject({ code: 0, stderr: "" });
      expect(log()).toMatch(/^2026-11-21T02:00:00Z postgres backup FAILED: first$/m);
      expect(log()).toMatch(/^2026-11-21T04:00:00Z redis backup ok: second$/m);
      expect(journal()).toContain("failed: first\n");
      expect(journal()).toContain("there is no whole backup of k3s");
    });
  });

  const input = () =>
    renderParameters({ path: host.at("backups"), kinds: "k3s", max_age: 1, drilled: "k3s", max_drill_age: 1 });
  const forgetComplaints = () => {
    rmSync(host.at("state/backup-log.complained"), { force: true });
  };
});

describe("what a pod leaves is text, and nothing else", () => {
  test.each([
    [
      "a line's end and an escape",
      "one\n2026-01-01T00:00:00Z k3s backup ok: forged\u001b[2J\u0000\u0085\u2028two",
      /: one 2026-01-01T00:00:00Z k3s backup ok: forged \[2J two$/m,
    ],
    ["what turns a line round", "one\u202etwo\u2066", /: one two$/m],
    [
      "what a shell would run",
      "$(touch $RUN/run) `touch run` ; touch run %s \\n",
      /: \$\(touch \$RUN\/run\) `touch run` ; touch run %s \\n$/m,
    ],
    ["what logger would take for an option", "--file /etc/shadow", /: --file \/etc\/shadow$/m],
    ["too much of it", "x".repeat(5000), /: x{300}\.\.\.$/m],
    ["half of a character", "one\ud800two", /: one two$/m],
    ["another language", "Größe: 12 КБ", /: Größe: 12 КБ$/m],
  ])("%s", (_, sentence, line) => {
    leaves(`runs/redis-${ago(9)}`, false, sentence);
    expect(news()).toMatchObject({ code: 0, stderr: "" });
    expect(log()).toMatch(line);
    expect(log().split("\n")).toHaveLength(2);
    expect(journal()).toMatch(line);
    expect(host.list(".")).not.toContain("run");
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "ok: true"],
    ["half of it", '{"ok": true, "sentence": "who'],
    ["no object", '["ok", true]'],
    ["no sentence", '{"ok": true}'],
    ["no text for a sentence", '{"ok": true, "sentence": {"a": 1}}'],
    ["a sentence of blanks", '{"ok": true, "sentence": "\\n\\u0007"}'],
    ["too much", `{"ok": true, "sentence": "x", "more": "${"x".repeat(70_000)}"}`],
    ["what goes on for ever inside", `{"ok": true, "sentence": "x", "more": ${"[".repeat(60_000)}}`],
    ["no Unicode", Buffer.from([0xff, 0xfe, 0x00, 0xc3]).toString("latin1")],
  ])("a record with %s counts as failed", (_, text) => {
    host.write(`backups/runs/redis-${ago(9)}.json`, text);
    expect(news()).toMatchObject({ code: 0, stderr: "" });
    expect(log()).toBe("2026-11-21T03:00:00Z redis backup FAILED: its record cannot be read\n");
    expect(journal()).toContain("its record cannot be read");
  });

  test("a record that says ok in another way than true failed", () => {
    host.write(`backups/runs/redis-${ago(9)}.json`, '{"ok": "true", "sentence": "almost"}');
    news();
    expect(log()).toContain("redis backup FAILED: almost");
  });

  test("links, folders, pipes and other names are passed over, and do not hold up the rest", () => {
    host.write("secret", '{"ok": true, "sentence": "secret"}');
    symlinkSync(host.at("secret"), host.at(`backups/runs/redis-${ago(30)}.json`));
    mkdirSync(host.at(`backups/runs/redis-${ago(29)}.json`));
    host.call(`mkfifo $RUN/backups/runs/redis-${ago(28)}.json`);
    host.write(`backups/runs/.redis-${ago(27)}`, "x");
    for (const name of [
      "notes.json",
      "redis-20261399T000000Z.json",
      "Redis-20260101T000000Z.json",
      "a\n-20260101T000000Z.json",
    ]) {
      host.write(`backups/runs/${name}`, '{"ok": true, "sentence": "secret"}');
    }
    leaves(`runs/redis-${ago(9)}`, true, "whole");
    expect(news()).toMatchObject({ code: 0, stderr: "" });
    expect(log()).toBe("2026-11-21T03:00:00Z redis backup ok: whole\n");
  });

  test("a folder of records that is a link is not followed", () => {
    host.write(`elsewhere/redis-${ago(9)}.json`, '{"ok": true, "sentence": "secret"}');
    rmSync(host.at("backups/runs"), { recursive: true });
    symlinkSync(host.at("elsewhere"), host.at("backups/runs"));
    expect(news()).toMatchObject({ code: 0, stderr: "" });
    expect(log()).toBe("");
  });
});

describe("what should be there", () => {
  const allIsWell = () => {
    saved(`postgres-${ago(10)}`);
    saved(`k3s/k3s-${ago(9)}`);
    leaves(`drills/postgres-${ago(150)}`, true, "restored");
  };
  const complaints = () => {
    look();
    return [...journal().matchAll(/ -- (.*)\n/g)].map(([, text]) => text);
  };

  test("is not spoken of while it is", () => {
    allIsWell();
    expect(complaints()).toEqual([]);
  });

  test("is asked for: a backup of each kind, and a drill", () => {
    expect(complaints()).toEqual([
      `there is no whole backup of postgres in ${host.at("backups")}`,
      `there is no whole backup of k3s in ${host.at("backups")}`,
      "there has been no drill of postgres for 1000 h: nobody knows that its backups can be restored",
    ]);
  });

  test("may be on its way: before the first drill is due, none is missed", () => {
    allIsWell();
    rmSync(host.at("backups/drills"), { recursive: true });
    utimesSync(host.at("backups/.twisterlab-edge"), NOW - 100 * HOUR, NOW - 100 * HOUR);
    expect(complaints()).toEqual([]);
  });

  test("is not too old", () => {
    allIsWell();
    saved(`postgres-${ago(500)}`);
    setClock(NOW + 17 * HOUR);
    expect(complaints()).toEqual(["the newest whole backup of postgres is 27 h old, it should be no older than 26 h"]);
    forget();
    setClock(NOW + 17 * HOUR + 26 * HOUR);
    expect(complaints()).toEqual([
      "the newest whole backup of postgres is 53 h old, it should be no older than 26 h",
      "the newest whole backup of k3s is 52 h old, it should be no older than 26 h",
      "there has been no drill of postgres for 193 h: nobody knows that its backups can be restored",
    ]);
  });

  test("is a drill that went well, and the newest one counts", () => {
    allIsWell();
    leaves(`drills/postgres-${ago(20)}`, false, "it was restored otherwise than it was saved");
    look();
    forget();
    setClock(NOW + 25 * HOUR);
    saved(`postgres-${ago(-24)}`);
    saved(`k3s/k3s-${ago(-24)}`);
    expect(complaints()).toEqual(["the newest drill of postgres failed: it was restored otherwise than it was saved"]);
    leaves(`drills/postgres-${ago(-25)}`, true, "restored");
    forget();
    expect(complaints()).toEqual([]);
  });

  test("is a copy that is not too old, where there is to be one", () => {
    allIsWell();
    const copies = () => {
      forget();
      look({ copy_max_age: 26 * HOUR, max_drill_age: 1000 * HOUR });
      return [...journal().matchAll(/ -- (.*)\n/g)].map(([, text]) => text);
    };
    expect(copies()).toEqual(["there is no copy of the backups that was read back whole"]);
    // What a pod leaves is not believed.
    leaves(`runs/copy-${ago(1)}`, true, "all is well");
    expect(copies()).toEqual([]);
    setClock(NOW + 24 * HOUR);
    saved(`postgres-${ago(-23)}`);
    saved(`k3s/k3s-${ago(-23)}`);
    expect(copies()).toEqual(["there is no copy of the backups that was read back whole"]);
    host.write("state/backup-copy/good", `${NOW}\n`);
    expect(copies()).toEqual([]);
    setClock(NOW + 27 * HOUR);
    expect(copies()).toEqual([
      "the newest copy of the backups that was read back whole is 27 h old, it should be no older than 26 h",
    ]);
    host.write("state/backup-copy/good", `${NOW + 9999 * HOUR}\n`);
    setClock(NOW + 60 * HOUR);
    saved(`postgres-${ago(-59)}`);
    saved(`k3s/k3s-${ago(-59)}`);
    expect(copies()).toEqual(["there is no copy of the backups that was read back whole"]);
  });

  test("is missed once a day for each kind, and at once when it is missing again", () => {
    allIsWell();
    rmSync(host.at(`backups/postgres-${ago(10)}`), { recursive: true });
    const missed = [`there is no whole backup of postgres in ${host.at("backups")}`];
    expect(complaints()).toEqual(missed);
    forget();
    setClock(NOW + 15 * 60);
    expect(complaints()).toEqual([]);
    setClock(NOW + 24 * HOUR - 1);
    saved(`k3s/k3s-${ago(-23)}`);
    expect(complaints()).toEqual([]);
    setClock(NOW + 24 * HOUR);
    expect(complaints()).toEqual(missed);
    forget();
    // Another kind has a day of its own.
    rmSync(host.at("backups/k3s"), { recursive: true });
    expect(complaints()).toEqual([`there is no whole backup of k3s in ${host.at("backups")}`]);
    forget();
    saved(`postgres-${ago(-24)}`);
    complaints();
    rmSync(host.at(`backups/postgres-${ago(-24)}`), { recursive: true });
    forget();
    expect(complaints()).toEqual(missed);
  });

  test("is missed also after the clock was set back", () => {
    allIsWell();
    setClock(NOW + 1000 * HOUR);
    expect(complaints()).toHaveLength(3);
    forget();
    setClock(NOW);
    rmSync(host.at(`backups/postgres-${ago(10)}`), { recursive: true });
    expect(complaints()).toHaveLength(1);
  });

  test.each([
    [
      "without a manifest",
      (name: string) => {
        rmSync(host.at(`backups/${name}/manifest.json`));
      },
    ],
    [
      "without what it saved",
      (name: string) => {
        rmSync(host.at(`backups/${name}/dump.sql.gz`));
      },
    ],
    [
      "cut short",
      (name: string) => {
        saved(name, "123");
      },
    ],
    [
      "with another file in its manifest",
      (name: string) => {
        host.write(`backups/${name}/manifest.json`, '{"file":"../../secret","bytes":5}');
      },
    ],
    [
      "with a manifest that is none",
      (name: string) => {
        host.write(`backups/${name}/manifest.json`, "[]");
      },
    ],
    [
      "that is a link to one",
      (name: string) => {
        host.call(`mv -- $RUN/backups/${name} $RUN/other && ln -s -- $RUN/other $RUN/backups/${name}`);
      },
    ],
    [
      "of next year",
      (name: string) => {
        host.call(`mv -- $RUN/backups/${name} $RUN/backups/postgres-20271121T000000Z`);
      },
    ],
  ])("is no backup %s", (_, spoil) => {
    allIsWell();
    host.write("secret", "12345");
    spoil(`postgres-${ago(10)}`);
    expect(complaints()).toEqual([`there is no whole backup of postgres in ${host.at("backups")}`]);
    // The one before it counts.
    forget();
    saved(`postgres-${ago(20)}`);
    expect(complaints()).toEqual([]);
  });

  test.each([
    [
      "beside the folder that is root's alone",
      () => {
        saved(`k3s-${ago(1)}`);
        rmSync(host.at("backups/k3s"), { recursive: true });
      },
    ],
    [
      "in a folder that others can write to",
      () => {
        chmodSync(host.at("backups/k3s"), 0o770);
      },
    ],
    [
      "in a link to another",
      () => {
        host.call("mv -- $RUN/backups/k3s $RUN/other && ln -s -- $RUN/other $RUN/backups/k3s");
      },
    ],
  ])("is no backup of K3s %s, where a pod may have put it", (_, spoil) => {
    allIsWell();
    spoil();
    expect(complaints()).toEqual([`there is no whole backup of k3s in ${host.at("backups")}`]);
  });

  test.each([
    [
      "the mark is not there",
      () => {
        rmSync(host.at("backups/.twisterlab-edge"));
      },
    ],
    [
      "the mark is a link",
      () => {
        host.call("cd $RUN/backups && rm .twisterlab-edge && ln -s ../clock .twisterlab-edge");
      },
    ],
    [
      "the folder is not there",
      () => {
        rmSync(host.at("backups"), { recursive: true });
      },
    ],
  ])("is nothing that can be asked for when %s: the disk is", (_, unmount) => {
    leaves(`runs/redis-${ago(9)}`, true, "before");
    look();
    forget();
    const told = host.read("state/backup-log.told");
    unmount();
    expect(complaints()).toEqual([
      `${host.at("backups")} is not the folder of the backups: its disk is not mounted, and nothing is saved`,
    ]);
    expect(complaints()).toHaveLength(1);
    // When it is mounted again, what was told is not told anew.
    expect(host.read("state/backup-log.told")).toBe(told);
  });
});

test.each([
  ["path", { kinds: "k3s", max_age: 1 }],
  ["kinds", { path: "/x", max_age: 1 }],
  ["max_age", { path: "/x", kinds: "k3s" }],
  ["max_drill_age", { path: "/x", kinds: "k3s", max_age: 1, drilled: "k3s" }],
])("without its parameter %s it is refused", (name, parameters) => {
  const { code, stderr } = host.run("backup-log", renderParameters(parameters));
  expect({ code, stderr }).toEqual({
    code: 65,
    stderr: `twisterlab-edge: refused, nothing was changed: parameter '${name}' is missing\n`,
  });
});
