import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { renderBackupCopySettings, type BackupCopySettings } from "../../components/host/render/backupCopy.ts";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { ensureProgram } from "../support/goProgram.ts";
import { EVERY_COMMAND, fileInput, scratchHost, type Done, type ScratchHost } from "../support/hostScripts.ts";
import { generateKey, startSshServer, waitFor, type SshServer } from "../support/sshServer.ts";

/**
 * Opening a repository takes restic half a second by design, and a run opens it seven times or more: many of the faults are
 * tried in the campaign alone.
 */
const CAMPAIGN = process.env[EVERY_COMMAND] !== undefined;
const describeInCampaign = CAMPAIGN ? describe : () => undefined;

vi.setConfig({
  testTimeout: CAMPAIGN ? 10_800_000 : 240_000,
  hookTimeout: 600_000,
});

/**
 * A host with two disks, mounted at `data` (with the backups) and `other`, unless there is a file `unmounted`; its clock says
 * what stands in `clock`. restic, ssh and the servers are real.
 */
const HOST = `
date() { command date --date="@$(line_of clock)" "$@"; }
timeout() { shift; "$@"; }
logger() { printf '%s\\n' "$*" >> "$RUN/journal"; }
mountpoint() { [[ ! -e $RUN/unmounted ]]; }
mount_of() {
  local mount
  for mount in "$RUN/data" "$RUN/other" "$RUN/small"; do
    [[ $1 != "$mount"/* ]] || echo "$mount"
  done
}
disks_of() { case $1 in "$RUN/data") echo /dev/sdc ;; "$RUN/other") echo /dev/sda ;; "$RUN/small") echo /dev/sdd ;; esac; }
`;

const DAY = 86_400;
// restic has a clock of its own, and what is later than that is not counted as a copy's age: all of this is long ago.
const NOW = Math.floor(Date.now() / 1000 / DAY - 700) * DAY + 5 * 3600;
/** A time as it stands in records. */
const iso = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
/** The first two days, as they stand in names. */
const DAYS = [NOW, NOW + DAY].map((seconds) => iso(seconds).slice(0, 10).replaceAll("-", "")) as [string, string];
const PASSWORD = "the-password-of-the-copy";

let host: ScratchHost;
let backups: string;
beforeAll(() => {
  host = scratchHost(HOST);
  backups = host.at("data/backups");
  mkdirSync(host.at("data/backups/runs"), { recursive: true });
  mkdirSync(host.at("data/backups/k3s"), { mode: 0o700 });
  mkdirSync(host.at("other"));
  host.write("data/backups/.twisterlab-edge", "");
  host.write("clock", `${NOW}\n`);
  saves(`postgres-${DAYS[0]}T020000Z`);
  saves(`redis-${DAYS[0]}T021500Z`);
  saves(`k3s-${DAYS[0]}T030000Z`);
});
afterAll(() => {
  host.remove();
});

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
const placeOf = (name: string) => `data/backups/${name.startsWith("k3s-") ? `k3s/${name}` : name}`;

/** Text that nothing makes smaller, the same for each seed. */
const noise = (seed: string, length: number) =>
  Array.from({ length: Math.ceil(length / 64) }, (_, index) => sha256(`${seed} ${index}`))
    .join("")
    .slice(0, length);

/** A whole backup, as the pods and K3s' own make them. */
function saves(name: string, content = noise(name, 40_000)): void {
  const [kind = ""] = name.split("-");
  const [beside, key] = kind === "k3s" ? ["server.tar.gz", "configuration"] : ["contents.tsv", "contents"];
  const manifest = {
    kind,
    file: "dump.gz",
    bytes: content.length,
    sha256: sha256(content),
    [key]: beside,
    [`${key}Sha256`]: sha256(name),
  };
  host.write(`${placeOf(name)}/dump.gz`, content, 0o640);
  host.write(`${placeOf(name)}/${beside}`, name);
  host.write(`${placeOf(name)}/manifest.json`, `${JSON.stringify(manifest)}\n`);
}

/** Every file of a backup with its content. */
const filesOf = (name: string) =>
  Object.fromEntries(host.list(placeOf(name)).map((file) => [file, host.read(`${placeOf(name)}/${file}`)]));

const later = (seconds: number) => {
  host.write("clock", `${Number(host.read("clock")) + seconds}\n`);
};

const onDisk = (more: Partial<BackupCopySettings> = {}): BackupCopySettings => ({
  backups,
  host: "edgeserver",
  repository: host.at("other/copy"),
  mount: host.at("other"),
  password: PASSWORD,
  ...more,
});
const prepare = (ssh_key = "no") =>
  host.run("backup-copy prepare --revision 1", renderParameters({ item: "backup-copy-prepare", ssh_key }));
const settingsInput = (settings: BackupCopySettings) =>
  fileInput(host.at("state/backup-copy/settings"), renderBackupCopySettings(settings), {
    item: "backup-copy-settings",
    mode: "600",
    validate: "backup-copy",
  });
const setUp = (settings: BackupCopySettings) => host.run("host-file put --revision 1", settingsInput(settings));
const runInput = (more: Parameters = {}) =>
  renderParameters({ retention: 30 * DAY, kinds: "postgres redis k3s", ...more });
const copy = (more: Parameters = {}) => host.run("backup-copy", runInput(more));
const list = () => host.run("backup-copy list");
const fetch = (name: string) => host.run(`backup-copy fetch ${name}`);

