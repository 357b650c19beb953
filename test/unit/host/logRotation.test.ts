import * as fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../../components/host/bundle.ts";
import type { HostFacts } from "../../../components/host/facts.ts";
import { planHourly, planRotation } from "../../../components/host/logRotation.ts";
import { isTaboo, parseStanzas, renderRotation, type Rotation } from "../../../components/host/render/logrotate.ts";
import { renderParameters } from "../../../components/host/render/parameters.ts";
import { renderCalendar } from "../../../components/host/render/units.ts";
import { KILL_TIMEOUT, OWNER, scratchHost, type ScratchHost } from "../../support/hostScripts.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";
import { requireSystemPackages } from "../../support/systemPackages.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

const PATH = "/etc/logrotate.d/rsyslog";
const rotation: Rotation = { files: ["/var/log/kern.log", "/var/log/syslog"], rotate: 3, maxSize: 500 * 2 ** 20 };

/** The file of Ubuntu 24.04's rsyslog, with other folders for its logs. */
const ubuntu = (logs = "/var/log") => `${logs}/syslog
${logs}/mail.log
${logs}/kern.log
${logs}/auth.log
${logs}/user.log
${logs}/cron.log
{
\trotate 4
\tweekly
\tmissingok
\tnotifempty
\tcompress
\tdelaycompress
\tsharedscripts
\tpostrotate
\t\t/usr/lib/rsyslog/rsyslog-rotate
\tendscript
}
`;

/** What it is with ours in it. */
const managed = (logs = "/var/log") =>
  renderRotation({ ...rotation, files: rotation.files.map((file) => file.replace("/var/log", logs)) }) +
  ubuntu(logs).replace(/^.*\/(syslog|kern\.log)$/gm, "#twisterlab-edge out# $&");

test("the stanza has the options of the plan", () => {
  expect(renderRotation(rotation)).toMatchInlineSnapshot(`
    "# twisterlab-edge begin: what these logs had before is commented out below
    /var/log/kern.log
    /var/log/syslog
    {
    	daily
    	rotate 3
    	maxsize 500M
    	compress
    	delaycompress
    	missingok
    	notifempty
    	sharedscripts
    	postrotate
    		/usr/lib/rsyslog/rsyslog-rotate
    	endscript
    }
    # twisterlab-edge end
    "
  `);
  expect(renderRotation({ ...rotation, maxSize: 500_000_000 })).toContain("\tmaxsize 500000000\n");
});

describe("stanzas are read", () => {
  test("with several logs, on lines of their own or not, quoted or not, without scripts and comments", () => {
    const text = `weekly
include /etc/logrotate.d
# /var/log/no.log { }
/var/log/a.log "/var/log/b c.log" /var/log/d/*.log {
  daily # not a comment for logrotate
  prerotate
    if true; then {
      :
    }
    fi
  endscript
  rotate 3
}
/var/log/e.log
# between
/var/log/f.log
{ weekly
}
size 1k
`;
    expect(parseStanzas(text)).toEqual([
      {
        // A blank in a name is beyond us; the host's own tool decides.
        logs: ["/var/log/a.log", '"/var/log/b', 'c.log"', "/var/log/d/*.log"],
        options: ["daily # not a comment for logrotate", "rotate 3"],
      },
      { logs: ["/var/log/e.log", "/var/log/f.log"], options: ["weekly"] },
    ]);
  });

  test("of Ubuntu's file, and of ours", () => {
    expect(parseStanzas(ubuntu())).toHaveLength(1);
    expect(parseStanzas(managed()).map(({ logs }) => logs)).toEqual([
      rotation.files,
      ["/var/log/mail.log", "/var/log/auth.log", "/var/log/user.log", "/var/log/cron.log"],
    ]);
  });
});

test.each([
  ["rsyslog.dpkg-dist", true],
  ["rsyslog~", true],
  ["rsyslog.bak", true],
  ["rsyslog.orig", false],
  ["kern-aggressive", false],
])("whether logrotate passes over %s: %s", (name, expected) => {
  expect(isTaboo(`/etc/logrotate.d/${name}`)).toBe(expected);
});

