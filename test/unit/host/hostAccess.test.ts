import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeHost, readLoginKey, readObserverKey, type LoginKey } from "../../../components/host/connection.ts";
import { type HostFacts } from "../../../components/host/facts.ts";
import { planObserverAccount, planSudoRules } from "../../../components/host/hostAccess.ts";
import { renderAuthorizedKeys } from "../../../components/host/render/authorizedKeys.ts";
import { renderSudoRules } from "../../../components/host/render/sudoRules.ts";
import type { Site } from "../../../components/settings/site.ts";
import { readSiteFile } from "../../../components/settings/siteFile.ts";
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
