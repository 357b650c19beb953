import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderCalendar, renderTimer } from "../../components/host/render/units.ts";
import { fileInput, OWNER, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

describe("on the host", () => {
  /**
   * A systemd that keeps in files which units are on; `next` is when they elapse, in seconds from now. It knows a timer only
   * while its file is there.
   */
  const SYSTEMD = `
timeout() { shift; "$@"; }
wait_until() { shift; "$@"; }
systemd-analyze() {
  [[ $1 == verify ]]
  cp -- "\${*: -1}" "$RUN/verified"
  [[ ! -d \${*: -1}.d ]] || cat -- "\${*: -1}.d/"* >> "$RUN/verified"
  ! grep nonsense "$RUN/verified"
}
systemctl() {
  local unit=\${*: -1}
  printf '%s\\n' "$*" >> "$RUN/systemctl"
  case $* in
    enable*) : > "$RUN/enabled.$unit" ;;
    "restart "*timer) : > "$RUN/active.$unit" ;;
    stop*) rm -f -- "$RUN/active.$unit" ;;
    is-active*) [[ -e $RUN/active.$unit ]] && echo active ;;
    is-enabled*) [[ -e $RUN/enabled.$unit ]] ;;
    *FragmentPath*) printf '%s\\n' "$RUN/lib/$unit" ;;
    *LoadState*) echo loaded ;;
    *SubState*) if [[ -e $RUN/running ]]; then echo running; else echo waiting; fi ;;
    *NextElapse*) date --utc --date="$(cat "$RUN/next") seconds" ;;
  esac
}
`;
  let host: ScratchHost;
  beforeEach(() => {
    host = scratchHost(SYSTEMD);
    host.write("next", "3000");
  });
  afterEach(() => {
    host.remove();
  });

  const timer = renderTimer({ description: "Looks", calendar: "hourly" });
  const input = (name: string, content: string, activate: string) =>
    fileInput(host.at(name), content, { item: "x", mode: "644", owner: OWNER, validate: "unit", activate });
  const put = (name: string, content: string, activate = "timer") =>
    host.run("host-file put", input(name, content, activate));
  const undo = (name: string, content: string) => host.run("host-file undo", input(name, content, "timer"));

  test("a service is known to systemd under its own name", () => {
    expect(put("units/x.service", "[Service]\n", "unit")).toMatchObject({ code: 0, stderr: "" });
    expect(host.read("verified")).toBe("[Service]\n");
    expect(host.read("systemctl")).toContain("daemon-reload\nshow --property LoadState --value x.service\n");
  });

  test("a timer is switched on with its file, and off without it", () => {
    host.write("units/timers.target.wants/x.timer", "");
    expect(put("units/x.timer", timer)).toMatchObject({ code: 0, stderr: "" });
    expect(host.list(".")).toEqual(expect.arrayContaining(["active.x.timer", "enabled.x.timer"]));
    expect(undo("units/x.timer", timer)).toMatchObject({ code: 0, stderr: "" });
    expect(host.list(".")).not.toContain("active.x.timer");
    expect(host.list("units")).toEqual(["timers.target.wants"]);
    expect(host.list("units/timers.target.wants")).toEqual([]);
  });

  test("a timer that somebody switched off is switched on again, although its file is the same", () => {
    put("units/x.timer", timer);
    expect(put("units/x.timer", timer).stdout).toContain("is as wanted");
    host.call("systemctl stop x.timer");
    expect(put("units/x.timer", timer).stdout).toContain("installed");
    expect(host.list(".")).toContain("active.x.timer");
  });

  test("what systemd cannot read is refused", () => {
    const { code, stderr } = put("units/x.timer", `${timer}nonsense`);
    expect(code).toBe(65);
    expect(stderr).toContain("systemd-analyze verify does not accept the new");
    expect(host.list("units")).toEqual([]);
  });

  test.each([
    ["an hourly timer that elapses later", timer, "3800", 70],
    ["an hourly timer within its hour and a minute", timer, "3650", 0],
    ["a timer of each quarter of an hour that elapses later", timer.replace("hourly", "*:0/15"), "1000", 70],
    ["a timer of each quarter of an hour", timer.replace("hourly", "*:0/15"), "950", 0],
    ["a daily timer", timer.replace("hourly", "daily"), "86000", 0],
    ["a daily timer that elapses next year", timer.replace("hourly", "daily"), "9999999", 70],
  ])("the next time is looked at: %s", (_, content, next, expected) => {
    host.write("next", next);
    expect(put("units/x.timer", content).code).toBe(expected);
    expect(host.list("units")).toEqual(expected === 0 ? ["x.timer"] : []);
  });

  test("a timer whose service runs just now has no next time yet", () => {
    host.write("next", "9999999");
    host.write("running", "");
    expect(put("units/x.timer", timer).code).toBe(0);
  });

  describe("of somebody else's timer", () => {
    const name = "units/logrotate.timer.d/50.conf";
    beforeEach(() => {
      host.write("lib/logrotate.timer", "[Timer]\nOnCalendar=daily\n");
      host.write("active.logrotate.timer", "");
      host.write("enabled.logrotate.timer", "");
    });

    test("the calendar is checked together with the timer, and taken up", () => {
      expect(put(name, renderCalendar("hourly"))).toMatchObject({ code: 0, stderr: "" });
      expect(host.read("verified")).toBe(`[Timer]\nOnCalendar=daily\n${renderCalendar("hourly")}`);
      expect(host.read("systemctl")).toContain("try-restart logrotate.timer");
      expect(host.read("systemctl")).not.toContain("enable ");
    });

    test.each(["active", "enabled"])("that is not %s: nothing is changed, and it stays off", (state) => {
      host.call(`rm "$RUN/${state}.logrotate.timer"`);
      const { code, stderr } = put(name, renderCalendar("hourly"));
      expect(code).toBe(65);
      expect(stderr).toContain("logrotate.timer is switched off");
    });

    test("that was switched off since, the drop-in is still undone", () => {
      put(name, renderCalendar("hourly"));
      host.call('rm "$RUN/active.logrotate.timer"');
      expect(undo(name, renderCalendar("hourly"))).toMatchObject({ code: 0, stderr: "" });
      expect(host.list("units/logrotate.timer.d")).toEqual([]);
      expect(host.list(".")).not.toContain("active.logrotate.timer");
    });

    test("the old calendar comes back when the new one is not taken up", () => {
      host.write("next", "80000");
      expect(put(name, renderCalendar("hourly")).code).toBe(70);
      expect(host.list("units/logrotate.timer.d")).toEqual([]);
    });
  });
});
