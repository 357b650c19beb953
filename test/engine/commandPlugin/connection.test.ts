import { spawn, type ChildProcess } from "node:child_process";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Plugin, Properties } from "../../support/pluginClient.ts";
import { canSetPassword, freePort, generateKey, waitFor, type SshServer } from "../../support/sshServer.ts";
import { connectionsTo, connectionTo, failureOf, REMOTE_COMMAND, startHarness } from "./harness.ts";

const harness = startHarness();
let server: SshServer;
let plugin: Plugin;

beforeAll(async () => {
  server = await harness.sshServer();
  plugin = await harness.plugin();
});

beforeEach(() => {
  plugin.messages.length = 0;
});

/** What a command printed that was run over a connection. */
async function run(connection: Properties, by = plugin, create = "echo reached"): Promise<unknown> {
  return (await by.create(REMOTE_COMMAND, { connection, create })).state["stdout"];
}

function without(name: string, properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([property]) => property !== name));
}

const NO_METHOD_LEFT = "ssh: handshake failed: ssh: unable to authenticate, attempted methods";

describe("host key", () => {
  it("is not checked when unset", async () => {
    const connection = without("hostKey", connectionTo(server));
    expect(await run(connection)).toBe("reached");
  });

  it("lets only the named server through", async () => {
    expect(await run(connectionTo(server))).toBe("reached");
    const connection = connectionTo(server, { hostKey: generateKey().publicKey, dialErrorLimit: 0 });
    expect(await failureOf(run(connection))).toBe(
      "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
  });

  it("pins the key's algorithm", async () => {
    const hostKey =
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
    expect(await failureOf(run(connectionTo(server, { hostKey, dialErrorLimit: 0 })))).toMatch(
      /^after 0 failed attempts: ssh: handshake failed: ssh: no common algorithm for host key; we offered: \[ecdsa-sha2-nistp256\], peer offered: \[ssh-ed25519\]$/,
    );
  });

  it("is refused, without any attempt, when it is no key", async () => {
    const before = connectionsTo(server);
    expect(await failureOf(run(connectionTo(server, { hostKey: "SHA256:fingerprint" })))).toBe(
      "failed to parse host key: ssh: no key found",
    );
    expect(connectionsTo(server)).toBe(before);
  });
});

describe("private key", () => {
  it("opens the door only if the server knows it", async () => {
    const { privateKey } = generateKey();
    expect(await failureOf(run(connectionTo(server, { privateKey, dialErrorLimit: 0 })))).toBe(
      `after 0 failed attempts: ${NO_METHOD_LEFT} [none publickey], no supported methods remain`,
    );
  });

  it("is refused, without any attempt, when it is no key", async () => {
    expect(await failureOf(run(connectionTo(server, { privateKey: "no key" })))).toBe("ssh: no key found");
    expect(plugin.messages).toEqual([]);
  });

  describe("that is encrypted", () => {
    const encrypted = generateKey("open sesame");
    let knowing: SshServer;
    beforeAll(async () => {
      knowing = await harness.sshServer({ userKey: encrypted.publicKey });
    });

    it("works with its password", async () => {
      const keys = { privateKey: encrypted.privateKey, privateKeyPassword: "open sesame" };
      expect(await run(connectionTo(knowing, keys))).toBe("reached");
    });

    it("is refused without it or with another one", async () => {
      const { privateKey } = encrypted;
      expect(await failureOf(run(connectionTo(knowing, { privateKey })))).toBe(
        "ssh: this private key is passphrase protected",
      );
      expect(await failureOf(run(connectionTo(knowing, { privateKey, privateKeyPassword: "sesame" })))).toBe(
        "x509: decryption password incorrect",
      );
    });
  });
});

describe.skipIf(!canSetPassword())("password (needs root and mount namespaces)", () => {
  it.each(["password", "keyboard-interactive"] as const)("answers the method %s", async (passwordMethod) => {
    const asking = await harness.sshServer({ password: "open sesame", passwordMethod });
    const connection = without("privateKey", connectionTo(asking, { password: "open sesame" }));
    expect(await run(connection)).toBe("reached");
    const wrong = await failureOf(run({ ...connection, password: "sesame", dialErrorLimit: 0 }));
    expect(wrong).toContain(NO_METHOD_LEFT);
    expect(wrong).not.toContain("sesame");
  });

  it("is tried after a private key that the server does not know", async () => {
    const asking = await harness.sshServer({ password: "open sesame" });
    const { privateKey } = generateKey();
    expect(await run(connectionTo(asking, { privateKey, password: "open sesame" }))).toBe("reached");
  });
});

describe("agent", () => {
  it("opens the door when named by the connection, or else by SSH_AUTH_SOCK", async () => {
    const agent = await harness.sshAgent([server.privateKey]);
    const connection = without("privateKey", connectionTo(server));
    expect(await run({ ...connection, agentSocketPath: agent.socketPath })).toBe("reached");
    const withAgent = await harness.plugin({ env: { SSH_AUTH_SOCK: agent.socketPath } });
    expect(await run(connection, withAgent)).toBe("reached");
  });

  it("that is dead fails the connection, even with a private key that opens the door", async () => {
    const withDeadAgent = await harness.plugin({ env: { SSH_AUTH_SOCK: "/nonexistent/agent" } });
    const before = connectionsTo(server);
    const failure = "dial unix /nonexistent/agent: connect: no such file or directory";
    expect(await failureOf(run(connectionTo(server), withDeadAgent))).toBe(failure);
    expect(await failureOf(run(connectionTo(server, { agentSocketPath: "/nonexistent/agent" })))).toBe(failure);
    expect(connectionsTo(server)).toBe(before);
  });

  it("with many keys uses up the server's patience", async () => {
    const impatient = await harness.sshServer({ config: ["MaxAuthTries 3"] });
    const others = Array.from({ length: 4 }, () => generateKey().privateKey);
    const agent = await harness.sshAgent([...others, impatient.privateKey]);
    const changes = { agentSocketPath: agent.socketPath, dialErrorLimit: 0 };
    const connection = without("privateKey", connectionTo(impatient, changes));
    expect(await failureOf(run(connection))).toBe(
      "after 0 failed attempts: ssh: handshake failed: ssh: disconnect, reason 2: Too many authentication failures",
    );
  });

  it("is asked after the private key, so that many keys in it do no harm then", async () => {
    const impatient = await harness.sshServer({ config: ["MaxAuthTries 3"] });
    const agent = await harness.sshAgent(Array.from({ length: 4 }, () => generateKey().privateKey));
    expect(await run(connectionTo(impatient, { agentSocketPath: agent.socketPath }))).toBe("reached");
  });
});

describe("an unreachable host", () => {
  it("is tried dialErrorLimit + 1 times, and the failure counts one less than there were", async () => {
    const port = await freePort();
    const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
    expect(await failureOf(run(connectionTo(server, { port, dialErrorLimit: 2 })))).toBe(
      `after 2 failed attempts: ${refused}`,
    );
    expect(plugin.messages).toEqual([
      { severity: "info", message: "Dial 1/2 failed: retrying", ephemeral: true },
      { severity: "info", message: "Dial 2/2 failed: retrying", ephemeral: true },
    ]);
  });

  it("is tried 11 times by default, with growing pauses", async () => {
    const rude = await startRudeServer();
    const start = Date.now();
    const { port } = rude;
    const connection = connectionTo(server, { port });
    expect(await failureOf(run(connection))).toMatch(/^after 10 failed attempts: ssh: handshake failed: /);
    expect(rude.connections()).toBe(11);
    // 100 ms, each pause half as long again as the one before.
    expect(Date.now() - start).toBeGreaterThan(11_000);
    expect(Date.now() - start).toBeLessThan(60_000);
  });

  it("is reached as soon as it is there", async () => {
    const port = await freePort();
    const { privateKey, publicKey } = generateKey();
    const late = sleep(700).then(() => harness.sshServer({ port, userKey: publicKey }));
    const connection = without("hostKey", connectionTo(server, { port, privateKey, dialErrorLimit: 12 }));
    expect(await run(connection)).toBe("reached");
    expect(plugin.shown("info")[0]).toBe("Dial 1/12 failed: retrying");
    await late;
  });

  it("is tried until the operation times out when dialErrorLimit is -1", async () => {
    const connection = connectionTo(server, { port: await freePort(), dialErrorLimit: -1 });
    const start = Date.now();
    const creation = plugin.create(REMOTE_COMMAND, { connection, create: "true" }, { timeout: 2 });
    expect(await failureOf(creation)).toBe("context deadline exceeded");
    expect(Date.now() - start).toBeGreaterThan(1900);
    expect(plugin.shown("info").slice(0, 2)).toEqual(["Dial 1/inf failed: retrying", "Dial 2/inf failed: retrying"]);
  });

  it("is given up when the engine cancels", async () => {
    const cancelled = await harness.plugin();
    const waiting = failureOf(run(connectionTo(server, { port: await freePort(), dialErrorLimit: -1 }), cancelled));
    await waitFor(() => cancelled.messages.length > 0, 60_000);
    await cancelled.cancel();
    expect(await waiting).toBe("context canceled");
  });

  it("fails an update and a delete alike", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, {
      connection: connectionTo(server, { port: await freePort(), dialErrorLimit: 0 }),
      delete: "true",
    });
    expect(await failureOf(plugin.delete(resource))).toMatch(/^after 0 failed attempts: dial tcp /);
  });
});

