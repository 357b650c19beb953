import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isSecret, reveal, secret, UNKNOWN, type Plugin, type Properties } from "../../support/pluginClient.ts";
import { generateKey, waitFor, type SshServer } from "../../support/sshServer.ts";
import {
  connectionsTo,
  connectionTo,
  failureOf,
  openConnectionsTo,
  REMOTE_COMMAND,
  serviceErrorOf,
  startHarness,
} from "./harness.ts";

const harness = startHarness();
let server: SshServer;
let plugin: Plugin;
let connection: Properties;

beforeAll(async () => {
  server = await harness.sshServer();
  plugin = await harness.plugin();
  connection = connectionTo(server);
});

beforeEach(() => {
  plugin.messages.length = 0;
});

let paths = 0;

/** A path on the host that no other test uses. */
function newPath(): string {
  paths += 1;
  return join(harness.folder, `path ${paths}`);
}

/** Whether an operation left the server alone: no connection, hence nothing run. */
async function leavesServerAlone(operation: () => Promise<unknown>): Promise<boolean> {
  const before = connectionsTo(server);
  await operation();
  return connectionsTo(server) === before;
}

describe("create", () => {
  it("runs the create script and keeps what it printed, less one trailing newline", async () => {
    const create = "printf 'out\\n\\n'; printf 'err\\n\\n' >&2";
    const { state, id } = await plugin.create(REMOTE_COMMAND, { connection, create });
    expect(state).toMatchObject({ create, stdout: "out\n", stderr: "err\n" });
    expect(id).toMatch(/^subject[0-9a-f]{8}$/);
  });

  it("gives an output without newline as it is", async () => {
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create: "printf ' x '" });
    expect(state).toMatchObject({ stdout: " x ", stderr: "" });
  });

  it("does nothing, and does not connect, without a create script", async () => {
    const update = "exit 1";
    expect(await leavesServerAlone(() => plugin.create(REMOTE_COMMAND, { connection, update }))).toBe(true);
  });

  it("runs nothing at preview and leaves the outputs unknown", async () => {
    const path = newPath();
    const inputs = { connection, create: `touch '${path}'` };
    const before = connectionsTo(server);
    const { state } = await plugin.create(REMOTE_COMMAND, inputs, { preview: true });
    expect(state).toMatchObject({ stdout: UNKNOWN, stderr: UNKNOWN });
    expect(connectionsTo(server)).toBe(before);
    expect(existsSync(path)).toBe(false);
  });

  it("previews with an unreachable host, an unusable key and an unknown script", async () => {
    const nowhere = { host: "192.0.2.1", privateKey: "no key" };
    const { state } = await plugin.create(REMOTE_COMMAND, { connection: nowhere, create: UNKNOWN }, { preview: true });
    expect(state).toMatchObject({ create: UNKNOWN, stdout: UNKNOWN });
  });

  it("fails without partial state: the engine records nothing", async () => {
    const path = newPath();
    const failure = await serviceErrorOf(
      plugin.create(REMOTE_COMMAND, { connection, create: `touch '${path}'; exit 3` }),
    );
    expect(failure.code).toBe(2);
    expect(failure.metadata.get("grpc-status-details-bin")).toEqual([]);
    expect(existsSync(path)).toBe(true);
  });
});

describe("update", () => {
  const create = "echo created";

  it("runs the update script", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create });
    const { state, id } = await plugin.update(resource, { connection, create, update: "echo updated" });
    expect(state).toMatchObject({ stdout: "updated", update: "echo updated" });
    expect(id).toBe(resource.id);
  });

  it("runs the create script again without an update script", async () => {
    const path = newPath();
    const script = `echo run >> '${path}'`;
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create: script });
    await plugin.update(resource, { connection, create: script, logging: "none" });
    expect(readFileSync(path, "utf8")).toBe("run\nrun\n");
  });

  it("does nothing, and keeps the outputs, without any script", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create });
    const before = connectionsTo(server);
    const { state } = await plugin.update(resource, { connection });
    expect(state).toMatchObject({ stdout: "created" });
    expect(connectionsTo(server)).toBe(before);
  });

  it("runs nothing at preview and leaves the outputs unknown", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create });
    const before = connectionsTo(server);
    const { state } = await plugin.update(resource, { connection, create: "echo other" }, { preview: true });
    expect(state).toMatchObject({ create: "echo other", stdout: UNKNOWN, stderr: UNKNOWN });
    expect(connectionsTo(server)).toBe(before);
  });

  it("can be tried again from the old state when it failed", async () => {
    const path = newPath();
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create });
    const update = `echo try; test -e '${path}'`;
    const failure = await serviceErrorOf(plugin.update(resource, { connection, create, update }));
    expect(failure.metadata.get("grpc-status-details-bin")).toEqual([]);
    writeFileSync(path, "");
    const { state } = await plugin.update(resource, { connection, create, update });
    expect(state).toMatchObject({ stdout: "try" });
  });
});