describe("the plan", () => {
  const host = (content: string | null, more: HostFacts["files"] = {}, mode = "644") =>
    seen({ files: { [PATH]: content === null ? null : fileFact(content, { mode }), ...more } });

  test.each([
    [
      "blind",
      blind,
      "not measured",
      "/var/log/kern.log and /var/log/syslog rotate daily, or at 500 MiB, 3 kept, compressed",
    ],
    ["where the file was not looked at", seen({}), "not measured", "its other logs keep theirs"],
    [
      "on a fresh host",
      host(ubuntu()),
      "differs",
      "/var/log/kern.log and /var/log/syslog have rotate 4, weekly, missingok, notifempty, compress, delaycompress, sharedscripts; wanted daily, or at 500 MiB, 3 kept",
    ],
    ["without the file", host(null), "differs", "have no stanza; wanted daily"],
    ["with ours", host(managed()), "in sync", "rotate daily, or at 500 MiB, 3 kept"],
    [
      "with ours, and others changed by hand",
      host(`${managed()}/var/log/more.log {\n\tdaily\n}\n`),
      "in sync",
      "rotate daily",
    ],
    [
      "with ours changed by hand",
      host(managed().replace("rotate 3", "rotate 9")),
      "differs",
      "have daily, rotate 9, maxsize 500M",
    ],
    [
      "with one of ours brought back by a package",
      host(renderRotation(rotation) + ubuntu()),
      "differs",
      "have rotate 4, weekly",
    ],
    [
      "with ours where others may write",
      host(managed(), {}, "664"),
      "differs",
      "has mode 664 and belongs to root:root, wanted 644",
    ],
  ] as const)("%s", (_, observation, state, sentence) => {
    const plan = planRotation(rotation, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test.each([
    ["/etc/logrotate.d/kern-aggressive", "/var/log/kern.log {\n  daily\n}\n", "/var/log/kern.log"],
    ["/etc/logrotate.d/all", "/var/log/*.log {\n  daily\n}\n", "/var/log/kern.log"],
    ["/etc/logrotate.conf", "weekly\n/var/log/sys* {\n  daily\n}\n", "/var/log/syslog"],
  ])("says that up will refuse while %s claims a log of ours", (file, content, log) => {
    const { state, sentence, observed } = planRotation(rotation, host(managed(), { [file]: fileFact(content) }));
    expect(state).toBe("differs");
    expect(sentence).toContain("up will refuse");
    expect(observed).toBe(`${file} names ${log} too`);
  });

  test.each([
    ["/etc/logrotate.d/rsyslog.dpkg-dist", ubuntu()],
    ["/etc/logrotate.d/apt", "/var/log/apt/*.log {\n}\n"],
    ["/etc/elsewhere", ubuntu()],
  ])("is not troubled by %s", (file, content) => {
    expect(planRotation(rotation, host(managed(), { [file]: fileFact(content) })).state).toBe("in sync");
  });

  describe("of the timer", () => {
    const file = {
      path: "/etc/systemd/system/logrotate.timer.d/50-twisterlab-edge.conf",
      content: renderCalendar("hourly"),
    };
    const withTimer = (enabled: string, active: string, files: HostFacts["files"] = {}) =>
      seen({
        files: { [file.path]: fileFact(file.content), ...files },
        units: { "logrotate.timer": { enabled, active } },
      });

    test("says that logrotate runs each hour", () => {
      expect(planHourly(file, blind).sentence).toContain("logrotate.timer is restarted, and logrotate runs each hour");
      expect(planHourly(file, withTimer("enabled", "active"))).toMatchObject({ state: "in sync", notes: [] });
    });

    test("says that up will refuse while the timer is off", () => {
      const { state, sentence } = planHourly(file, withTimer("disabled", "inactive"));
      expect(state).toBe("differs");
      expect(sentence).toContain("up will refuse, because logrotate.timer is switched off");
    });

    test("notes who rotates by size alone, and so more often from now on", () => {
      const files = {
        "/etc/logrotate.d/app": fileFact("/var/log/app.log {\n\tsize 10M\n\trotate 2\n}\n"),
        [PATH]: fileFact(managed()),
      };
      expect(planHourly(file, withTimer("enabled", "active", files)).notes).toEqual([
        "/var/log/app.log of /etc/logrotate.d/app rotates by size (size 10M, rotate 2): looked at each hour too",
      ]);
    });
  });
});

describe("on the host", () => {
  beforeAll(() => {
    requireSystemPackages([{ command: "logrotate", debianPackage: "logrotate" }]);
  });

  let host: ScratchHost;
  let path: string;
  let logs: string;
  beforeEach(() => {
    host = scratchHost();
    path = host.at("logrotate.d/rsyslog");
    logs = host.at("log");
    host.write("logrotate.conf", `weekly\ninclude ${host.at("logrotate.d")}\n`, 0o644);
    host.write("logrotate.d/rsyslog", ubuntu(logs), 0o644);
    host.write("log/kern.log", "a line\n", 0o640);
    vi.stubEnv("TWISTERLAB_EDGE_LOGROTATE_CONF", host.at("logrotate.conf"));
  });
  afterEach(() => {
    host.remove();
    vi.unstubAllEnvs();
  });

  const input = (names = ["kern.log", "syslog"], rotate = 3) => {
    const stanza = renderRotation({ ...rotation, rotate, files: names.map((name) => `${logs}/${name}`) });
    const parameters = { item: "log-rotation-stanza", path, mode: "644", owner: OWNER, sha256: sha256(stanza) };
    return renderParameters(parameters, stanza);
  };
  const put = (...wanted: Parameters<typeof input>) => host.run("log-rotation put", input(...wanted));
  const undo = () => host.run("log-rotation undo", input());
  const there = () => host.read("logrotate.d/rsyslog");

  test("our logs get a stanza, the others keep theirs, and the second time nothing changes", () => {
    expect(put()).toEqual({ code: 0, stdout: `installed ${path}\n`, stderr: "" });
    expect(there()).toBe(managed(logs));
    expect(put()).toEqual({ code: 0, stdout: `${path} is as wanted\n`, stderr: "" });
    expect(there()).toBe(managed(logs));
    expect(host.list("logrotate.d")).toEqual(["rsyslog"]);
  });

  test("logs are taken out of lines and stanzas of any layout, as logrotate itself reads them", () => {
    const text = `${logs}/mail.log ${logs}/kern.log {\n\tdaily\n\tmissingok\n}\n"${logs}/syslog" {\n\tweekly\n}\n`;
    host.write("logrotate.d/rsyslog", text, 0o644);
    expect(put()).toMatchObject({ code: 0, stderr: "" });
    expect(parseStanzas(there() ?? "").map((stanza) => stanza.logs)).toEqual([
      [`${logs}/kern.log`, `${logs}/syslog`],
      [`${logs}/mail.log`],
    ]);
    undo();
    expect(there()).toBe(text);
  });

  test("a log that is no longer ours gets back what it had", () => {
    put();
    expect(put(["kern.log"]).code).toBe(0);
    expect(parseStanzas(there() ?? "").map((stanza) => stanza.logs.length)).toEqual([1, 5]);
  });

  test("what a package or a person has made of the rest since stays", () => {
    put();
    host.write("logrotate.d/rsyslog", `${there() ?? ""}# by hand\n`);
    expect(put(undefined, 5).code).toBe(0);
    expect(there()).toContain("\trotate 5\n");
    expect(there()).toContain("# by hand\n");
    expect(undo()).toMatchObject({ code: 0, stderr: "" });
    expect(there()).toBe(`${ubuntu(logs)}# by hand\n`);
  });

  test("a package that writes the file anew is followed", () => {
    put();
    const newer = ubuntu(logs).replace("rotate 4", "rotate 7");
    host.write("logrotate.d/rsyslog", newer);
    expect(put().code).toBe(0);
    expect(there()).toBe(managed(logs).replace("rotate 4", "rotate 7"));
    undo();
    expect(there()).toBe(newer);
  });

  test("undone, the file is there byte for byte, with its mode", () => {
    host.write("logrotate.d/rsyslog", ubuntu(logs).trimEnd(), 0o604);
    put();
    expect(host.mode("logrotate.d/rsyslog")).toBe("644");
    expect(undo()).toEqual({ code: 0, stdout: `took our stanza out of ${path}\n`, stderr: "" });
    expect(there()).toBe(ubuntu(logs).trimEnd());
    expect(host.mode("logrotate.d/rsyslog")).toBe("604");
    expect(undo().stdout).toBe(`${path} has nothing of ours\n`);
  });

  test("a fault that was there before us comes back too, and is said", () => {
    // Without missingok, and without the log.
    const text = `${logs}/syslog {\n\tweekly\n}\n`;
    host.write("logrotate.d/rsyslog", text, 0o644);
    put();
    const { code, stdout } = undo();
    expect(code).toBe(0);
    expect(stdout).toContain("logrotate finds a fault in its configuration");
    expect(there()).toBe(text);
  });

  test("where there was no file, there is one, and none again", () => {
    host.call(`rm "${path}"`);
    expect(put().code).toBe(0);
    expect(parseStanzas(there() ?? "")).toHaveLength(1);
    expect(undo().code).toBe(0);
    expect(host.list("logrotate.d")).toEqual([]);
  });

  test.each([
    ["names a log of ours", (log: string) => `${log}/kern.log {\n\tdaily\n}\n`, "duplicate log entry for"],
    ["names it by a pattern", (log: string) => `${log}/*.log {\n\tdaily\n}\n`, "duplicate log entry for"],
    ["cannot be read", () => "/var/log/x {\n\tmaxsize 10KB\n}\n", "unknown unit"],
  ])("is refused while another file %s, which is named", (_, content, reason) => {
    host.write("logrotate.d/zz-aggressive", content(logs), 0o644);
    const { code, stderr } = put();
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(stderr).toContain("zz-aggressive");
    expect(stderr).not.toContain("twisterlab-edge.");
    expect(there()).toBe(ubuntu(logs));
    expect(host.list("logrotate.d")).toEqual(["rsyslog", "zz-aggressive"]);
  });

  test("is taken back when logrotate does not look at our logs afterwards", () => {
    // Others may write to the file: logrotate passes over it, with a good exit code.
    host.stub('validate_logrotate() { chmod 666 "$1"; }');
    expect(put().code).toBe(70);
    expect(there()).toBe(ubuntu(logs));
  });

  test.each([
    ["a stanza that was cut short", () => input().slice(0, -3), "arrived incomplete"],
    ["a stanza of ours without its end", () => input(), "could not be read"],
  ])("refuses %s", (_, broken, reason) => {
    const before = managed(logs).replace("# twisterlab-edge end\n", "");
    host.write("logrotate.d/rsyslog", before, 0o644);
    expect(host.run("log-rotation put", broken())).toMatchObject({
      code: 65,
      stderr: expect.stringContaining(reason) as string,
    });
    expect(there()).toBe(before);
  });

  test("refuses to write through a symbolic link", () => {
    host.call(`mv "${path}" "$RUN/elsewhere" && ln -s "$RUN/elsewhere" "${path}"`);
    expect(put().stderr).toContain("is a symbolic link");
  });

  test("killed anywhere, it is undone or done, and the next run finishes it", () => {
    host.killedBeforeEachCommand("log-rotation put", input(), 3, () => {
      expect([ubuntu(logs), managed(logs)]).toContain(there());
      expect(put().code).toBe(0);
      expect(there()).toBe(managed(logs));
      expect(undo().code).toBe(0);
      expect(there()).toBe(ubuntu(logs));
    });
  });

  test("killed anywhere on its way back, the next run finishes it", () => {
    put();
    host.killedBeforeEachCommand("log-rotation undo", input(), 3, () => {
      expect([ubuntu(logs), managed(logs)]).toContain(there());
      expect(undo().code).toBe(0);
      expect(there()).toBe(ubuntu(logs));
    });
  });

  describe("whatever the file looks like", () => {
    // Paths that are ours and others', in every layout that logrotate reads.
    const log = fc.constantFrom("/l/kern.log", "/l/syslog", "/l/a.log", "/l/b.log", "/l/kern.log.1", "/l/*.txt");
    const header = fc
      .array(fc.tuple(log, fc.constantFrom("\n", " ", "\n\n", "\n# a comment /l/kern.log\n")), {
        minLength: 1,
        maxLength: 5,
      })
      .map((logs) => logs.map(([one, gap]) => one + gap).join(""));
    const body = fc.constantFrom(
      "{\n\tdaily\n}\n",
      "{\n  weekly\n  postrotate\n    x() {\n    }\n  endscript\n}\n",
      "{ rotate 2\n}\n",
      "{\n# /l/kern.log {\n\tsize 1k\n  }\n",
    );
    const stanza = fc.tuple(header, body).map(([top, rest]) => top + rest);
    const between = fc.constantFrom("", "\n", "# a comment\n", "weekly\n", "include /l/d\n");
    const text = fc
      .array(fc.tuple(between, stanza), { maxLength: 4 })
      .map((parts) => parts.flat().join(""))
      .chain((whole) => fc.boolean().map((cut) => (cut ? whole.trimEnd() : whole)));

    test("our logs are nowhere else, every other stays, and it comes back byte for byte", () => {
      const ours = renderRotation({ ...rotation, files: ["/l/kern.log", "/l/syslog"] });
      const texts = fc.sample(text, 15);
      host.write("stanza", ours);
      for (const [index, one] of texts.entries()) {
        host.write(`in/${index}`, one);
      }
      const done = host.call(`
        touch "$RUN/nothing" && mkdir "$RUN/with" "$RUN/twice" "$RUN/without"
        for one in "$RUN/in/"*; do
          name=\${one##*/}
          with_stanza "$RUN/stanza" "$one" > "$RUN/with/$name"
          with_stanza "$RUN/stanza" "$RUN/with/$name" > "$RUN/twice/$name"
          with_stanza /dev/null "$RUN/with/$name" > "$RUN/without/$name"
        done`);
      expect(done).toEqual({ code: 0, stdout: "", stderr: "" });
      const isOurs = (name: string) => ["/l/kern.log", "/l/syslog"].includes(name);
      for (const [index, one] of texts.entries()) {
        const result = host.read(`with/${index}`) ?? "";
        const [first, ...rest] = parseStanzas(result);
        expect(first).toEqual(parseStanzas(ours)[0]);
        expect(rest).toEqual(
          parseStanzas(one)
            .map((stanza) => ({ ...stanza, logs: stanza.logs.filter((name) => !isOurs(name)) }))
            .filter((stanza) => stanza.logs.length > 0),
        );
        expect(host.read(`twice/${index}`)).toBe(result);
        expect(host.read(`without/${index}`)).toBe(one);
      }
    });
  });
});
