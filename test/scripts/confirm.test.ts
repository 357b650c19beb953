import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fileInput, KILL_TIMEOUT, scratchHost, SERVICE, type ScratchHost } from "../support/hostScripts.ts";
import { waitFor } from "../support/sshServer.ts";

// A file of a service stands for every change that undoes itself; mount options and data roots have tests of their own.

vi.setConfig({ testTimeout: KILL_TIMEOUT });

const FILE = "etc/service.conf";

let host: ScratchHost;

beforeEach(() => {
  host = scratchHost(SERVICE);
  host.write(FILE, "good, by hand", 0o604);
  host.write("running", "good, by hand");
});

afterEach(() => {
  host.remove();
});

/** Input of a put that is to be confirmed within 5 s, unless `guarded` is false. */
const input = (content: string, guarded = true) =>
  fileInput(host.at(FILE), content, { activate: "service", ...(guarded ? { confirm_within: 5 } : {}) });
const put = (content: string, guarded = true) =>
  host.run("attached host-file put --revision 1", input(content, guarded));
const undo = () => host.run("attached host-file undo", input("good, ours"));
const confirm = () => host.run("attached confirm --revision 1", "item: file\nchange: c\n\n");
const watch = () => host.run("watch");
/** The service comes up with the machine, from the file that is there. */
const startService = () => host.call("activate_service");

const isAsBefore = () => {
  expect(host.read(FILE)).toBe("good, by hand");
  expect(host.mode(FILE)).toBe("604");
  expect(host.list("etc")).toEqual(["service.conf"]);
};
const isOurs = (content = "good, ours") => {
  expect(host.read(FILE)).toBe(content);
  expect(host.mode(FILE)).toBe("640");
  expect(host.list("etc")).toEqual(["service.conf"]);
};

describe("a change that its service does not take", () => {
  test("is undone, which the exit code tells", () => {
    const { code, stderr } = put("bad");
    expect(code).toBe(70);
    expect(stderr).toContain("the service did not accept the new version");
    expect(stderr).toContain("failed, the old state is back");
    isAsBefore();
    expect(host.read("running")).toBe("good, by hand");
    expect(host.armed()).toEqual([]);
    expect(host.read("journal")).toContain(
      "file: undone, because the change failed; the old state is back and healthy",
    );
  });

  test("goes back to the last version that worked, and keeps the first one for the undo", () => {
    put("good, ours", false);
    expect(put("bad", false).code).toBe(70);
    isOurs();
    expect(undo().code).toBe(0);
    isAsBefore();
  });

  test("goes back to no file where there was none", () => {
    host.call("rm -- $RUN/etc/service.conf");
    expect(put("bad").code).toBe(70);
    expect(host.list("etc")).toEqual([]);
    expect(host.read("running")).toBe("defaults\n");
  });

  test("says so loudly when the old state does not work either", () => {
    host.write(FILE, "broken long ago");
    const { code, stderr } = put("bad");
    expect(code).toBe(71);
    expect(stderr).toContain("FAILED AND NOT RESTORED");
    expect(host.read(FILE)).toBe("broken long ago");
    expect(host.read("journal")).toContain("THE OLD STATE DID NOT COME BACK HEALTHY");
  });

  test("is undone when it is an undo: what ran comes back", () => {
    host.write(FILE, "broken long ago");
    put("good, ours", false);
    expect(undo().code).toBe(70);
    isOurs();
    expect(host.read("running")).toBe("good, ours");
    // Nothing was forgotten on the way.
    host.write("etc/service.conf", "good, ours");
    expect(host.read("state/items/file/original")).toBe("broken long ago");
  });

  test("is refused when nothing would watch it", () => {
    host.stub("systemctl() { [[ $1 != restart ]]; }");
    const { code, stderr } = put("good, ours");
    expect(code).toBe(65);
    expect(stderr).toContain("nobody would undo the change");
    isAsBefore();
    expect(host.armed()).toEqual([]);
  });
});