describe("delete", () => {
  it("runs the delete script of the state", async () => {
    const path = newPath();
    const inputs = { connection, create: `touch '${path}'`, delete: `rm '${path}'` };
    const resource = await plugin.create(REMOTE_COMMAND, inputs);
    expect(existsSync(path)).toBe(true);
    await plugin.delete(resource);
    expect(existsSync(path)).toBe(false);
  });

  it("knows a changed delete script and a changed connection only after an update", async () => {
    const other = await harness.sshServer();
    const path = newPath();
    const old = await plugin.create(REMOTE_COMMAND, { connection, delete: `echo old > '${path}'` });
    const changed = { connection: connectionTo(other), delete: `echo new > '${path}'` };
    await plugin.delete(old);
    expect(readFileSync(path, "utf8")).toBe("old\n");
    expect(connectionsTo(other)).toBe(0);
    const updated = await plugin.update(old, changed);
    await plugin.delete(updated);
    expect(readFileSync(path, "utf8")).toBe("new\n");
    expect(connectionsTo(other)).toBe(1);
  });

  it("does nothing, and does not connect, without a delete script", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create: "true" });
    expect(await leavesServerAlone(() => plugin.delete(resource))).toBe(true);
  });

  it("fails with the script's failure", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, { connection, delete: "echo no; exit 1" });
    expect(await failureOf(plugin.delete(resource))).toBe(
      'Process exited with status 1: running "echo no; exit 1":\nno\n',
    );
  });
});

describe("diff", () => {
  const inputs = (): Properties => ({ connection, create: "true", triggers: ["a", 1] });

  it("is empty when nothing changed", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, inputs());
    expect(await plugin.diff(resource, inputs())).toMatchObject({ changes: "none", detailed: {} });
  });

  it.each<[string, () => Properties]>([
    ["create", () => ({ create: "echo" })],
    ["update", () => ({ update: "echo" })],
    ["delete", () => ({ delete: "echo" })],
    ["stdin", () => ({ stdin: "echo" })],
    ["logging", () => ({ logging: "none" })],
    ["environment", () => ({ environment: { A: "b" } })],
    ["addPreviousOutputInEnv", () => ({ addPreviousOutputInEnv: false })],
    ["connection: another key", () => ({ connection: { ...connection, privateKey: generateKey().privateKey } })],
    ["connection: dialErrorLimit", () => ({ connection: { ...connection, dialErrorLimit: 3 } })],
    ["connection: port", () => ({ connection: { ...connection, port: 23 } })],
  ])("makes a change of %s an update", async (name, change) => {
    const resource = await plugin.create(REMOTE_COMMAND, inputs());
    const { changes, detailed } = await plugin.diff(resource, { ...inputs(), ...change() });
    const property = name.split(":")[0] ?? "";
    expect(changes).toBe("some");
    expect(detailed).toEqual({ [property]: expect.stringMatching(/^(add|update)$/) as unknown });
  });

  it("makes first triggers and last triggers a replacement, update script or not", async () => {
    const update = "true";
    const without = await plugin.create(REMOTE_COMMAND, { connection, create: "true", update });
    const withTriggers = { connection, create: "true", update, triggers: ["a"] };
    expect((await plugin.diff(without, withTriggers)).detailed).toEqual({ triggers: "add-replace" });
    const resource = await plugin.create(REMOTE_COMMAND, withTriggers);
    const { detailed } = await plugin.diff(resource, { connection, create: "true", update });
    expect(detailed).toEqual({ triggers: "delete-replace" });
  });

  it("names the trigger that changed: the SDK's replaceOnChanges on triggers[*] makes that a replacement", async () => {
    const resource = await plugin.create(REMOTE_COMMAND, inputs());
    const { detailed } = await plugin.diff(resource, { ...inputs(), triggers: ["b", 1, { c: true }] });
    expect(detailed).toEqual({ "triggers[0]": "update", "triggers[2]": "add" });
  });

  it("leaves the engine's order of a replacement: the new create runs, then the old delete undoes it", async () => {
    const path = newPath();
    const scripts = { create: `touch '${path}'`, delete: `rm '${path}'` };
    const old = await plugin.create(REMOTE_COMMAND, { connection, ...scripts, triggers: [1] });
    const changed = { connection, ...scripts, triggers: [2] };
    expect((await plugin.diff(old, changed)).deleteBeforeReplace).toBe(false);
    await plugin.create(REMOTE_COMMAND, changed);
    await plugin.delete(old);
    expect(existsSync(path)).toBe(false);
  });
});

