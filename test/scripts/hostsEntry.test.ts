import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

const NAME = "harbor.twisterlab.local";
const HOSTS = "127.0.0.1 localhost\n127.0.1.1 edgeserver # this machine\n\n::1 ip6-localhost\n";
const OURS = `${HOSTS}192.168.0.30 ${NAME} # twisterlab-edge\n`;

let host: ScratchHost;

beforeEach(() => {
  // What the resolver would answer, from the file alone.
  host = scratchHost('getent() { awk -v name="$3" \'{ sub(/#.*/, ""); if ($2 == name) print }\' "$RUN/hosts"; }');
  host.write("hosts", HOSTS, 0o664);
});
afterEach(() => {
  host.remove();
});

const input = (more: Parameters = {}) =>
  renderParameters({ item: "registry-name", name: NAME, address: "192.168.0.30", ...more });
const put = (more: Parameters = {}) => host.run("hosts-entry put", input(more));
const undo = () => host.run("hosts-entry undo", input());

describe("a name in /etc/hosts", () => {
  test("is added in a line of its own, once, and taken out again", () => {
    expect(put()).toEqual({ code: 0, stdout: `${NAME} is 192.168.0.30\n`, stderr: "" });
    expect(host.read("hosts")).toBe(OURS);
    expect(host.mode("hosts")).toBe("664");
    expect(put().code).toBe(0);
    expect(host.read("hosts")).toBe(OURS);
    expect(undo().code).toBe(0);
    expect(host.read("hosts")).toBe(HOSTS);
    expect(undo().code).toBe(0);
    expect(host.list(".").filter((name) => name.includes("dpkg-tmp"))).toEqual([]);
  });

  test("gets another address", () => {
    put();
    expect(put({ address: "192.168.0.100" }).stdout).toBe(`${NAME} is 192.168.0.100\n`);
    expect(host.read("hosts")).toBe(OURS.replace("192.168.0.30", "192.168.0.100"));
  });

  test("leaves what others add in the meantime", () => {
    put();
    host.write("hosts", `10.0.0.1 theirs\n${OURS}10.0.0.2 theirs-too\n`);
    undo();
    expect(host.read("hosts")).toBe(`10.0.0.1 theirs\n${HOSTS}10.0.0.2 theirs-too\n`);
  });

  test("is put after a last line without an end", () => {
    host.write("hosts", HOSTS.trimEnd());
    put();
    expect(host.read("hosts")).toBe(OURS);
  });

  test("is refused where another line has it, in whatever letters and place", () => {
    host.write("hosts", `${HOSTS}192.168.0.9 registry Harbor.TwisterLab.local\n`);
    expect(put()).toMatchObject({ code: 65, stderr: expect.stringContaining("already, as 192.168.0.9") as string });
    expect(host.read("hosts")).toContain("192.168.0.9");
    expect(host.read("hosts")).not.toContain("twisterlab-edge");
  });

  test.each([
    [{ name: "harbor local" }, "is not a host's name"],
    [{ name: ".*" }, "is not a host's name"],
    [{ address: "here" }, "is not an address"],
  ])("is refused for %j", (more, sentence) => {
    expect(put(more)).toMatchObject({ code: 65, stderr: expect.stringContaining(sentence) as string });
    expect(host.read("hosts")).toBe(HOSTS);
  });

  test("fails where the resolver does not read the file, and says where to look", () => {
    host.stub("getent() { return 2; }");
    expect(put()).toMatchObject({ code: 70, stderr: expect.stringContaining("/etc/nsswitch.conf") as string });
  });

  test("is there or not, when it is killed", () => {
    host.killedBeforeEachCommand("hosts-entry put", input(), 4, () => {
      expect([HOSTS, OURS]).toContain(host.read("hosts"));
      expect(put().code).toBe(0);
      expect(host.read("hosts")).toBe(OURS);
      host.write("hosts", HOSTS, 0o664);
    });
  });
});