describe("perDialTimeout", () => {
  it("ends an attempt to connect", async () => {
    const deaf = await startDeafServer();
    const start = Date.now();
    const connection = connectionTo(server, { port: deaf.port, perDialTimeout: 1, dialErrorLimit: 1 });
    expect(await failureOf(run(connection))).toBe(
      `after 1 failed attempts: dial tcp 127.0.0.1:${deaf.port}: i/o timeout`,
    );
    expect(Date.now() - start).toBeGreaterThan(2000);
    expect(Date.now() - start).toBeLessThan(15_000);
  });

  it("does not end a handshake that the server does not answer", async () => {
    const mute = await startMuteServer();
    const waiting = failureOf(run(connectionTo(server, { port: mute.port, perDialTimeout: 1, dialErrorLimit: 0 })));
    await sleep(3000);
    expect(mute.connections()).toBe(1);
    mute.hangUp();
    expect(await waiting).toMatch(/^after 0 failed attempts: ssh: handshake failed: /);
  });
});

describe("proxy", () => {
  let bastion: SshServer;
  beforeAll(async () => {
    bastion = await harness.sshServer();
  });

  it("leads to the host, each with its own user key and host key", async () => {
    const before = connectionsTo(bastion);
    const create = 'echo "${SSH_CONNECTION##* }"';
    expect(await run(connectionTo(server, { proxy: connectionTo(bastion) }), plugin, create)).toBe(String(server.port));
    expect(connectionsTo(bastion)).toBe(before + 1);
  });

  it("that is unreachable is tried as often as its own limit says", async () => {
    const port = await freePort();
    const proxy = connectionTo(bastion, { port, dialErrorLimit: 1 });
    expect(await failureOf(run(connectionTo(server, { proxy })))).toBe(
      `proxy: after 1 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
    expect(plugin.shown("info")).toEqual(["Dial proxy 1/1 failed: retrying"]);
  });

  it("has a host key of its own", async () => {
    const proxy = connectionTo(bastion, { hostKey: server.hostKey, dialErrorLimit: 0 });
    expect(await failureOf(run(connectionTo(server, { proxy })))).toBe(
      "proxy: after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
  });

  it("has a private key of its own", async () => {
    const proxy = connectionTo(bastion, { privateKey: "no key" });
    expect(await failureOf(run(connectionTo(server, { proxy })))).toBe("proxy: ssh: no key found");
  });

  it("tells that it does not reach the host", async () => {
    const proxy = connectionTo(bastion);
    const port = await freePort();
    expect(await failureOf(run(connectionTo(server, { port, dialErrorLimit: 1, proxy })))).toBe(
      "proxy: after 1 failed attempts: ssh: rejected: connect failed (Connection refused)",
    );
    expect(plugin.shown("info")).toEqual(["Dial from proxy 1/1 failed: retrying"]);
  });

  it("tells that the host is another one", async () => {
    const proxy = connectionTo(bastion);
    const connection = connectionTo(server, { hostKey: bastion.hostKey, dialErrorLimit: 0, proxy });
    expect(await failureOf(run(connection))).toBe(
      "proxy: after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
  });

  it("does not open another way to the host after a failed handshake", async () => {
    const proxy = connectionTo(bastion);
    const before = connectionsTo(server);
    const connection = connectionTo(server, { hostKey: bastion.hostKey, dialErrorLimit: 1, proxy });
    expect(await failureOf(run(connection))).toBe("proxy: after 1 failed attempts: ssh: handshake failed: EOF");
    expect(plugin.shown("info")).toEqual(["Dial 1/1 failed: retrying"]);
    expect(connectionsTo(server)).toBe(before + 1);
  });
});

const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) {
    end();
  }
});

/** A server that hangs up on everybody. */
async function startRudeServer() {
  return await startTcpServer((socket) => {
    socket.destroy();
  });
}

/** A server that takes every call and says nothing. */
async function startMuteServer() {
  return await startTcpServer(() => undefined);
}

interface TcpServer {
  port: number;
  /** How many there were so far. */
  connections: () => number;
  hangUp: () => void;
}

async function startTcpServer(answer: (socket: Socket) => void): Promise<TcpServer> {
  const sockets: Socket[] = [];
  const listener: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    answer(socket);
  });
  const hangUp = () => {
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  const port = await freePort();
  await new Promise<void>((resolve) => {
    listener.listen(port, "127.0.0.1", resolve);
  });
  ends.push(() => {
    hangUp();
    listener.close();
  });
  return { port, connections: () => sockets.length, hangUp };
}

/** A server whose machine does not answer: stopped, with its queue of unaccepted connections full. */
async function startDeafServer(): Promise<{ port: number }> {
  const port = await freePort();
  const script = `require("net").createServer().listen({port: ${port}, host: "127.0.0.1", backlog: 1}, () => console.log())`;
  const child: ChildProcess = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const callers: Socket[] = [];
  ends.push(() => {
    child.kill("SIGKILL");
    for (const caller of callers) {
      caller.destroy();
    }
  });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  child.kill("SIGSTOP");
  for (let answered = true; answered;) {
    const caller = connect(port, "127.0.0.1").on("error", () => undefined);
    callers.push(caller);
    const connected = new Promise<boolean>((resolve) =>
      caller.once("connect", () => {
        resolve(true);
      }),
    );
    answered = await Promise.race([connected, sleep(300, false)]);
  }
  return { port };
}
