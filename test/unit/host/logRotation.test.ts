import { describe, expect, test } from "vitest";
import type { HostFacts } from "../../../components/host/facts.ts";
import { planHourly, planRotation } from "../../../components/host/logRotation.ts";
import { isTaboo, parseStanzas, renderRotation } from "../../../components/host/render/logrotate.ts";
import { renderCalendar } from "../../../components/host/render/units.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";
import { managed, rotation, ubuntu } from "../../support/rsyslogStanza.ts";

const PATH = "/etc/logrotate.d/rsyslog";

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
