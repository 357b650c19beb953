import { generateKeyPairSync } from "node:crypto";
import type { AddressInfo } from "node:net";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readLoginKey } from "../../../components/host/connection.ts";
import { scriptBundle } from "../../../components/host/bundle.ts";
import { callHost, observe, scanHostKey, type HostTarget } from "../../../components/host/observation.ts";

// Against the SSH library's own server; a real OpenSSH server answers in test/engine/reachableHost.test.ts.

const FACTS = "== machine-id\n0123\n== kernel\n6.8.0\n== end\n";

const HOST_KEY = rsaKey();
const USER_KEY = rsaKey();

let answer: { output: string; errors?: string; code?: number; commands: string[]; inputs: string[] };
let server: ssh2.Server;
let target: HostTarget;

beforeEach(async () => {
  answer = { output: FACTS, commands: [], inputs: [] };
  server = new ssh2.Server({ hostKeys: [HOST_KEY] }, (client) => {
    client.on("error", () => undefined);
    // Without, every message waits 40 ms; the types know of it only at the other end of a connection.
    (client as ssh2.Connection & Pick<ssh2.Client, "setNoDelay">).setNoDelay(true);
    client.on("authentication", (context) => {
      if (context.method === "publickey") {
        context.accept();
      } else {
        context.reject(["publickey"]);
      }
    });
    client.on("session", (accept) => {
      accept().on("exec", (open, _, { command }) => {
        answer.commands.push(command);
        const channel = open();
        const input: Buffer[] = [];
        channel.on("data", (chunk: Buffer) => input.push(chunk));
        channel.on("end", () => {
          answer.inputs.push(Buffer.concat(input).toString());
          channel.write(answer.output);
          channel.stderr.write(answer.errors ?? "");
          channel.exit(answer.code ?? 0);
          channel.end();
        });
      });
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const parsed = ssh2.utils.parseKey(HOST_KEY);
  if (parsed instanceof Error) {
    throw parsed;
  }
  target = {
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    user: "twister",
    hostKey: `ssh-rsa ${parsed.getPublicSSH().toString("base64")}`,
    auth: { privateKey: USER_KEY },
    timeout: 5,
  };
});

afterEach(async () => {
  await new Promise<void>((closed) => {
    server.close(() => {
      closed();
    });
  });
});

describe("an observation", () => {
  test("is the host's facts, from one command that reads", async () => {
    expect(await observe(target)).toMatchObject({ facts: { machineId: "0123", kernel: "6.8.0" } });
    expect(answer.commands).toHaveLength(1);
    // The whole of sudo where the account has it, else the entry point that is installed.
    expect(answer.commands[0]).toContain("exec sudo -n bash -s -- observe; fi");
    expect(answer.commands[0]).toMatch(/exec sudo -n \/usr\/local\/sbin\/twisterlab-edge observe$/);
  });

  test("has a key for its hashes that nobody can know beforehand", async () => {
    const keys = [];
    for (let run = 0; run < 2; run++) {
      const observation = await observe(target);
      const hashKey = "facts" in observation ? observation.facts.hashKey : "";
      expect(hashKey).toMatch(/^[0-9a-f]{64}$/);
      expect(answer.inputs.at(-1)).toBe(`${scriptBundle()}key: ${hashKey}\nlimit: 3\n\n`);
      keys.push(hashKey);
    }
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("with a key that may only observe, sends no program and no command line to speak of", async () => {
    expect(await observe({ ...target, observer: true })).toHaveProperty("facts");
    expect(answer.commands).toEqual(["observe"]);
    expect(answer.inputs[0]).toMatch(/^key: [0-9a-f]{64}\nlimit: 3\n\n$/);
  });

  test("believes the machine with the right machine-id only", async () => {
    expect(await observe({ ...target, machineId: "0123" })).toHaveProperty("facts");
    expect(await observe({ ...target, machineId: "4567" })).toEqual({
      blind: "127.0.0.1 is another machine: its machine-id is 0123, the site file has 4567",
    });
    answer.output = "== end\n";
    expect(await observe({ ...target, machineId: "4567" })).toMatchObject({
      blind: expect.stringContaining("its machine-id is not readable") as string,
    });
  });

  test("is blind, with the reason, when sudo asks for a password", async () => {
    Object.assign(answer, { output: "", errors: "sudo: a password is required\n", code: 1 });
    expect(await observe(target)).toMatchObject({
      blind: expect.stringMatching(/was not observed: the host's script ended with 1: sudo: a password/) as string,
    });
    answer.errors = "";
    expect(await observe(target)).toMatchObject({ blind: expect.stringMatching(/ended with 1$/) as string });
  });

  test("is blind to an answer that was cut off", async () => {
    answer.output = FACTS.slice(0, 20);
    expect(await observe(target)).toEqual({
      blind: "127.0.0.1 gave facts that could not be read: what the host answered is incomplete",
    });
  });

  test("asks nothing of a machine with another host key", async () => {
    const other = `${target.hostKey.slice(0, -8)}AAAAAAA=`;
    expect(await observe({ ...target, hostKey: other })).toMatchObject({
      blind: expect.stringMatching(
        /was not observed: it proves itself by the host key SHA256:\S+, and the site file has SHA256:/,
      ) as string,
    });
    expect(answer.commands).toEqual([]);
  });

  test("ends at its time limit", async () => {
    answer.output = "";
    server.removeAllListeners("connection");
    const started = performance.now();
    expect(await observe({ ...target, timeout: 0.3 })).toHaveProperty("blind");
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe("a verb that is called without Pulumi", () => {
  test("gives what the host said, and its parameters are in no command line", async () => {
    answer.output = "anna has the host\n";
    expect(await callHost(target, "lease take", { owner: "anna", seconds: 60 })).toBe("anna has the host\n");
    expect(answer.commands[0]).toContain("bash -s -- lease take;");
    expect(answer.commands[0]).not.toContain("anna");
    expect(answer.inputs[0]).toBe(`${scriptBundle()}owner: anna\nseconds: 60\n\n`);
  });

  test("fails with the last thing the host said", async () => {
    Object.assign(answer, { output: "", errors: "noise\nthe host is held by 'bert'\n", code: 65 });
    await expect(callHost(target, "lease take", { owner: "anna" })).rejects.toThrow(
      /^the host's script ended with 65: the host is held by 'bert'$/,
    );
  });
});

test("a host key can be read off a machine before anybody trusts it; this one has none of the wanted type", async () => {
  await expect(scanHostKey(target)).rejects.toThrow();
  const address = { address: "127.0.0.1", port: 1, timeout: 1 };
  await expect(scanHostKey(address)).rejects.toThrow("ECONNREFUSED");
});

test("the ssh-agent is used when the site file says so and one is running", () => {
  expect(readLoginKey("agent", "/run/agent.sock")).toEqual({ agent: "/run/agent.sock" });
  expect(readLoginKey("agent", undefined)).toEqual({ missing: "no ssh-agent is running (SSH_AUTH_SOCK is not set)" });
});

function rsaKey(): string {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  }).privateKey;
}