describe("a change that is to be confirmed", () => {
  test("waits for it, watched, and is then for good", () => {
    expect(put("good, ours")).toMatchObject({ code: 0, stdout: `installed ${host.at(FILE)}\n`, stderr: "" });
    expect(host.read("state/armed/file")).toBe("host-file\nfirst\n1005\n");
    expect(host.read("systemctl")).toBe("restart twisterlab-edge-revert.service\n");
    host.wait(4);
    expect(confirm()).toMatchObject({ code: 0, stdout: "file is confirmed\n" });
    expect(host.armed()).toEqual([]);
    host.wait(1000);
    expect(watch().code).toBe(0);
    isOurs();
    expect(host.read("journal")).toBeUndefined();
  });

  test("is undone at its time when nobody confirms it, not before", () => {
    put("good, ours");
    expect(watch().code).toBe(0);
    isAsBefore();
    expect(host.read("running")).toBe("good, by hand");
    expect(host.read("journal")).toBe(
      "1005 file: undone, because nobody confirmed it in time; the old state is back and healthy\n",
    );
  });

  test("is undone at once when its service is not healthy any more", () => {
    put("good, ours");
    host.stub("healthy_service() { [[ $(< $RUN/running) == *hand ]]; }");
    const { code, stderr } = confirm();
    expect(code).toBe(70);
    expect(stderr).toContain("file was not healthy when it was to be confirmed");
    isAsBefore();
    expect(host.armed()).toEqual([]);
  });

  test("says that help is needed when it is sick before and after", () => {
    put("good, ours");
    host.write("sick", "");
    expect(confirm().code).toBe(71);
    isAsBefore();
  });

  test("is not confirmed after a reboot, which has undone it", () => {
    put("good, ours");
    host.boot();
    expect(confirm().stderr).toContain("was changed before the host booted again: it is undone");
  });

  test("may be put again while it waits, and is confirmed then", () => {
    put("good, ours");
    expect(put("good, ours").stdout).toBe(`${host.at(FILE)} is as wanted\n`);
    expect(confirm().code).toBe(0);
    watch();
    isOurs();
  });

  test("and is replaced by another while it waits, goes back to what was confirmed last", () => {
    put("good, never confirmed");
    put("good, neither");
    expect(put("bad").code).toBe(70);
    isAsBefore();
  });

  test("and is undone while it waits, goes back to what was confirmed last, whatever happens", () => {
    put("good, never confirmed");
    host.stub("activate_service() { false; }");
    expect(undo().code).toBe(71);
    isAsBefore();
  });

  test("is refused with a time that is none", () => {
    const { code, stderr } = host.run("attached host-file put", input("good").replace("within: 5", "within: 5s"));
    expect(code).toBe(65);
    expect(stderr).toContain("confirm_within is no number of seconds");
    isAsBefore();
  });

  test("has nothing to confirm when it changed nothing", () => {
    expect(confirm()).toMatchObject({ code: 0, stdout: "file has nothing to confirm\n" });
  });
});

describe("a change that undid itself", () => {
  const observed = () => host.observed('items python3 -c "$ITEMS_AS_JSON" "$STATE"').items["file"];

  test("is seen by an observation, and fails its confirmation until it is put again", () => {
    put("good, ours");
    expect(observed()).toEqual({ revision: 1, armed: true, ours: true });
    watch();
    expect(observed()).toEqual({
      revision: 1,
      armed: false,
      reverted: expect.stringMatching(/^\d{4}-\d\d-\d\dT\S+Z undone, because nobody confirmed it in time/) as string,
    });
    const { code, stderr } = confirm();
    expect(code).toBe(70);
    expect(stderr).toContain("nobody confirmed it in time");
    put("good, ours");
    expect(confirm().code).toBe(0);
    expect(observed()).toEqual({ revision: 1, armed: false, ours: true });
  });

  test("brings back, when it is put again and taken out, what was there by then", () => {
    put("good, ours");
    watch();
    host.write(FILE, "good, by hand, later");
    put("good, ours");
    expect(undo().code).toBe(0);
    expect(host.read(FILE)).toBe("good, by hand, later");
  });

  test("is forgiven when somebody has set it by hand since", () => {
    put("good, ours");
    watch();
    host.write(FILE, "good, ours", 0o640);
    expect(put("good, ours").stdout).toContain("is as wanted");
    expect(confirm().code).toBe(0);
  });
});

