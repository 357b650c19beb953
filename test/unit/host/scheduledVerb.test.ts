import { describe, expect, test } from "vitest";
import { renderCalendar, renderService, renderTimer } from "../../../components/host/render/units.ts";
import { planTimer } from "../../../components/host/scheduledVerb.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";

describe("the units", () => {
  test("give the verb its parameters by standard input, whatever is in them", () => {
    const parameters = { threshold: 80, mounts: "/ /twisterlab/data%s\\x" };
    expect(renderService({ description: "Looks", verb: "disk-alert", parameters, timeout: 5 })).toMatchInlineSnapshot(`
      "# Written by twisterlab-edge; change it there.
      [Unit]
      Description=Looks
      ConditionPathExists=/usr/local/sbin/twisterlab-edge

      [Service]
      Type=oneshot
      ExecStart=/usr/local/sbin/twisterlab-edge disk-alert
      StandardInput=data
      StandardInputText=threshold: 80\\nmounts: / /twisterlab/data%%s\\\\x\\n
      SyslogIdentifier=twisterlab-edge-disk-alert
      TimeoutStartSec=5min
      Nice=19
      IOSchedulingClass=idle
      "
    `);
  });

  test("make up for a run that was missed", () => {
    expect(renderTimer({ description: "Looks", calendar: "hourly" })).toMatchInlineSnapshot(`
      "# Written by twisterlab-edge; change it there.
      [Unit]
      Description=Looks

      [Timer]
      OnCalendar=hourly
      AccuracySec=1m
      Persistent=true

      [Install]
      WantedBy=timers.target
      "
    `);
  });

  test("a calendar takes the place of what the timer had", () => {
    expect(renderCalendar("hourly")).toMatch(/^\[Timer\]\nOnCalendar=\nOnCalendar=hourly\nRandomizedDelaySec=0\n/m);
  });
});

describe("the plan of a timer", () => {
  const file = { path: "/etc/systemd/system/x.timer", content: "[Timer]\n" };
  const there = (units: Parameters<typeof seen>[0]["units"] = {}) =>
    seen({ files: { [file.path]: fileFact(file.content) }, units });

  test.each([
    [blind, "not measured", "/etc/systemd/system/x.timer is written; it looks each hour"],
    [seen({ files: { [file.path]: null } }), "differs", "is not there yet; it looks each hour"],
    [there({ "x.timer": { enabled: "enabled", active: "active" } }), "in sync", "is as wanted"],
    // systemd was not asked: nothing is made up.
    [there(), "in sync", "is as wanted"],
    [there({ "x.timer": { enabled: "disabled", active: "active" } }), "differs", "yet x.timer is disabled and active"],
    [there({ "x.timer": { enabled: "enabled", active: "failed" } }), "differs", "yet x.timer is enabled and failed"],
    [
      there({ "x.timer": { enabled: "", active: "inactive" } }),
      "differs",
      "x.timer is not known to systemd and inactive",
    ],
  ] as const)("is by its file and by what systemd makes of it: %#", (observation, state, sentence) => {
    const plan = planTimer(file, "x.timer", observation, "it looks each hour");
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });
});
