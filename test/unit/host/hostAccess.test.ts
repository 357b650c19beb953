import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeHost, readLoginKey, readObserverKey, type LoginKey } from "../../../components/host/connection.ts";
import { parseFacts, type HostFacts } from "../../../components/host/facts.ts";
import { planObserverAccount, planSudoRules } from "../../../components/host/hostAccess.ts";
import { renderAuthorizedKeys } from "../../../components/host/render/authorizedKeys.ts";
import { renderSudoRules } from "../../../components/host/render/sudoRules.ts";
import type { Site } from "../../../components/settings/site.ts";
import { readSiteFile } from "../../../components/settings/siteFile.ts";
import { fileInput, scratchHost, type ScratchHost } from "../../support/hostScripts.ts";
import { FROZEN_SITE_FILE } from "../../support/mocks.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";
import { phase0With } from "../../support/phase0.ts";

const RULES = "/etc/sudoers.d/twisterlab-edge";
const HOME = "/var/lib/twisterlab-edge-observer";

describe("the rules for sudo", () => {
  test("are for the entry point, and the observer's for one verb of it", () => {
    expect(renderSudoRules({ user: "twister", observer: true })).toMatchInlineSnapshot(`
      "# twisterlab-edge: its entry point without a password, and nothing else. Written by its program: edit it there.
      Defaults!/usr/local/sbin/twisterlab-edge env_reset, !env_keep, !requiretty, !log_input
      twister ALL=(root) NOPASSWD: /usr/local/sbin/twisterlab-edge
      twisterlab-observer ALL=(root) NOPASSWD: /usr/local/sbin/twisterlab-edge observe
      "
    `);
    expect(renderSudoRules({ user: "twister", observer: false })).not.toContain("observe");
  });

  const args = { user: "twister", observer: true };
  const withRules = (facts: Partial<HostFacts> = {}) =>
    seen({ files: { [RULES]: fileFact(renderSudoRules(args), { mode: "440" }) }, ...facts });

  test.each([
    [blind, "not measured", `${RULES} is written; sudo lets twister call /usr/local/sbin/twisterlab-edge without`],
    [seen({ files: { [RULES]: null } }), "differs", "is not there yet; sudo lets twister call"],
    [withRules(), "in sync", `${RULES} is as wanted`],
    [seen({ files: { [RULES]: fileFact(renderSudoRules(args)) } }), "differs", "has mode 644, wanted 440"],
  ] as const)("are compared as a file: %#", (observation, state, sentence) => {
    const plan = planSudoRules(args, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
    expect(plan.notes).toBeUndefined();
  });

  test("tell of others that let the same account do more", () => {
    const passwordlessSudo = [
      { user: "twister", file: "/etc/sudoers.d/90-cloud-init-users", commands: ["ALL"] },
      { user: "twister", file: null, commands: ["/usr/bin/apt", "/usr/bin/systemctl"] },
    ];
    expect(planSudoRules(args, withRules({ passwordlessSudo })).notes).toEqual([
      "the key that applies can do everything: /etc/sudoers.d/90-cloud-init-users lets twister run any command without a password; take that out when you no longer need it",
      "a rule of sudo lets twister run /usr/bin/apt, /usr/bin/systemctl without a password",
    ]);
  });
});

describe("the observer's account", () => {
  const account = { home: HOME, shell: "/bin/sh", password: "L" };
  const ours = { items: { "host-access-account": { armed: false, revision: 1 } } };

  test.each([
    [blind, "not measured", "the account twisterlab-observer is made"],
    // An entry point from before this item says nothing of it.
    [seen({}), "not measured", "the account twisterlab-observer is made"],
    [seen({ observerAccount: null }), "differs", "the account twisterlab-observer is made"],
    [seen({ observerAccount: account }), "differs", "did not make: up will refuse"],
    [seen({ observerAccount: account, ...ours }), "in sync", "is as wanted"],
    [
      seen({ observerAccount: { ...account, shell: "/bin/bash" }, ...ours }),
      "differs",
      "has the shell /bin/bash: mended",
    ],
    [seen({ observerAccount: { ...account, home: "/root" }, ...ours }), "differs", "has the home /root"],
    [seen({ observerAccount: { ...account, password: "P" }, ...ours }), "differs", "can get in with a password"],
  ] as const)("is compared: %#", (observation, state, sentence) => {
    const plan = planObserverAccount("host-access-account", observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test("its key is tied to one command, with no way around it", () => {
    expect(renderAuthorizedKeys("ssh-ed25519 AAAA")).toBe(
      'restrict,command="sudo -n /usr/local/sbin/twisterlab-edge observe" ssh-ed25519 AAAA\n',
    );
  });
});

describe("phase 0 registers", () => {
  const key = `ssh-ed25519 ${ED25519}`;

  test("the account before the rules that name it, and its key last", async () => {
    const named = await phase0With({ access: { observerKey: `${key} somebody@somewhere` } });
    expect(named("host-access-account-apply")?.inputs).toMatchObject({
      create: "sudo -n /usr/local/sbin/twisterlab-edge observer-account put --revision 1",
      delete: "sudo -n /usr/local/sbin/twisterlab-edge observer-account undo",
      stdin: "item: host-access-account\n\n",
    });
    expect(named("host-access-sudo")?.dependsOn).toEqual(["host-access-account-apply"]);
    expect(named("host-access-sudo-apply")?.inputs["stdin"]).toMatch(
      /mode: 440\nowner: root:root\nvalidate: sudoers\nactivate: sudoers\npath: \/etc\/sudoers\.d\/twisterlab-edge\nconfirm_within: /,
    );
    expect(named("host-access-sudo-confirm")).toBeDefined();
    expect(named("host-access-key-apply")?.inputs["stdin"]).toContain(`\nrestrict,command="sudo -n `);
    expect(named("host-access-key-apply")?.inputs["stdin"]).toMatch(new RegExp(`" ${key.replaceAll("+", "\\+")}\n$`));
    expect(named("host-access-key")?.dependsOn).toContain("host-access-sudo-confirm");
  });

  test("rules for the account that applies alone, where nobody gave an observer's key", async () => {
    const named = await phase0With({});
    expect(named("host-access-account-apply")).toBeUndefined();
    expect(named("host-access-key")).toBeUndefined();
    expect(named("host-access-sudo-apply")?.inputs["stdin"]).not.toContain("twisterlab-observer");
  });
});

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

describe("observing with the observer's key", () => {
  const apply = keyPair();
  const observer = keyPair();
  const hostKey = keyPair();
  let asked: { user: string; key: "apply" | "observer"; command?: string }[];
  let lets: (user: string, key: string) => boolean;
  let answers: (command: string, user: string) => number;
  let server: ssh2.Server;
  let folder: string;

  beforeEach(async () => {
    asked = [];
    lets = () => true;
    answers = () => 0;
    folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-access-"));
    server = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, (client) => {
      let user = "";
      client.on("error", () => undefined);
      client.on("authentication", (context) => {
        if (context.method !== "publickey") {
          context.reject(["publickey"]);
          return;
        }
        const key = context.key.data.equals(observer.blob) ? "observer" : "apply";
        asked.push({ user: context.username, key });
        user = context.username;
        if (lets(context.username, key)) {
          context.accept();
        } else {
          context.reject(["publickey"]);
        }
      });
      client.on("session", (accept) => {
        accept().on("exec", (open, _, { command }) => {
          const last = asked.at(-1);
          if (last !== undefined) {
            last.command = command;
          }
          const channel = open();
          channel.on("end", () => {
            const code = answers(command, user);
            if (code === 0) {
              channel.write("== kernel\n6.8.0\n== end\n");
            } else {
              channel.stderr.write("sudo: a password is required\n");
            }
            channel.exit(code);
            channel.end();
          });
          channel.resume();
        });
      });
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await new Promise<void>((closed) => {
      server.close(() => {
        closed();
      });
    });
  });

  const site = (): Site => {
    const edge = readSiteFile(FROZEN_SITE_FILE, "edge");
    const ssh = { ...edge.host.ssh, port: (server.address() as AddressInfo).port, hostKey: hostKey.publicKey };
    return { ...edge, host: { ...edge.host, address: "127.0.0.1", ssh } };
  };
  const key = (privateKey: string): LoginKey => ({ privateKey });

  test("takes that account and that key, and names no command but its own", async () => {
    const seenThere = await observeHost(site(), key(apply.privateKey), key(observer.privateKey));
    expect(seenThere).toMatchObject({ facts: { kernel: "6.8.0" } });
    expect(seenThere).not.toHaveProperty("remark");
    expect(asked.at(-1)).toEqual({ user: "twisterlab-observer", key: "observer", command: "observe" });
    expect(asked.some(({ user }) => user === "twister")).toBe(false);
  });

  test("needs no key that applies", async () => {
    const seenThere = await observeHost(site(), { missing: "there is no SSH key" }, key(observer.privateKey));
    expect(seenThere).toHaveProperty("facts");
  });

  test.each([
    ["the host does not know the key", () => (lets = (user) => user === "twister"), /authentication methods failed/],
    [
      "sudo does not let the account in",
      () => (answers = (_, user) => (user === "twister" ? 0 : 1)),
      /a password is required/,
    ],
  ])("falls back to the key that applies, and says so, when %s", async (_, given, reason) => {
    given();
    const seenThere = await observeHost(site(), key(apply.privateKey), key(observer.privateKey));
    expect(seenThere).toMatchObject({ facts: { kernel: "6.8.0" }, remark: expect.stringMatching(reason) as string });
    expect(asked.at(-1)).toMatchObject({ user: "twister", key: "apply" });
  });

  test("falls back when the key's file is not there", async () => {
    const missing = readObserverKey(join(folder, "none"));
    const seenThere = await observeHost(site(), key(apply.privateKey), missing);
    expect(seenThere).toMatchObject({
      remark: `observed with the key that applies, because the observer key did not do: there is no SSH key at ${folder}/none`,
    });
  });

  test("is blind, for both reasons, when neither key does", async () => {
    lets = () => false;
    const seenThere = await observeHost(site(), key(apply.privateKey), key(observer.privateKey));
    expect(seenThere).toMatchObject({
      blind: expect.stringMatching(/^twisterlab-observer@.*methods failed; twister@.*methods failed$/) as string,
    });
  });

  test("is not tried twice on a host that does not answer", async () => {
    const nowhere = site();
    const ssh = { ...nowhere.host.ssh, port: 1 };
    const seenThere = await observeHost(
      { ...nowhere, host: { ...nowhere.host, ssh } },
      key(apply.privateKey),
      key(observer.privateKey),
    );
    expect(seenThere).toEqual({ blind: expect.stringMatching(/^twisterlab-observer@.*ECONNREFUSED[^;]*$/) as string });
  });

  test("a key file that is none stops the preview, and names its own setting", () => {
    writeFileSync(join(folder, "key"), "ssh-ed25519 AAAA\n");
    expect(() => readObserverKey(join(folder, "key"))).toThrow(/^host\.ssh\.observerKeyFile: .* is not a private key/);
    expect(() => readLoginKey(join(folder, "key"), undefined)).toThrow(/^host\.ssh\.keyFile: /);
    expect(() => readObserverKey(folder)).toThrow("or name another with TWISTERLAB_OBSERVER_KEY_FILE");
    expect(readObserverKey(undefined)).toBeUndefined();
  });
});

const ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";

function keyPair(): { privateKey: string; publicKey: string; blob: Buffer } {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) {
    throw parsed;
  }
  const blob = parsed.getPublicSSH();
  return { privateKey, publicKey: `ssh-rsa ${blob.toString("base64")}`, blob };
}