describe("the watching service", () => {
  /** The host as a verb leaves it that was killed half-way, with the new version installed. */
  const cutOff = () => {
    put("good, ours", false);
    put("good, half-way");
    host.write("state/armed/file", "host-file\nfirst\nchanging\n");
  };

  test("undoes a change whose verb died, at once", () => {
    cutOff();
    expect(watch().code).toBe(0);
    isOurs();
    expect(host.read("journal")).toBe(
      "1000 file: undone, because the change was cut off half-way; the old state is back and healthy\n",
    );
  });

  test("leaves a change alone that is being worked on, however long that takes", async () => {
    cutOff();
    // The verb that works, and lets go when the watching service has looked some twenty times.
    const work = ": > working; until [ -e done ]; do sleep 0.01; done";
    const worker = spawn("flock", [host.at("state/turn"), "sh", "-c", work], { cwd: host.folder, stdio: "ignore" });
    const ended = once(worker, "exit");
    await waitFor(() => host.read("working") !== undefined, 30_000);
    host.stub('sleep() { time_passes "$1"; (($(uptime_seconds) < 1020)) || : > "$RUN/done"; }');
    expect(watch().code).toBe(0);
    await ended;
    isOurs();
    const [uptime] = (host.read("journal") ?? "").split(" ");
    expect(Number(uptime)).toBeGreaterThanOrEqual(1020);
  });

  test("undoes what is due while another change still has time", () => {
    put("good, ours");
    host.write("etc/other.conf", "good");
    const other = fileInput(host.at("etc/other.conf"), "good, too", { item: "a-other", confirm_within: 10 });
    expect(host.run("attached host-file put", other).code).toBe(0);
    watch();
    expect(
      host
        .read("journal")
        ?.split("\n")
        .map((line) => line.split(";")[0]),
    ).toEqual([
      "1005 file: undone, because nobody confirmed it in time",
      "1010 a-other: undone, because nobody confirmed it in time",
      "",
    ]);
  });

  test("gives up what does not come back, says so, and goes on", () => {
    host.write(FILE, "broken long ago");
    host.write("state/armed/nothing", "host-file\nfirst\n0\n");
    host.stub('activate_service() { grep --quiet good "$RUN/etc/service.conf"; }');
    put("good, ours");
    expect(watch().code).toBe(0);
    expect(host.read("journal")).toContain("AND THE OLD STATE DID NOT COME BACK HEALTHY: it needs help");
    expect(host.read(FILE)).toBe("broken long ago");
    expect(host.armed()).toEqual([]);
  });
});

describe("a change that was cut off", () => {
  test("is undone before the next one begins, of whatever item", () => {
    put("good, ours", false);
    put("good, half-way");
    host.write("state/armed/file", "host-file\nfirst\nchanging\n");
    const other = fileInput(host.at("etc/other.conf"), "x", { item: "other" });
    expect(host.run("attached host-file put", other).code).toBe(0);
    expect(host.read(FILE)).toBe("good, ours");
    expect(host.read("etc/other.conf")).toBe("x");
    expect(confirm().stderr).toContain("file: ");
  });

  test("and cannot be undone, stops the next one before it begins", () => {
    put("good, ours", false);
    put("good, half-way");
    host.write("state/armed/file", "host-file\nfirst\nchanging\n");
    host.stub("activate_service() { false; }");
    const other = fileInput(host.at("etc/other.conf"), "x", { item: "other" });
    const { code, stderr } = host.run("attached host-file put", other);
    expect(code).toBe(71);
    expect(stderr).toContain("file could not be undone");
    expect(host.list("etc")).toEqual(["service.conf"]);
  });
});