describe("refresh", () => {
  it("returns the state as it is and does not look at the host", async () => {
    const path = newPath();
    writeFileSync(path, "one");
    const resource = await plugin.create(REMOTE_COMMAND, { connection, create: `cat '${path}'` });
    writeFileSync(path, "two");
    const before = connectionsTo(server);
    expect(await plugin.read(resource)).toEqual(resource);
    expect(connectionsTo(server)).toBe(before);
  });
});

describe("stdin", () => {
  it("reaches the script as it is, large and without trailing newline", async () => {
    const stdin = "é\0\r\n".repeat(100_000) + "end";
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create: "sha256sum", stdin });
    expect(state["stdout"]).toBe(`${createHash("sha256").update(stdin).digest("hex")}  -`);
  });

  it.each([
    ["unset", {}],
    ["empty", { stdin: "" }],
  ])("is at its end at once when %s", async (_, stdin) => {
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create: "cat; echo ended", ...stdin });
    expect(state["stdout"]).toBe("ended");
  });

  it("is no terminal", async () => {
    const create = "test -t 0 || test -t 1 || test -t 2 || echo none";
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create });
    expect(state["stdout"]).toBe("none");
  });

  // The script ends, the channel is closed, and what is left to send cannot be sent any more. A short text may or may not
  // make it in time: a script that is given one has to read it all.
  it("that a script does not read to its end fails the command, though the script succeeded", async () => {
    const stdin = "x".repeat(8_000_000);
    expect(await failureOf(plugin.create(REMOTE_COMMAND, { connection, create: "echo done", stdin }))).toBe(
      'EOF: running "echo done":\ndone\n',
    );
    const reading = { connection, create: "echo done; cat > /dev/null", stdin };
    expect((await plugin.create(REMOTE_COMMAND, reading)).state["stdout"]).toBe("done");
  });

  it("is not shown when the script fails", async () => {
    const inputs = { connection, create: "cat > /dev/null; exit 1", stdin: "hidden" };
    expect(await failureOf(plugin.create(REMOTE_COMMAND, inputs))).not.toContain("hidden");
  });
});

const REFUSED = (name: string) =>
  `Unable to set '${name}'. This only works if your SSH server is configured to accept\n` +
  "\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could\n" +
  "\tprefix the command itself with the variables in the form 'VAR=value command'";

describe("environment", () => {
  it("fails the command, before it runs, on a server that does not accept the variable", async () => {
    const path = newPath();
    const inputs = { connection, create: `touch '${path}'`, environment: { EDGE_SITE: "one" } };
    expect(await failureOf(plugin.create(REMOTE_COMMAND, inputs))).toBe(
      'could not set environment variable "EDGE_SITE": ssh: setenv failed',
    );
    expect(plugin.messages).toEqual([{ severity: "error", message: REFUSED("EDGE_SITE"), ephemeral: false }]);
    expect(existsSync(path)).toBe(false);
  });

  it("reaches the script on a server that accepts it", async () => {
    const open = await harness.sshServer({ acceptEnv: ["EDGE_*"] });
    const inputs = { connection: connectionTo(open), create: 'echo "$EDGE_SITE"', environment: { EDGE_SITE: "a b" } };
    expect((await plugin.create(REMOTE_COMMAND, inputs)).state["stdout"]).toBe("a b");
  });
});

