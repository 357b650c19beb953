import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseFacts } from "../../components/host/facts.ts";
import { fileInput, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

const HOME = "/var/lib/twisterlab-edge-observer";

describe("on the host", () => {
  let host: ScratchHost;
  beforeEach(() => {
    host = scratchHost(`
      visudo() {
        case $* in
          *--file=*) local words=$*; ! grep --quiet broken "\${words##*--file=}" ;;
          *) [[ ! -e $RUN/fault ]] || { cat -- "$RUN/fault" >&2; return 1; } ;;
        esac
      }
      sudo() { cat -- "$RUN/sudo-\${*: -1}"; }
      # Who calls what: sudo lets in whoever stands in the file \`lets-in\`.
      runuser() { grep --quiet --line-regexp --fixed-strings -- "$2 \${*:7}" "$RUN/lets-in" || return 1; return 65; }
      timeout() { shift; "$@"; }
      need_commands() { :; }
      SUDO_USER=twister
    `);
  });
  afterEach(() => {
    host.remove();
  });

  const rules = (content: string) => fileInput(host.at("rules"), content, { validate: "sudoers", activate: "sudoers" });
  const put = (content: string) => host.run("host-file put", rules(content));

  test("rules that let their caller in are installed", () => {
    host.write("lets-in", "twister observe\n");
    expect(put("twister ALL=...\n")).toEqual({ code: 0, stdout: `installed ${host.at("rules")}\n`, stderr: "" });
  });

  test("rules that visudo does not accept are refused", () => {
    host.write("lets-in", "twister observe\n");
    expect(put("broken\n")).toMatchObject({
      code: 65,
      stderr: expect.stringContaining("visudo does not accept") as string,
    });
    expect(host.read("rules")).toBeUndefined();
  });

  test("rules are refused beside a fault of somebody else's", () => {
    host.write("fault", "/etc/sudoers.d/x: bad permissions, should be mode 0440\n");
    expect(put("twister ALL=...\n").stderr).toContain(
      "have a fault already, mend it first: /etc/sudoers.d/x: bad perm",
    );
  });

  test("rules that keep their caller out are taken back", () => {
    host.write("rules", "before us\n");
    host.stub('runuser() { grep --quiet "before us" "$RUN/rules" && return 65; return 1; }');
    expect(put("nobody ALL=...\n").code).toBe(70);
    expect(host.read("rules")).toBe("before us\n");
  });

  test("an undo that would keep its caller out is not done", () => {
    host.write("lets-in", "twister observe\n");
    put("twister ALL=...\n");
    host.stub("runuser() { [[ -e $RUN/rules ]] && return 65; return 1; }");
    expect(host.run("host-file undo", rules("")).code).toBe(70);
    expect(host.read("rules")).toBe("twister ALL=...\n");
  });

  test.each([
    ["twister observe\ntwisterlab-observer observe\n", 0],
    ["twister observe\n", 70],
    ["twister observe\ntwisterlab-observer observe\ntwisterlab-observer observe more\n", 70],
    ["twister observe\ntwisterlab-observer observe\ntwisterlab-observer watch\n", 70],
  ])("the observer's rule is tried out, and what it must not allow too: %j", (letsIn, code) => {
    host.write("lets-in", letsIn);
    expect(put("twister ALL=...\ntwisterlab-observer ALL=...\n").code).toBe(code);
  });

  test("other rules without a password are found, by account and file, without their arguments", () => {
    host.write("rules", "# comment\nDefaults!x y\ntwister ALL=...\ntwisterlab-observer ALL=...\n");
    host.write(
      "sudo-twister",
      `Matching Defaults entries for twister on edgeserver:
    env_reset, mail_badpass

User twister may run the following commands on edgeserver:

Sudoers entry: /etc/sudoers
    RunAsUsers: ALL
    Commands:
\tALL

Sudoers entry: /etc/sudoers.d/90-cloud-init-users
    RunAsUsers: ALL
    Options: !authenticate
    Commands:
\tALL

Sudoers entry: /etc/sudoers.d/twisterlab-edge
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t${host.at("twisterlab-edge")}

Sudoers entry: /etc/sudoers.d/deploy
    RunAsUsers: root
    Options: setenv, !authenticate
    Commands:
\t/usr/bin/curl -u me:secret https://x
\t/usr/bin/apt
`,
    );
    host.write(
      "sudo-twisterlab-observer",
      `Sudoers entry:\n    RunAsUsers: root\n    Options: !authenticate\n    Commands:\n\t${host.at("twisterlab-edge")} observe\n`,
    );
    const { stdout } = host.call(`SUDO_USER=root; passwordless_sudo ${host.at("rules")}`);
    const facts = parseFacts(`== passwordless-sudo\n${stdout}== end\n`, "00");
    expect(facts.passwordlessSudo).toEqual([
      { user: "twister", file: "/etc/sudoers.d/90-cloud-init-users", commands: ["ALL"] },
      { user: "twister", file: "/etc/sudoers.d/deploy", commands: ["/usr/bin/apt", "/usr/bin/curl"] },
    ]);
    expect(stdout).not.toContain("secret");
  });

  test("before there are rules of ours, those of whoever asks are looked at", () => {
    host.write("sudo-twister", "Sudoers entry: /x\n    Options: !authenticate\n    Commands:\n\tALL\n");
    expect(host.call(`SUDO_USER=twister; passwordless_sudo ${host.at("rules")}`).stdout).toContain('"ALL"');
    expect(host.call(`SUDO_USER=; passwordless_sudo ${host.at("rules")}`).stdout).toBe("[]\n");
  });
});

describe("observer-account", () => {
  let host: ScratchHost;
  beforeEach(() => {
    // /etc/passwd is the file \`account\`, /etc/shadow the file \`password\`.
    host = scratchHost(`
      getent() { [[ -e $RUN/account ]] && printf '%s\\n' "$(< "$RUN/account")" || return 2; }
      passwd() { printf 'twisterlab-observer %s 2026-11-21 -1 -1 -1 -1\\n' "$(< "$RUN/password")"; }
      useradd() { printf 'useradd %s\\n' "$*" >> "$RUN/done"; echo "twisterlab-observer:x:989:65534:c:${HOME}:/bin/sh" > "$RUN/account"; echo L > "$RUN/password"; }
      usermod() { printf 'usermod %s\\n' "$*" >> "$RUN/done"; useradd > /dev/null; }
      userdel() { [[ ! -e $RUN/logged-in ]] || return 8; rm -- "$RUN/account"; }
      install() { printf 'install %s\\n' "$*" >> "$RUN/done"; }
      rmdir() { printf 'rmdir %s\\n' "$*" >> "$RUN/done"; }
      need_commands() { :; }
    `);
  });
  afterEach(() => {
    host.remove();
  });
  const input = "item: host-access-account\n\n";
  const facts = () =>
    parseFacts(`== observer-account\n${host.call("observer_account").stdout}== end\n`, "00").observerAccount;

  test("makes the account once, without a password, with a home of root's", () => {
    expect(facts()).toBeNull();
    expect(host.run("observer-account put", input)).toMatchObject({ code: 0, stderr: "" });
    expect(facts()).toEqual({ home: HOME, shell: "/bin/sh", password: "L" });
    const done = host.read("done") ?? "";
    expect(done).toMatch(/^useradd --system .* --shell \/bin\/sh --password \* /);
    expect(done).toContain(`install --directory --owner=root --group=root --mode=0755 -- ${HOME} ${HOME}/.ssh\n`);
    host.run("observer-account put", input);
    expect(host.read("done")?.match(/useradd/g)).toHaveLength(1);
    expect(host.read("done")).not.toContain("usermod");
  });

  test("mends what somebody changed about it", () => {
    host.run("observer-account put", input);
    host.write("account", `twisterlab-observer:x:989:65534:c:/root:/bin/bash\n`);
    host.run("observer-account put", input);
    expect(host.read("done")).toContain("usermod --home");
  });

  test("refuses an account that it did not make, and does not remove it", () => {
    host.write("account", `twisterlab-observer:x:989:65534:c:${HOME}:/bin/sh\n`);
    host.write("password", "P\n");
    expect(host.run("observer-account put", input)).toMatchObject({
      code: 65,
      stderr: expect.stringContaining("that this program did not make") as string,
    });
    expect(host.run("observer-account undo", input).stdout).toContain("was never made by us");
    expect(host.read("account")).toBeDefined();
  });

  test("removes what it made, unless somebody is in it", () => {
    host.run("observer-account put", input);
    host.write("logged-in", "");
    expect(host.run("observer-account undo", input).code).toBe(65);
    expect(host.read("account")).toBeDefined();
    rmSync(host.at("logged-in"));
    expect(host.run("observer-account undo", input).stdout).toBe("removed twisterlab-observer\n");
    expect(host.read("account")).toBeUndefined();
    expect(host.list("state/items")).toEqual([]);
  });

  test("is finished by the next run when it was killed before the account was there", () => {
    host.stub("useradd() { kill -KILL $$; }");
    host.run("observer-account put", input);
    host.stub(
      'useradd() { echo "twisterlab-observer:x:989:65534:c:/h:/bin/sh" > "$RUN/account"; echo L > "$RUN/password"; }',
    );
    expect(host.run("observer-account put", input).code).toBe(0);
    expect(host.run("observer-account undo", input).stdout).toBe("removed twisterlab-observer\n");
  });
});

describe("observe, as the observer's key reaches it", () => {
  let host: ScratchHost;
  beforeEach(() => {
    host = scratchHost('section() { printf "== %s\\n" "$1"; }');
  });
  afterEach(() => {
    host.remove();
  });

  test.each([
    ["nothing", ""],
    ["another parameter", "key: 00\nitem: x\n\n"],
    ["a verb's parameters", "item: host-access-sudo\npath: /etc/shadow\n\n"],
    ["sftp", "\0\0\0\u0005\u0001\0\0\0\u0003"],
    ["shell", "id\n\n"],
    ["a key that is none", "key: $(id)\n\n"],
    ["a key that python would choke on", "key: zz\n\n"],
    ["an endless line", `key: ${"0".repeat(1_000_000)}`],
    ["endless lines", "key: 00\n".repeat(100_000)],
  ])("refuses %s", (_, input) => {
    const { code, stdout } = host.run("observe", input);
    expect(stdout).toBe("");
    expect(code).toBe(65);
  });

  test("takes a key, and does not look at what follows", () => {
    const { code, stdout } = host.run("observe", "key: 00ff\n\nitem: x\n\nanything");
    expect(stdout).toContain("== end\n");
    expect(code).toBe(0);
  });

  test("is one word: with another one it is not observe", () => {
    host.stub("take_turn() { :; }");
    expect(host.run("observe more", "key: 00\n\n").code).toBe(64);
  });
});