describe("a boot before the confirmation", () => {
  const bootUp = () => {
    host.boot();
    // The services are down, and the units run before they are started.
    host.call("rm --force -- $RUN/running $RUN/systemctl");
    host.stub('activate_service() { echo "a service was started" >> "$RUN/too-early"; }');
    expect(host.run("revert-at-boot").code).toBe(0);
    expect(host.read("too-early")).toBeUndefined();
  };

  test("brings the old file back before its service starts, and looks later whether that works", () => {
    put("good, ours");
    bootUp();
    isAsBefore();
    expect(host.armed()).toEqual([]);
    expect(host.read("journal")).toBe("0 file: undone at boot, because nobody had confirmed it\n");
    // systemd read its units and fstab before we changed them back.
    expect(host.read("systemctl")).toBe("daemon-reload\n");
    host.stub('sleep() { time_passes "$1"; (($(uptime_seconds) < 5)) || echo up > "$RUN/running"; }');
    expect(watch().code).toBe(0);
    expect(host.read("journal")).toContain(
      "5 file: undone at boot, because nobody had confirmed it; the old state is back and healthy\n",
    );
    // Once.
    expect(watch().code).toBe(0);
    expect(host.read("journal")?.split("\n")).toHaveLength(3);
  });

  test("says when the service does not come up from the old file within three minutes", () => {
    put("good, ours");
    bootUp();
    watch();
    expect(host.read("journal")).toMatch(/^1[78]\d file: undone at boot, AND THE OLD STATE IS NOT HEALTHY/m);
    expect(host.read("state/items/file/reverted")).toContain("IS NOT HEALTHY");
  });

  test("whose way back is stopped for a moment is undone all the same", () => {
    put("good, ours");
    host.stub('bring_back() { [[ -e $RUN/once ]] || { : > "$RUN/once"; kill -KILL $$; }; rm -f -- "$1"; }');
    watch();
    expect(host.read("journal")).toContain("the old state is back and healthy");
    expect(host.armed()).toEqual([]);
  });

  test("is survived by what was confirmed", () => {
    put("good, ours");
    confirm();
    bootUp();
    isOurs();
  });

  test("has one change that cannot be undone: the others are, it is tried again, and said", () => {
    put("good, ours");
    host.write("state/armed/a-broken", "host-file\nfirst\n0\n");
    host.call("mkdir -p $STATE/items/a-broken; echo $RUN/etc/gone.conf > $STATE/items/a-broken/path");
    bootUp();
    isAsBefore();
    expect(host.read("journal")).toContain("a-broken: not undone at boot, tried again when the host is up");
    expect(host.armed()).toEqual(["a-broken"]);
    watch();
    expect(host.read("journal")).toContain(
      "THE OLD STATE DID NOT COME BACK HEALTHY: it needs help; what was there is in",
    );
    expect(host.armed()).toEqual([]);
  });

  test("that itself was cut off is no harm: the next one does the rest", () => {
    put("good, ours");
    host.boot();
    host.stub("report_reverted() { kill -KILL $$; }");
    host.run("revert-at-boot");
    host.stub('report_reverted() { echo "$1: $3" >> $RUN/journal; }');
    expect(host.armed()).toEqual(["file"]);
    expect(host.run("revert-at-boot").code).toBe(0);
    isAsBefore();
    expect(host.armed()).toEqual([]);
  });
});

describe("the units", () => {
  test("watch, and undo at boot before anything starts from it", () => {
    expect(host.run("units").code).toBe(0);
    expect(host.list("units")).toEqual(["twisterlab-edge-revert-at-boot.service", "twisterlab-edge-revert.service"]);
    expect(host.read("units/twisterlab-edge-revert.service")).toContain(
      `ExecStart=${host.at("twisterlab-edge")} watch\n`,
    );
    const atBoot = host.read("units/twisterlab-edge-revert-at-boot.service");
    expect(atBoot).toContain(`ExecStart=${host.at("twisterlab-edge")} revert-at-boot\n`);
    expect(atBoot).toMatch(/^Before=local-fs-pre\.target docker\.service docker\.socket k3s\.service/m);
    expect(host.mode("units/twisterlab-edge-revert.service")).toBe("644");
    expect(host.read("systemctl")).toBe(
      "daemon-reload\nenable --quiet twisterlab-edge-revert.service twisterlab-edge-revert-at-boot.service\n",
    );
  });

  test("are what systemd understands", () => {
    host.run("units");
    const units = host.list("units").map((name) => host.at(`units/${name}`));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", ...units], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("that are there already are left as they are", () => {
    host.run("units");
    host.call("rm -- $RUN/systemctl; touch --date=2020-01-01 $UNITS/*");
    expect(host.run("units").code).toBe(0);
    expect(host.read("systemctl")).not.toContain("daemon-reload");
    expect(host.call("find $UNITS -newermt 2021-01-01 -type f").stdout).toBe("");
    expect(host.list("units")).toHaveLength(2);
  });

  test("are never half written: a full disk leaves the one from before", () => {
    host.run("units");
    host.write("units/twisterlab-edge-revert.service", "from before\n");
    // What cat does on a full disk.
    host.stub('cat() { head -c 10; echo "No space left on device" >&2; return 1; }');
    expect(host.run("units").code).not.toBe(0);
    expect(host.read("units/twisterlab-edge-revert.service")).toBe("from before\n");
  });

  test("go with the last stack that uses the entry point", () => {
    host.run("units");
    host.write("state/users/edge-phase-0", "1\n");
    host.write("state/users/edge-phase-1", "1\n");
    expect(host.run("attached leave edge-phase-1").stdout).toBe("left edge-phase-1\n");
    expect(host.list("units")).toHaveLength(2);
    expect(host.run("attached leave edge-phase-0").code).toBe(0);
    expect(host.list("units")).toEqual([]);
    expect(host.read("twisterlab-edge")).toBeUndefined();
  });
});