describe("addPreviousOutputInEnv", () => {
  const scripts = {
    create: "echo first; echo warned >&2",
    update: 'echo "[$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR]"',
  };

  it("warns at each update and delete on a server that does not accept the variables, and goes on", async () => {
    const inputs = { connection, ...scripts, delete: "true" };
    const resource = await plugin.create(REMOTE_COMMAND, inputs);
    expect(plugin.shown("warning")).toEqual([]);
    const warnings = [REFUSED("PULUMI_COMMAND_STDOUT"), REFUSED("PULUMI_COMMAND_STDERR")];
    const { state } = await plugin.update(resource, { ...inputs, logging: "none" });
    expect(state["stdout"]).toBe("[|]");
    expect(plugin.shown("warning")).toEqual(warnings);
    await plugin.delete(resource);
    expect(plugin.shown("warning")).toEqual([...warnings, ...warnings]);
  });

  it("gives the update what the create printed on a server that accepts the variables", async () => {
    const open = await harness.sshServer({ acceptEnv: ["PULUMI_COMMAND_*"] });
    const inputs = { connection: connectionTo(open), ...scripts };
    const resource = await plugin.create(REMOTE_COMMAND, inputs);
    const { state } = await plugin.update(resource, { ...inputs, logging: "none" });
    expect(state["stdout"]).toBe("[first|warned]");
    expect(plugin.shown("warning")).toEqual([]);
  });

  it("sets nothing and warns of nothing when false", async () => {
    const open = await harness.sshServer({ acceptEnv: ["PULUMI_COMMAND_*"] });
    const inputs = { connection: connectionTo(open), ...scripts, addPreviousOutputInEnv: false };
    const resource = await plugin.create(REMOTE_COMMAND, inputs);
    const { state } = await plugin.update(resource, { ...inputs, logging: "none" });
    expect(state["stdout"]).toBe("[|]");
    expect(plugin.shown("warning")).toEqual([]);
  });
});

describe("logging", () => {
  const create = "echo one; echo two; echo three >&2";

  it.each<[string, Properties, string[]]>([
    ["unset", {}, ["one", "three", "two"]],
    ["stdoutAndStderr", { logging: "stdoutAndStderr" }, ["one", "three", "two"]],
    ["stdout", { logging: "stdout" }, ["one", "two"]],
    ["stderr", { logging: "stderr" }, ["three"]],
    ["none", { logging: "none" }, []],
  ])("%s shows its streams line by line while the command runs", async (_, logging, lines) => {
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create, ...logging });
    expect(plugin.shown("info").sort()).toEqual(lines);
    expect(plugin.messages.every(({ ephemeral }) => ephemeral)).toBe(true);
    expect(state).toMatchObject({ stdout: "one\ntwo", stderr: "three" });
  });

  it.each(["none", "stdoutAndStderr"])(
    "%s or not, a failure quotes the command and all it printed",
    async (logging) => {
      const script = 'echo "a\tb"; sleep 0.2; echo c >&2; exit 4';
      expect(await failureOf(plugin.create(REMOTE_COMMAND, { connection, create: script, logging }))).toBe(
        'Process exited with status 4: running "echo \\"a\\tb\\"; sleep 0.2; echo c >&2; exit 4":\na\tb\nc\n',
      );
    },
  );

  it("accepts a value it does not know, and shows nothing", async () => {
    await plugin.create(REMOTE_COMMAND, { connection, create, logging: "everything" });
    expect(plugin.messages).toEqual([]);
  });

  it("hangs on a line of 64 KiB or more, unless it is not shown", async () => {
    const long = "head -c 70000 /dev/zero | tr '\\0' x";
    const silent = await plugin.create(REMOTE_COMMAND, { connection, create: long, logging: "none" });
    expect(silent.state["stdout"]).toHaveLength(70_000);
    const doomed = await harness.plugin();
    const outcome = doomed.create(REMOTE_COMMAND, { connection, create: long }).then(
      () => "ended",
      () => "ended",
    );
    const deadline = new Promise<string>((resolve) => setTimeout(resolve, 3000, "hangs"));
    expect(await Promise.race([outcome, deadline])).toBe("hangs");
  });
});

describe("the end of a command", () => {
  it("tells the signal that killed the command", async () => {
    expect(await failureOf(plugin.create(REMOTE_COMMAND, { connection, create: "kill -TERM $$" }))).toBe(
      'Process exited with status 143 from signal TERM: running "kill -TERM $$":\n',
    );
  });

  it("tells that the connection was lost", async () => {
    expect(await failureOf(plugin.create(REMOTE_COMMAND, { connection, create: "kill -KILL $PPID" }))).toBe(
      'wait: remote command exited without exit status or exit signal: running "kill -KILL $PPID":\n',
    );
  });

  it("is not reached before background processes let go of the output", async () => {
    const timed = async (create: string) => {
      const start = Date.now();
      await plugin.create(REMOTE_COMMAND, { connection, create });
      return Date.now() - start;
    };
    expect(await timed("sleep 2 &")).toBeGreaterThan(1900);
    expect(await timed("sleep 60 > /dev/null 2>&1 &")).toBeLessThan(30_000);
  });

  it("is waited for beyond the operation's timeout", async () => {
    const inputs = { connection, create: "sleep 2; echo done" };
    const { state } = await plugin.create(REMOTE_COMMAND, inputs, { timeout: 1 });
    expect(state["stdout"]).toBe("done");
  });

  it("leaves the connection open until the plugin ends", async () => {
    const own = await harness.sshServer();
    const shortLived = await harness.plugin();
    for (const word of ["one", "two", "three"]) {
      await shortLived.create(REMOTE_COMMAND, { connection: connectionTo(own), create: `echo ${word}` });
    }
    expect(openConnectionsTo(own)).toBe(3);
    await shortLived.stop();
    await waitFor(() => openConnectionsTo(own) === 0, 60_000);
  });
});

