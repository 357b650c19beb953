import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../components/host/bundle.ts";
import { parseStanzas, renderRotation } from "../../components/host/render/logrotate.ts";
import { renderParameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, OWNER, scratchHost, type ScratchHost } from "../support/hostScripts.ts";
import { managed, rotation, ubuntu } from "../support/rsyslogStanza.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

describe("on the host", () => {
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