describe("a host whose verb is killed anywhere", () => {
  /** Whatever was killed, nothing is in between, and nothing of ours lies about but what the next verb clears away. */
  const isOneOf = (...contents: (string | undefined)[]) => {
    expect(contents).toContain(host.read(FILE));
  };

  const recoveries: [string, () => void][] = [
    [
      "by the same put, and the undo after it",
      () => {
        expect(put("good, ours")).toMatchObject({ code: 0, stderr: "" });
        expect(confirm().code).toBe(0);
        isOurs();
        expect(host.read("running")).toBe("good, ours");
        expect(undo().code).toBe(0);
        isAsBefore();
        expect(host.list("state/items")).toEqual([]);
      },
    ],
    [
      "by an undo",
      () => {
        expect(undo()).toMatchObject({ code: 0, stderr: "" });
        isAsBefore();
        expect(host.read("running")).toBe("good, by hand");
        expect(host.list("state/items")).toEqual([]);
      },
    ],
  ];

  test.each([
    ...recoveries,
    [
      "by itself",
      () => {
        expect(watch().code).toBe(0);
        expect(host.read(FILE)).toBe("good, by hand");
        expect(host.read("running")).toBe("good, by hand");
        expect(host.armed()).toEqual([]);
      },
    ] as [string, () => void],
    [
      "by a boot",
      () => {
        host.boot();
        expect(host.run("revert-at-boot").code).toBe(0);
        expect(host.read(FILE)).toBe("good, by hand");
        startService();
        expect(watch().code).toBe(0);
        expect(host.read("journal") ?? "").not.toContain("NOT");
        expect(host.read("running")).toBe("good, by hand");
        expect(host.armed()).toEqual([]);
      },
    ] as [string, () => void],
  ])("during the first put is put right %s", (_, recover) => {
    host.killedBeforeEachCommand("host-file put --revision 1", input("good, ours"), 1, () => {
      isOneOf("good, by hand", "good, ours");
      recover();
    });
  });

  test.each(recoveries)("during a later put is put right %s", (_, recover) => {
    put("good, earlier", false);
    host.killedBeforeEachCommand("host-file put --revision 2", input("good, ours"), 1, () => {
      isOneOf("good, earlier", "good, ours");
      recover();
    });
  });

  test.each(recoveries)("during an undo is put right %s", (_, recover) => {
    put("good, ours", false);
    host.killedBeforeEachCommand("host-file undo", input("good, ours"), 1, () => {
      isOneOf("good, by hand", "good, ours");
      recover();
    });
  });

  test("during the undo of a put that failed is put right by the next put", () => {
    host.killedBeforeEachCommand("host-file put", input("bad"), 1, () => {
      isOneOf("good, by hand", "bad");
      recoveries[0]?.[1]();
    });
  });

  test("during a put where no file was is put right by an undo", () => {
    host.call("rm -- $RUN/etc/service.conf $RUN/running");
    host.killedBeforeEachCommand("host-file put", input("good, ours"), 1, () => {
      isOneOf(undefined, "good, ours");
      expect(undo()).toMatchObject({ code: 0, stderr: "" });
      expect(host.list("etc")).toEqual([]);
    });
  });

  test("while it went back is put right by going back again", () => {
    put("good, ours");
    host.wait(5);
    host.killedBeforeEachCommand("go-back file now", "", 1, () => {
      isOneOf("good, by hand", "good, ours");
      expect(watch().code).toBe(0);
      expect(host.read(FILE)).toBe("good, by hand");
      expect(host.read("running")).toBe("good, by hand");
    });
  });
});