describe("secrets", () => {
  it("are made of the connection, its keys and passwords, whether the program says so or not", async () => {
    const full = { ...connection, password: "p", privateKeyPassword: "q", proxy: { ...connection, password: "r" } };
    const { inputs } = await plugin.check(REMOTE_COMMAND, { connection: full, create: "true" });
    expect(isSecret(inputs["connection"])).toBe(true);
    const fields = (inputs["connection"] as { value: Properties }).value;
    const secretFields = (of: Properties) => Object.keys(of).filter((name) => isSecret(of[name]));
    expect(secretFields(fields).sort()).toEqual(["password", "privateKey", "privateKeyPassword"]);
    expect(secretFields(fields["proxy"] as Properties).sort()).toEqual(["password", "privateKey"]);
  });

  it("are marked in the state: the connection is, the outputs are not", async () => {
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create: "echo plain" });
    expect(isSecret(state["connection"])).toBe(true);
    expect(state["stdout"]).toBe("plain");
  });

  it("stay secret where they came in, but not where the script prints them", async () => {
    const { state } = await plugin.create(REMOTE_COMMAND, { connection, create: "cat", stdin: secret("hidden") });
    expect(state["stdin"]).toEqual(secret("hidden"));
    expect(state["stdout"]).toBe("hidden");
  });

  it("are also made of a connection with a fault", async () => {
    const { inputs, failures } = await plugin.check(REMOTE_COMMAND, {
      connection: { ...connection, privatekey: "misspelt" },
      create: "true",
    });
    expect(isSecret(inputs["connection"])).toBe(true);
    expect(failures).toEqual([
      {
        property: "connection",
        reason:
          "An error occurred decoding 'CommandInputs.connection': 1 failures decoding:\n" +
          "\tprivatekey: Unrecognized field 'privatekey' on 'remote.Connection'",
      },
    ]);
  });
});

describe("check", () => {
  it("fills in the connection's defaults, and the proxy's", async () => {
    const { inputs } = await plugin.check(REMOTE_COMMAND, { connection: { host: "a", proxy: { host: "b" } } });
    const defaults = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
    expect(reveal(inputs)).toEqual({
      connection: { host: "a", ...defaults, proxy: { host: "b", ...defaults } },
    });
  });

  it("keeps zeros", async () => {
    const { inputs } = await plugin.check(REMOTE_COMMAND, {
      connection: { host: "a", perDialTimeout: 0, dialErrorLimit: 0 },
    });
    expect(reveal(inputs)).toMatchObject({ connection: { perDialTimeout: 0, dialErrorLimit: 0 } });
  });

  it.each<[string, Properties, string, string]>([
    ["no connection", {}, "connection", "Missing required field 'connection' on 'remote.CommandInputs'"],
    [
      "no host",
      { connection: {} },
      "connection",
      "An error occurred decoding 'CommandInputs.connection': 1 failures decoding:\n" +
        "\thost: Missing required field 'host' on 'remote.Connection'",
    ],
    [
      "a port in words",
      { connection: { host: "a", port: "ssh" } },
      "connection",
      "An error occurred decoding 'CommandInputs.connection': 1 failures decoding:\n" +
        "\tport: Field 'port' on 'remote.Connection' must be a 'float64'; got 'string' instead",
    ],
    [
      "a script that is a number",
      { connection: { host: "a" }, create: 3 },
      "create",
      "Field 'create' on 'remote.CommandInputs' must be a 'string'; got 'float64' instead",
    ],
    [
      "an unknown input",
      { connection: { host: "a" }, creat: "true" },
      "creat",
      "Unrecognized field 'creat' on 'remote.CommandInputs'",
    ],
  ])("refuses %s", async (_, inputs, property, reason) => {
    expect((await plugin.check(REMOTE_COMMAND, inputs)).failures).toEqual([{ property, reason }]);
  });
});
