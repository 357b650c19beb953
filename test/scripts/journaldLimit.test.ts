import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { renderJournald } from "../../components/host/render/journald.ts";
import { fileInput, OWNER, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

const MIB = 2 ** 20;
const DAY = 86_400;
const content = renderJournald({ maxUse: 500 * MIB, retention: 3 * DAY });

describe("on the host", () => {
  /** journald reads `files`, one after the other, and says what it will take at most when it is restarted. */
  const JOURNALD = `
timeout() { shift; "$@"; }
# A second look costs time here, and sees the same.
wait_until() { shift; "$@"; }
systemd-analyze() {
  local file
  for file in "$RUN/journald.conf.d/"*; do
    printf '# %s\\n' "$file" && cat -- "$file"
  done
}
systemctl() {
  case $* in
    restart*) sed -n 's/^SystemMaxUse=//p' "$RUN/journald.conf.d/"* | tail -n 1 | numfmt --from=iec > "$RUN/limit" ;;
    is-active*) [[ ! -e $RUN/down ]] ;;
    *MainPID*) echo 4711 ;;
  esac
}
journalctl() { [[ $* == *_PID=4711* ]] && cat -- "$RUN/limit"; }
`;
  let host: ScratchHost;
  beforeEach(() => {
    host = scratchHost(JOURNALD);
    vi.stubEnv("TWISTERLAB_EDGE_JOURNAL", host.folder);
    host.write("journald.conf.d/size-limit.conf", "[Journal]\nSystemMaxUse=1G\n");
  });
  afterEach(() => {
    host.remove();
    vi.unstubAllEnvs();
  });

  const path = () => host.at("journald.conf.d/zz-twisterlab-edge.conf");
  const put = (text = content) =>
    host.run(
      "host-file put",
      fileInput(path(), text, { mode: "644", owner: OWNER, validate: "journald", activate: "journald" }),
    );

  test("is installed, and counts", () => {
    expect(put()).toEqual({ code: 0, stdout: `installed ${path()}\n`, stderr: "" });
    expect(host.read("limit")).toBe("524288000\n");
    expect(put().stdout).toBe(`${path()} is as wanted\n`);
  });

  test("is refused while a later file has another value, which is named", () => {
    host.write("journald.conf.d/zzz.conf", "[Journal]\n SystemMaxUse = 4G\nStorage=auto\n");
    const { code, stderr } = put();
    expect(code).toBe(65);
    expect(stderr).toContain(`(${host.at("journald.conf.d/zzz.conf")} SystemMaxUse=4G)`);
    expect(host.read("limit")).toBeUndefined();
    host.write("journald.conf.d/zzz.conf", "[Journal]\nSystemMaxUse=500M\n[Other]\nMaxFileSec=1week\n");
    expect(put().code).toBe(0);
  });

  test.each([
    [
      "journald does not come up",
      'systemctl() { [[ $* != *active* || ! -e "$RUN/journald.conf.d/zz-twisterlab-edge.conf" ]]; }',
    ],
    [
      "journald says another limit",
      'journalctl() { [[ -e "$RUN/journald.conf.d/zz-twisterlab-edge.conf" ]] && echo 4294967296; }',
    ],
    ["journald says none", "journalctl() { :; }"],
    [
      "our file is not among those it reads",
      'systemd-analyze() { printf "# /etc/systemd/journald.conf\\n[Journal]\\n"; }',
    ],
  ])("is taken back when %s", (_, fault) => {
    host.stub(fault);
    const { code, stderr } = put();
    expect(stderr).toContain("failed, the old state is back");
    expect(code).toBe(70);
    expect(host.list("journald.conf.d")).toEqual(["size-limit.conf"]);
  });

  test("of a journal that is in memory alone no limit is asked", () => {
    vi.stubEnv("TWISTERLAB_EDGE_JOURNAL", host.at("none"));
    host.stub("journalctl() { :; }");
    expect(put().code).toBe(0);
  });

  test("is undone", () => {
    put();
    const undo = host.run("host-file undo", fileInput(path(), content, { validate: "journald", activate: "journald" }));
    expect(undo).toMatchObject({ code: 0, stderr: "" });
    expect(host.list("journald.conf.d")).toEqual(["size-limit.conf"]);
  });
});