/** restic, as somebody on another computer has it who knows the password. */
const restic = (repository: string, words: readonly string[], env: Record<string, string> = {}) =>
  execFileSync("restic", ["--repo", repository, "--no-cache", "--no-lock", ...words], {
    env: { ...process.env, RESTIC_PASSWORD: PASSWORD, TZ: "UTC", ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
interface Snapshot {
  id: string;
  short_id: string;
  time: string;
  hostname: string;
  tags: string[];
  paths: string[];
}
const snapshots = (repository = host.at("other/copy")) =>
  JSON.parse(restic(repository, ["snapshots", "--json"])) as Snapshot[];

/** Records of the runs, oldest first. */
const records = () =>
  host
    .list("data/backups/runs")
    .map((name) => JSON.parse(host.read(`data/backups/runs/${name}`) ?? "") as Record<string, unknown>);

const NOTHING = { code: 0, stderr: "" };

/** Fails unless the run failed for that reason, and said so in its record and in the system log. */
const expectFailure = ({ code, stderr }: Done, reason: string) => {
  expect(stderr).toContain(reason);
  expect(code).toBe(70);
  expect(records().at(-1)).toMatchObject({
    kind: "copy",
    ok: false,
    sentence: expect.stringContaining(reason) as string,
  });
  expect(host.read("journal")).toMatch(
    /^--tag twisterlab-edge-backup-copy --priority daemon\.err -- the copy of the backups failed: /m,
  );
};

/** The host before each of these tests is what `make` has made of it, which takes a while. */
const startsFrom = (make: () => Promise<void> | void): void => {
  const archive = (from: string, to: string) => execFileSync("cp", ["--archive", "--no-target-directory", from, to]);
  let kept: string;
  beforeAll(async () => {
    kept = `${host.folder}.${Math.random()}`;
    archive(host.folder, `${kept}.before`);
    await make();
    archive(host.folder, kept);
  });
  const bringBack = (from: string) => {
    for (const name of readdirSync(host.folder)) {
      rmSync(host.at(name), { recursive: true });
    }
    archive(from, host.folder);
  };
  beforeEach(() => {
    bringBack(kept);
  });
  afterAll(() => {
    bringBack(`${kept}.before`);
    rmSync(kept, { recursive: true });
    rmSync(`${kept}.before`, { recursive: true });
  });
};

const FIRST = [`k3s/k3s-${DAYS[0]}T030000Z`, `postgres-${DAYS[0]}T020000Z`, `redis-${DAYS[0]}T021500Z`];

/** The files that restic has packed the data into, the largest first. */
const packsOf = (repository: string) =>
  readdirSync(join(repository, "data"), { recursive: true, encoding: "utf8" })
    .map((file) => join(repository, "data", file))
    .filter((path) => statSync(path).isFile())
    .sort((one, other) => statSync(other).size - statSync(one).size);

/** Damages a file: every hundredth byte is another one. */
const damage = (path: string) => {
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 100) {
    bytes[at] = 255 - (bytes[at] ?? 0);
  }
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
};

describe("a copy in a folder of another disk", () => {
  startsFrom(() => {
    expect(prepare()).toEqual({ ...NOTHING, stdout: "ready for a copy\n" });
    expect(setUp(onDisk())).toMatchObject(NOTHING);
  });

  test("has all backups, was read back, says so, and leaves a record", () => {
    host.write("data/backups/.unfinished-postgres/dump.gz", "half");
    host.write("data/backups/k3s/.unfinished/state.db", "half");
    const { code, stdout, stderr } = copy();
    expect({ code, stderr }).toEqual(NOTHING);
    const [made] = snapshots();
    expect(stdout).toMatch(
      new RegExp(
        `^copy: ${made?.short_id ?? ""}: ${FIRST.join(", ")} read back as saved; [\\d.]+KiB new, 0 old copies removed, the repository looked over\n$`,
      ),
    );
    expect(made).toMatchObject({
      time: iso(NOW),
      hostname: "edgeserver",
      tags: ["twisterlab-edge"],
      paths: [backups],
    });
    const there = restic(host.at("other/copy"), ["ls", "latest"]);
    expect(there).toContain(`/postgres-${DAYS[0]}T020000Z/dump.gz\n`);
    expect(there).toContain(`/k3s/k3s-${DAYS[0]}T030000Z/server.tar.gz\n`);
    expect(there).not.toContain("unfinished");
    expect(records()).toEqual([
      {
        kind: "copy",
        started: `${DAYS[0]}T050000Z`,
        seconds: 0,
        ok: true,
        sentence: stdout.slice("copy: ".length).trim(),
        backup: made?.short_id,
        bytes: expect.any(Number) as number,
      },
    ]);
    expect(host.read("journal")).toBeUndefined();
    expect(host.read("state/backup-copy/good")).toBe(`${NOW}\n`);
    expect(host.list(".").filter((name) => name.startsWith("twisterlab-edge."))).toEqual([]);
  });

  test("is not set up anew by a second up, and a host that was set up anew takes its repository over", () => {
    const { id } = JSON.parse(restic(host.at("other/copy"), ["cat", "config"])) as { id: string };
    expect(setUp(onDisk())).toMatchObject({ ...NOTHING, stdout: expect.stringContaining("is as wanted") as string });
    rmSync(host.at("state"), { recursive: true });
    expect(prepare()).toMatchObject(NOTHING);
    expect(setUp(onDisk())).toMatchObject(NOTHING);
    expect(host.read("state/backup-copy/repository")).toBe(`${host.at("other/copy")}\n${id}\n`);
    expect(host.mode("state/backup-copy/settings")).toBe("600");
    expect(host.mode("state/backup-copy")).toBe("700");
  });

  describeInCampaign("is refused by up, and what was set up before stays,", () => {
    const expectRefused = (settings: BackupCopySettings, reason: string) => {
      const before = host.read("state/backup-copy/settings");
      const { code, stderr } = setUp(settings);
      expect(stderr).toContain(reason);
      expect(stderr).not.toContain(settings.password);
      expect(code).toBe(65);
      expect(host.read("state/backup-copy/settings")).toBe(before);
    };

    test("with another password than the repository's", () => {
      expectRefused(onDisk({ password: "wrong-password" }), "wrong password or no key found");
      expect(copy()).toMatchObject(NOTHING);
    });

    test("when the repository is gone: it is not made anew", () => {
      renameSync(host.at("other/copy"), host.at("other/moved"));
      expectRefused(onDisk(), "there was a repository, and now: unable to open config file");
      expect(host.list("other")).toEqual(["moved"]);
      renameSync(host.at("other/moved"), host.at("other/copy"));
      expect(setUp(onDisk())).toMatchObject(NOTHING);
    });

    test("when another repository is in its place", () => {
      rmSync(host.at("other/copy"), { recursive: true });
      restic(host.at("other/copy"), ["init"]);
      expectRefused(onDisk(), "it is another repository than the one that was made there");
    });

    test("while the disk of the copy is not mounted: nothing is made on the one that is", () => {
      host.write("unmounted", "");
      const elsewhere = onDisk({ repository: host.at("other/second") });
      expectRefused(elsewhere, "is not a mount point: its disk is not mounted");
      expect(host.list("other")).toEqual(["copy"]);
    });

    test("on the disk of the backups", () => {
      const settings = onDisk({ repository: host.at("data/copy"), mount: host.at("data") });
      expectRefused(settings, "is on the disk of the backups");
      expect(host.list("data")).toEqual(["backups"]);
    });

    test("through a link to another disk", () => {
      host.call("mkdir $RUN/data/copy && ln -s $RUN/data/copy $RUN/other/link");
      expectRefused(onDisk({ repository: host.at("other/link/copy") }), "it is not on the disk at");
      expect(host.list("data/copy")).toEqual([]);
    });
  });

  test("goes to another repository when the site file says so", () => {
    expect(setUp(onDisk({ repository: host.at("other/second") }))).toMatchObject(NOTHING);
    expect(copy()).toMatchObject(NOTHING);
    expect(snapshots()).toHaveLength(0);
    expect(snapshots(host.at("other/second"))).toHaveLength(1);
  });

  test("is forgotten by the host, never by the repository", () => {
    const input = renderParameters({
      item: "backup-copy-settings",
      path: host.at("state/backup-copy/settings"),
      activate: "none",
    });
    expect(host.run("host-file undo", input)).toMatchObject(NOTHING);
    const forgotten = host.run("backup-copy forget", renderParameters({ item: "backup-copy-prepare", ssh_key: "no" }));
    expect(forgotten).toMatchObject(NOTHING);
    expect(host.list("state/backup-copy")).toEqual([]);
    expect(restic(host.at("other/copy"), ["cat", "config"])).toContain('"id"');
    expect(copy()).toMatchObject({ code: 65, stderr: expect.stringContaining("is not set up here") as string });
    expect(list()).toMatchObject({ code: 65 });
  });

  test("that was killed while it was set up is set up by the next run, in one repository", () => {
    const input = settingsInput(onDisk({ repository: host.at("other/second") }));
    host.killedBeforeEachCommand("host-file put --revision 1", input, 4, () => {
      expect(setUp(onDisk({ repository: host.at("other/second") }))).toMatchObject(NOTHING);
      expect(restic(host.at("other/second"), ["snapshots", "--json"])).toContain("[]");
    });
  });
});

describe("a copy that was made before", () => {
  startsFrom(() => {
    prepare();
    setUp(onDisk());
    expect(copy()).toMatchObject(NOTHING);
    later(DAY);
    saves(`postgres-${DAYS[1]}T020000Z`);
    host.write("data/backups/runs/copy-20200101T050000Z.json", "{}");
  });

  test("is followed by one that has what is new, and keeps its records of 90 days", () => {
    expect(copy().stdout).toContain(`postgres-${DAYS[1]}T020000Z, redis-${DAYS[0]}T021500Z read back as saved`);
    expect(snapshots()).toHaveLength(2);
    expect(host.list("data/backups/runs")).toEqual([`copy-${DAYS[0]}T050000Z.json`, `copy-${DAYS[1]}T050000Z.json`]);
    expect(records().at(-1)).toMatchObject({ ok: true });
    expect(records().at(-1)?.["sentence"]).not.toContain("looked over");
    later(6 * DAY);
    expect(copy().stdout).toContain("the repository looked over");
  });

  test("goes when it is older than the retention, yet never the last one", () => {
    later(29 * DAY - 1);
    expect(copy().stdout).toContain(", 0 old copies removed");
    expect(snapshots()).toHaveLength(2);
    later(1);
    expect(copy({ retention: 3600 }).stdout).toContain(", 1 old copies removed");
    expect(snapshots().map(({ time }) => time)).toEqual([iso(NOW + 30 * DAY - 1), iso(NOW + 30 * DAY)]);
    // All of them are old after that time; or the clock runs ahead.
    later(400 * DAY);
    expect(copy().stdout).toContain(", no old copies removed");
    expect(snapshots()).toHaveLength(3);
    later(60);
    expect(copy().stdout).toContain(", 2 old copies removed");
    expect(snapshots().map(({ time }) => time)).toEqual([iso(NOW + 430 * DAY), iso(NOW + 430 * DAY + 60)]);
  });

  test("of another host in the same repository stays", () => {
    restic(host.at("other/copy"), ["unlock"]);
    execFileSync(
      "restic",
      [
        "-r",
        host.at("other/copy"),
        "--no-cache",
        "backup",
        "--host",
        "other",
        "--tag",
        "twisterlab-edge",
        "--time",
        "2015-01-01 00:00:00",
        "clock",
      ],
      {
        cwd: host.folder,
        env: { ...process.env, RESTIC_PASSWORD: PASSWORD, TZ: "UTC" },
      },
    );
    later(20 * DAY);
    expect(copy({ retention: 20 * DAY }).stdout).toContain(", no old copies removed");
    later(DAY);
    expect(copy({ retention: 20 * DAY }).stdout).toContain(", 1 old copies removed");
    expect(snapshots().map(({ hostname }) => hostname)).toEqual(["other", "edgeserver", "edgeserver"]);
  });

  test("by a clock that ran ahead makes no other one old", () => {
    later(4000 * DAY);
    expect(copy()).toMatchObject(NOTHING);
    later(-4000 * DAY);
    expect(copy()).toMatchObject(NOTHING);
    later(DAY);
    expect(copy()).toMatchObject(NOTHING);
    expect(snapshots()).toHaveLength(4);
  });

  describeInCampaign("stays, and the run fails,", () => {
    const expectKept = (done: Done, reason: string, code = 70) => {
      if (code === 70) {
        expectFailure(done, reason);
      } else {
        expect(done).toMatchObject({ code, stderr: expect.stringContaining(reason) as string });
        expect(host.read("journal")).toContain(reason);
      }
      expect(snapshots().map(({ time }) => time)).toContain(iso(NOW));
      expect(host.read("state/backup-copy/good")).toBe(`${NOW}\n`);
    };

    test("while the disk of the backups is not mounted", () => {
      later(100 * DAY);
      rmSync(backups, { recursive: true });
      expectKept(copy(), "is not the folder of the backups: its disk is not mounted", 65);
      expect(snapshots()).toHaveLength(1);
    });

    test("without the mark", () => {
      later(100 * DAY);
      rmSync(host.at("data/backups/.twisterlab-edge"));
      expectKept(copy(), "its disk is not mounted", 65);
      expect(snapshots()).toHaveLength(1);
    });

    test("when no whole backup is left: nothing is copied", () => {
      later(100 * DAY);
      for (const folder of [...FIRST, `postgres-${DAYS[1]}T020000Z`]) {
        rmSync(host.at(`data/backups/${folder}/manifest.json`));
      }
      expectKept(copy(), "there is no whole backup in");
      expect(snapshots()).toHaveLength(1);
    });

    test("when none of a kind is left: the others are copied", () => {
      later(100 * DAY);
      rmSync(host.at(`data/backups/redis-${DAYS[0]}T021500Z/dump.gz`));
      expectKept(copy(), "no whole backup of redis is here: until there is, no old copy is removed");
      expect(snapshots()).toHaveLength(2);
    });

    test("when the newest backup is not as its manifest says", () => {
      later(100 * DAY);
      host.write(`data/backups/postgres-${DAYS[1]}T020000Z/dump.gz`, "x".repeat(40_000));
      expectKept(copy(), `postgres-${DAYS[1]}T020000Z itself is damaged, in`);
    });

    test("when what lies beside it is not", () => {
      host.write(`data/backups/k3s/k3s-${DAYS[0]}T030000Z/server.tar.gz`, "other");
      expectKept(copy(), "server.tar.gz is not as its manifest says");
    });

    test("when the repository is gone, and it is not made anew", () => {
      renameSync(host.at("other/copy"), host.at("other/moved"));
      const done = copy();
      expect(host.list("other")).toEqual(["moved"]);
      renameSync(host.at("other/moved"), host.at("other/copy"));
      expectKept(done, "cannot be opened: unable to open config file");
    });

    test("when another one is in its place, which gets nothing", () => {
      renameSync(host.at("other/copy"), host.at("other/moved"));
      restic(host.at("other/copy"), ["init"]);
      const done = copy();
      expect(snapshots()).toEqual([]);
      rmSync(host.at("other/copy"), { recursive: true });
      renameSync(host.at("other/moved"), host.at("other/copy"));
      expectKept(done, "there is another repository in the place of");
    });

    test("while the disk of the copy is not mounted", () => {
      host.write("unmounted", "");
      expectKept(copy(), "is not a mount point: its disk is not mounted");
    });

    test("when a file cannot be read", () => {
      host.stub(`restic() {
        command restic "$@" || return
        [[ " $* " != *" backup "* ]] || { echo "Warning: at least one source file could not be read" >&2; return 3; }
      }`);
      expectKept(copy(), "the backups could not be copied: Warning: at least one source file could not be read");
    });

    test("when what comes back is not what was saved", () => {
      host.stub(
        'restic() { if [[ " $* " == *" dump "* ]]; then tar --create --file - --directory "$RUN" clock; else command restic "$@"; fi; }',
      );
      expectKept(copy(), "comes back from the copy otherwise than it was saved: the repository is not to be trusted");
    });

    test("when it is told to end", () => {
      host.stub('restic() { [[ " $* " != *" backup "* ]] || kill -TERM $$; command restic "$@"; }');
      expectKept(copy(), "it was told to end");
    });

    test("while another one is made, which goes on", () => {
      host.write("input", runInput());
      host.stub(`restic() {
        [[ " $* " != *" backup "* ]] || bash "$0" backup-copy < "$RUN/input" 2> "$RUN/second" || true
        command restic "$@"
      }`);
      expect(copy()).toMatchObject({ code: 0 });
      expect(host.read("second")).toContain("another copy is being made");
      expect(snapshots()).toHaveLength(2);
      expect(records()).toHaveLength(2);
    });

    test("with a retention that is no number of seconds", () => {
      expectKept(copy({ retention: "30 days" }), "the retention is no number of seconds", 65);
    });
  });

  test("whose repository is damaged fails by what it reads back", () => {
    const [largest = ""] = packsOf(host.at("other/copy"));
    damage(largest);
    expectFailure(copy(), "cannot be read back from the copy: ");
    expect(host.read("state/backup-copy/good")).toBe(`${NOW}\n`);
    expect(snapshots()).toHaveLength(2);
  });

  test("of which only an old copy is damaged fails by the weekly look that meets it, and nothing is tidied", () => {
    const [largest = ""] = packsOf(host.at("other/copy"));
    saves(`redis-${DAYS[1]}T021500Z`);
    saves(`k3s-${DAYS[1]}T030000Z`);
    // One look in 13 reads it.
    const part = Number.parseInt(basename(largest).slice(0, 2), 16) % 13;
    const before = Array.from({ length: 13 }, (_, week) => 7 * DAY * (week + 1)).find(
      (seconds) => Math.floor((NOW + DAY + seconds) / (7 * DAY)) % 13 !== part,
    );
    later(before ?? 0);
    damage(largest);
    expect(copy({ retention: 1000 * DAY })).toMatchObject(NOTHING);
    do {
      later(7 * DAY);
    } while (Math.floor(Number(host.read("clock")) / (7 * DAY)) % 13 !== part);
    expectFailure(copy({ retention: 3600 }), "was copied and read back, yet the repository is damaged: ");
    expect(snapshots()).toHaveLength(3);
    // Nor is that forgotten by the one that would not meet it.
    later(7 * DAY);
    expectFailure(copy({ retention: 3600 }), "yet the repository is damaged: ");
    expect(snapshots()).toHaveLength(4);
  });

  test("does without what pods leave in its way", () => {
    host.write(`data/backups/mysql-${DAYS[0]}T020000Z/manifest.json`, '{"file":"../../secret","bytes":1,"sha256":"x"}');
    host.write(`data/backups/pg-${DAYS[0]}T020000Z/manifest.json`, "[".repeat(50_000));
    host.call(`ln -s /etc $RUN/data/backups/etc-${DAYS[0]}T020000Z; mkfifo $RUN/data/backups/fifo-${DAYS[0]}T020000Z`);
    host.call(
      `mkdir $RUN/data/backups/pipe-${DAYS[0]}T020000Z && mkfifo $RUN/data/backups/pipe-${DAYS[0]}T020000Z/manifest.json`,
    );
    saves("postgres-29991121T020000Z");
    expect(copy()).toMatchObject(NOTHING);
    expect(records().at(-1)?.["sentence"]).toContain(
      `: k3s/k3s-${DAYS[0]}T030000Z, postgres-${DAYS[1]}T020000Z, redis-`,
    );
    expect(restic(host.at("other/copy"), ["ls", "latest"])).not.toContain(`/etc-${DAYS[0]}T020000Z/passwd`);
  });

  test("that was killed is repeated, and leaves no lock that would be in the way", () => {
    host.killedBeforeEachCommand("backup-copy", runInput(), 4, () => {
      later(60);
      expect(copy()).toMatchObject(NOTHING);
      expect(records().at(-1)).toMatchObject({ ok: true });
      expect(snapshots().at(-1)?.time).toBe(iso(NOW + DAY + 60));
    });
  });

  test("that was killed while restic worked is repeated", () => {
    for (const word of ["backup", "forget"]) {
      host.write("killed", word);
      host.stub(`restic() {
        [[ -e $RUN/killed && " $* " == *" $(command cat "$RUN/killed") "* ]] || { command restic "$@"; return; }
        rm -- "$RUN/killed"
        # It is buried before the run is killed: restic takes a dead process that nobody has waited for to be alive.
        command restic "$@" & sleep_really 0.7; kill -KILL $! || true; wait $! || true; kill -KILL $$
      }
      sleep_really() { command sleep "$1"; }`);
      later(60);
      expect(copy().code).toBeNull();
      later(60);
      expect(copy()).toMatchObject(NOTHING);
    }
  });

  describe("gives a backup back", () => {
    const lost = `postgres-${DAYS[0]}T020000Z`;

    test("byte for byte, to the pods' group, once it was lost", () => {
      const before = filesOf(lost);
      rmSync(host.at(placeOf(lost)), { recursive: true });
      const { code, stdout, stderr } = fetch(lost);
      expect({ code, stderr }).toEqual(NOTHING);
      expect(stdout).toContain(`${backups}/${lost} is back, as it was saved, from the copy `);
      expect(filesOf(lost)).toEqual(before);
      expect(host.mode(placeOf(lost))).toBe("2770");
      expect(host.mode(`${placeOf(lost)}/dump.gz`)).toBe("660");
      expect(host.list("data/backups/k3s")).toEqual([`k3s-${DAYS[0]}T030000Z`]);
      // And again as one of all.
      expect(copy()).toMatchObject(NOTHING);
    });

    test("of K3s to root alone", () => {
      const name = `k3s-${DAYS[0]}T030000Z`;
      const before = filesOf(name);
      rmSync(host.at(placeOf(name)), { recursive: true });
      expect(fetch(name)).toMatchObject(NOTHING);
      expect(filesOf(name)).toEqual(before);
      expect(host.call("find $RUN/data/backups/k3s -perm /077")).toMatchObject({ stdout: "" });
    });

    test("also of those that a restore has kept, from the newest copy that has it", () => {
      saves(`before-restore-redis-${DAYS[1]}T040000Z`);
      expect(copy()).toMatchObject(NOTHING);
      rmSync(host.at(`data/backups/before-restore-redis-${DAYS[1]}T040000Z`), { recursive: true });
      later(60);
      expect(copy()).toMatchObject(NOTHING);
      const [, , second] = snapshots();
      expect(list().stdout.split("\n")).toEqual([
        `before-restore-redis-${DAYS[1]}T040000Z  in the copy ${snapshots()[1]?.short_id ?? ""} of ${iso(NOW + DAY)}`,
        ...[`k3s-${DAYS[0]}T030000Z`, lost, `postgres-${DAYS[1]}T020000Z`, `redis-${DAYS[0]}T021500Z`].map(
          (name) => `${name}  in the copy ${second?.short_id ?? ""} of ${iso(NOW + DAY + 60)}, and here`,
        ),
        "",
      ]);
      expect(fetch(`before-restore-redis-${DAYS[1]}T040000Z`)).toMatchObject(NOTHING);
    });

    test("while somebody else has locked the repository; a run then keeps the old copies, and the lock of who is gone goes", async () => {
      rmSync(host.at(placeOf(lost)), { recursive: true });
      const somebody = spawn("restic", ["--repo", host.at("other/copy"), "--no-cache", "backup", "--stdin"], {
        env: { ...process.env, RESTIC_PASSWORD: PASSWORD },
        stdio: ["pipe", "ignore", "ignore"],
      });
      const gone = once(somebody, "exit");
      await waitFor(() => host.list("other/copy/locks").length > 0, 60_000);
      expect(fetch(lost)).toMatchObject(NOTHING);
      expectFailure(copy(), "the old ones could not be removed: ");
      somebody.kill("SIGKILL");
      await gone;
      expect(host.list("other/copy/locks")).toHaveLength(1);
      later(60);
      expect(copy()).toMatchObject(NOTHING);
      expect(host.list("other/copy/locks")).toEqual([]);
    });

    test.each([
      ["that is there", `redis-${DAYS[0]}T021500Z`, "is there already"],
      ["that no copy has", "redis-20200101T000000Z", "no copy has redis-20200101T000000Z"],
      ["by a path", "../other/copy", "say which"],
      ["without a name", "", "say which"],
    ])("not %s", (_, name, reason) => {
      const before = host.list("data/backups");
      expect(fetch(name)).toMatchObject({ code: 65, stderr: expect.stringContaining(reason) as string });
      expect(host.list("data/backups")).toEqual(before);
    });

    test("not over a link of its name", () => {
      rmSync(host.at(placeOf(lost)), { recursive: true });
      host.call(`ln -s $RUN/nowhere $RUN/data/backups/${lost}`);
      expect(fetch(lost)).toMatchObject({ code: 65, stderr: expect.stringContaining("is there already") as string });
    });

    test("not where there is no room", () => {
      rmSync(host.at(placeOf(lost)), { recursive: true });
      host.stub("df() { printf 'Avail\\n60000\\n'; }");
      expect(fetch(lost)).toMatchObject({
        code: 65,
        stderr: expect.stringContaining("as much must stay free") as string,
      });
      expect(host.list("data/backups")).not.toContain(lost);
    });

    test("not one that is damaged in the repository, or was when it was copied", () => {
      rmSync(host.at(placeOf(lost)), { recursive: true });
      host.write(`data/backups/redis-${DAYS[1]}T021500Z/dump.gz`, "x");
      host.write(
        `data/backups/redis-${DAYS[1]}T021500Z/manifest.json`,
        JSON.stringify({ file: "dump.gz", bytes: 1, sha256: sha256("y") }),
      );
      expect(copy().code).toBe(70);
      rmSync(host.at(`data/backups/redis-${DAYS[1]}T021500Z`), { recursive: true });
      expect(fetch(`redis-${DAYS[1]}T021500Z`)).toMatchObject({
        code: 70,
        stderr: expect.stringContaining("dump.gz is not as its manifest says") as string,
      });
      for (const pack of packsOf(host.at("other/copy"))) damage(pack);
      expect(fetch(lost).code).not.toBe(0);
      expect(host.list("data/backups")).not.toContain(lost);
      expect(host.list("data/backups")).not.toContain(`redis-${DAYS[1]}T021500Z`);
      expect(host.list("data/backups/k3s")).toEqual([`k3s-${DAYS[0]}T030000Z`]);
    });

    test("after it was killed meanwhile, whole", () => {
      const before = filesOf(lost);
      rmSync(host.at(placeOf(lost)), { recursive: true });
      host.killedBeforeEachCommand("backup-copy fetch " + lost, "", 4, () => {
        if (!existsSync(host.at(placeOf(lost)))) {
          expect(fetch(lost)).toMatchObject(NOTHING);
        }
        expect(filesOf(lost)).toEqual(before);
        expect(host.mode(`${placeOf(lost)}/dump.gz`)).toBe("660");
      });
    });
  });
});

/** Lets what servers have said be read: else they wait for us, and we for them. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Writes down, all the time that restic works, with which words each program of this machine was called. */
const WATCHED = `
restic() {
  command restic "$@" &
  local working=$!
  while kill -0 "$working" 2> /dev/null; do
    command cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' >> "$RUN/cmdlines" || true
    command sleep 0.05
  done
  wait "$working"
}
`;
const expectUnseen = (secrets: readonly string[], program: string) => {
  const seen = host.read("cmdlines") ?? "";
  expect(seen).toContain(program);
  for (const secret of secrets) {
    expect(seen).not.toContain(secret);
    // Nor in what anybody could read later: records, log, temporary files.
    const found = host.call(`grep --recursive --files-with-matches --fixed-strings -e '${secret}' $RUN || true`).stdout;
    expect(found.trim().split("\n")).toEqual([host.at("state/backup-copy/settings")]);
  }
};

describe("a copy behind SSH", () => {
  let server: SshServer;
  const bySsh = (more: Partial<NonNullable<BackupCopySettings["ssh"]>> = {}): BackupCopySettings => ({
    backups,
    host: "edgeserver",
    repository: `sftp:${server.user}@127.0.0.1:${host.at("target/copy")}`,
    password: PASSWORD,
    ssh: {
      user: server.user,
      host: "127.0.0.1",
      port: server.port,
      hostKey: server.hostKey.split(" ").slice(0, 2).join(" "),
      ...more,
    },
  });
  const publicKey = () => host.read("state/backup-copy/id_ed25519.pub")?.trim() ?? "";
  const expectRefused = ({ code, stderr }: Done, reason: string) => {
    expect(stderr).toContain(reason);
    expect(stderr).toContain(
      `the key that ${server.user}@127.0.0.1 is to let in, in its authorized_keys: ${publicKey()}\n`,
    );
    expect(code).toBe(65);
  };

  startsFrom(async () => {
    mkdirSync(host.at("target"));
    expect(prepare("yes").stdout).toMatch(/^ssh-ed25519 \S+ twisterlab-edge-backup-copy\n$/);
    server = await startSshServer({ userKey: publicKey(), config: ["ForceCommand internal-sftp"] });
    expect(setUp(bySsh())).toMatchObject(NOTHING);
  });
  beforeEach(turn);
  afterAll(() => server.stop());

  test("has a key that stays, and of which only root has the private half", () => {
    const key = publicKey();
    expect(prepare("yes")).toEqual({ ...NOTHING, stdout: `${key}\n` });
    expect(host.list("state/backup-copy")).toEqual(["cache", "id_ed25519", "id_ed25519.pub", "repository", "settings"]);
    expect(host.mode("state/backup-copy/id_ed25519")).toBe("600");
    rmSync(host.at("state/backup-copy/id_ed25519"));
    expect(prepare("yes").stdout).not.toContain(key);
  });

  test("is made and read back, with no secret in any command line, record or log", async () => {
    host.stub(WATCHED);
    const { code, stdout, stderr } = copy();
    expect({ code, stderr }).toEqual(NOTHING);
    expect(stdout).toContain(`${FIRST.join(", ")} read back as saved`);
    expect(snapshots(host.at("target/copy"))).toHaveLength(1);
    expectUnseen([PASSWORD], "StrictHostKeyChecking=yes");
    await turn();
    const name = `postgres-${DAYS[0]}T020000Z`;
    const before = filesOf(name);
    rmSync(host.at(placeOf(name)), { recursive: true });
    expect(list().stdout).toContain(`${name}  in the copy `);
    await turn();
    expect(fetch(name)).toMatchObject(NOTHING);
    expect(filesOf(name)).toEqual(before);
  });

  test("is refused by up as long as the target does not let the host in, with the key to let in", async () => {
    const other = await startSshServer({ userKey: generateKey().publicKey });
    const { port, hostKey } = other;
    try {
      expectRefused(
        setUp(bySsh({ port, hostKey: hostKey.split(" ").slice(0, 2).join(" ") })),
        "Permission denied (publickey)",
      );
    } finally {
      await other.stop();
    }
  });

  test("is refused by up when the target is not who the site file says, though it would let us in", () => {
    const hostKey = generateKey().publicKey.split(" ").slice(0, 2).join(" ");
    expectRefused(setUp(bySsh({ hostKey })), "ssh says: Host key verification failed.");
  });

  test("is refused by up when nobody listens there", async () => {
    const other = await startSshServer();
    await other.stop();
    expectRefused(setUp(bySsh({ port: other.port })), "Connection refused");
  });

  test("fails when this host's key is gone, until up makes another one", () => {
    rmSync(host.at("state/backup-copy/id_ed25519"));
    expectFailure(copy(), "this host has no key for it any more: npm run up makes another one");
  });

  test("fails while another server has the target's address, and while none has", async () => {
    const { port } = server;
    await server.stop();
    expectFailure(copy(), "Connection refused");
    server = await startSshServer({ port, userKey: publicKey() });
    later(1);
    expectFailure(copy(), "Host key verification failed.");
    expect(host.list("target/copy/snapshots")).toEqual([]);
    expect(host.read("state/backup-copy/good")).toBeUndefined();
  });
});

describe("a copy in a bucket", () => {
  const ACCESS_KEY = "EXAMPLEACCESSKEY";
  const SECRET_KEY = "example/secret+key";
  let server: ChildProcess;
  let port: string;
  const inBucket = (more: Partial<NonNullable<BackupCopySettings["bucket"]>> = {}): BackupCopySettings => ({
    backups,
    host: "edgeserver",
    repository: `s3:https://localhost:${port}/twisterlab/edge`,
    password: PASSWORD,
    bucket: { accessKey: ACCESS_KEY, secretKey: SECRET_KEY, ...more },
  });

  startsFrom(async () => {
    const s3 = await ensureProgram({
      name: "s3",
      what: "an S3 server for tests",
      source: join(import.meta.dirname, "s3"),
    });
    const tls = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"];
    const files = ["-keyout", host.at("tls.key"), "-out", host.at("tls.crt")];
    const more = ["-days", "2", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", ["req", "-x509", ...tls, ...files, ...more], { stdio: "ignore" });
    vi.stubEnv("SSL_CERT_FILE", host.at("tls.crt"));
    server = spawn(s3, [host.at("tls.crt"), host.at("tls.key")], {
      env: { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY },
      stdio: ["pipe", "pipe", "ignore"],
    });
    port = await new Promise<string>((resolve) => {
      server.stdout?.once("data", (line: Buffer) => {
        resolve(line.toString().trim());
      });
    });
    expect(prepare()).toMatchObject(NOTHING);
    expect(setUp(inBucket())).toMatchObject(NOTHING);
  });
  afterAll(() => {
    server.stdin?.end();
    vi.unstubAllEnvs();
  });

  test("is made and read back, with no secret in any command line, record or log; and gives a backup back", () => {
    host.stub(WATCHED);
    const { code, stdout, stderr } = copy();
    expect({ code, stderr }).toEqual(NOTHING);
    expect(stdout).toContain(`${FIRST.join(", ")} read back as saved`);
    expectUnseen([PASSWORD, SECRET_KEY], "restic backup");
    const name = `redis-${DAYS[0]}T021500Z`;
    const before = filesOf(name);
    rmSync(host.at(placeOf(name)), { recursive: true });
    expect(fetch(name)).toMatchObject(NOTHING);
    expect(filesOf(name)).toEqual(before);
  });

  test.each([
    ["another account", { accessKey: "ANOTHER" }, /there was a repository, and now: .*access key/i],
    ["another key of it", { secretKey: "another" }, /there was a repository, and now: .*signature/],
  ])("is refused by up with %s", (_, account, reason) => {
    const { code, stderr } = setUp(inBucket(account));
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain(SECRET_KEY);
    expect(code).toBe(65);
  });

  test("is refused by up where the server is not who it says", () => {
    vi.stubEnv("SSL_CERT_FILE", "/dev/null");
    try {
      expect(setUp(inBucket())).toMatchObject({ code: 65, stderr: expect.stringContaining("x509") as string });
    } finally {
      vi.stubEnv("SSL_CERT_FILE", host.at("tls.crt"));
    }
  });

  test("fails while the bucket cannot be reached", async () => {
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.stdin?.end();
    await gone;
    expectFailure(copy(), "connection refused");
  });
});

describe("a copy on a disk that is full", () => {
  const root = process.getuid?.() === 0;

  startsFrom(() => {
    mkdirSync(host.at("small"));
  });

  test.runIf(root)("fails, and goes on when there is room again", () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", host.at("small")]);
    try {
      prepare();
      expect(setUp(onDisk({ repository: host.at("small/copy"), mount: host.at("small") }))).toMatchObject(NOTHING);
      expect(copy()).toMatchObject(NOTHING);
      later(DAY);
      writeFileSync(host.at(`data/backups/postgres-${DAYS[0]}T020000Z/more`), randomBytes(6_000_000));
      expectFailure(copy(), "no space left on device");
      expect(snapshots(host.at("small/copy"))).toHaveLength(1);
      execFileSync("mount", ["-o", "remount,size=30m", host.at("small")]);
      later(60);
      expect(copy()).toMatchObject(NOTHING);
      expect(snapshots(host.at("small/copy"))).toHaveLength(2);
    } finally {
      execFileSync("umount", [host.at("small")]);
    }
  });
});

test("restic must be on the host", () => {
  host.stub('command() { [[ $* != "-v restic" ]] || return 1; builtin command "$@"; }');
  expect(prepare()).toMatchObject({
    code: 65,
    stderr: expect.stringContaining("restic is not installed on this host: apt-get install restic") as string,
  });
});
