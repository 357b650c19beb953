import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UNKNOWN, type Plugin, type Properties } from "../../support/pluginClient.ts";
import { failureOf, LOCAL_COMMAND, serviceErrorOf, startHarness } from "./harness.ts";

const RUN = "command:local:run";
const harness = startHarness();
let plugin: Plugin;
/** A new folder for each test. */
let dir: string;
let tests = 0;

beforeAll(async () => {
  plugin = await harness.plugin({ cwd: harness.folder, env: { EDGE_INHERITED: "yes" } });
});

beforeEach(() => {
  plugin.messages.length = 0;
  tests += 1;
  dir = join(harness.folder, `local ${tests}`);
  mkdirSync(dir);
});

describe("local.Command's life", () => {
  it("runs create, update and delete, each with what the one before it printed", async () => {
    const say = (word: string) => `echo ${word}; echo "[$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR]" >&2`;
    const inputs = { create: say("one"), update: say("two"), delete: `${say("three")}; env > env`, dir };
    const created = await plugin.create(LOCAL_COMMAND, inputs);
    expect(created.id).toMatch(/^subject[0-9a-f]{8}$/);
    expect(created.state).toMatchObject({ stdout: "one", stderr: "[|]" });
    const updated = await plugin.update(created, { ...inputs, stdin: "changed" });
    expect(updated.state).toMatchObject({ stdout: "two", stderr: "[one|[|]]" });
    await plugin.delete(updated);
    expect(readFileSync(join(dir, "env"), "utf8")).toContain("PULUMI_COMMAND_STDOUT=two\n");
  });

  it("hands nothing on with addPreviousOutputInEnv false", async () => {
    const inputs = { create: "echo one", update: 'echo "[$PULUMI_COMMAND_STDOUT]"', addPreviousOutputInEnv: false };
    const created = await plugin.create(LOCAL_COMMAND, inputs);
    const { state } = await plugin.update(created, { ...inputs, stdin: "changed" });
    expect(state["stdout"]).toBe("[]");
  });

  it("runs create again without update, and nothing without either", async () => {
    const create = "echo run >> runs";
    const created = await plugin.create(LOCAL_COMMAND, { create, dir });
    const updated = await plugin.update(created, { create, dir, stdin: "changed" });
    await plugin.update(updated, { dir });
    expect(readFileSync(join(dir, "runs"), "utf8")).toBe("run\nrun\n");
  });

  it("runs nothing at preview and leaves the outputs unknown", async () => {
    const inputs = { create: "touch ran", dir };
    const { state } = await plugin.create(LOCAL_COMMAND, inputs, { preview: true });
    expect(state).toMatchObject({ stdout: UNKNOWN, stderr: UNKNOWN });
    const resource = await plugin.create(LOCAL_COMMAND, { create: "true", dir });
    const updated = await plugin.update(resource, inputs, { preview: true });
    expect(updated.state).toMatchObject({ stdout: UNKNOWN, stderr: UNKNOWN });
    expect(existsSync(join(dir, "ran"))).toBe(false);
  });

  it("is replaced by triggers and updated by anything else", async () => {
    const resource = await plugin.create(LOCAL_COMMAND, { create: "true" });
    const diff = async (change: Properties) => (await plugin.diff(resource, { create: "true", ...change })).detailed;
    expect(await diff({ triggers: [1] })).toEqual({ triggers: "add-replace" });
    expect(await diff({ interpreter: ["sh", "-c"] })).toEqual({ interpreter: "add" });
    expect(await diff({ delete: "true", dir })).toEqual({ delete: "add", dir: "add" });
  });

  it("returns the state as it is at refresh", async () => {
    const resource = await plugin.create(LOCAL_COMMAND, { create: "echo one" });
    expect(await plugin.read(resource)).toEqual(resource);
  });
});

describe("a local process", () => {
  const run = async (inputs: Properties) => (await plugin.create(LOCAL_COMMAND, inputs)).state["stdout"];

  it("runs in dir, else in the plugin's own folder", async () => {
    expect(await run({ create: "pwd", dir })).toBe(realpathSync(dir));
    expect(await run({ create: "pwd" })).toBe(realpathSync(harness.folder));
  });

  it("adds environment to the plugin's own", async () => {
    const environment = { EDGE_SITE: "a b" };
    expect(await run({ create: 'echo "$EDGE_SITE $EDGE_INHERITED"', environment })).toBe("a b yes");
  });

  it("is started by the interpreter, which gets the script as its last argument", async () => {
    const interpreter = ["/bin/sh", "-c", 'echo "$0: $1"', "name"];
    expect(await run({ create: "the script", interpreter })).toBe("name: the script");
    expect(await run({ create: 'echo "$0"', interpreter: [] })).toBe("/bin/sh");
  });

  it("reads stdin as it is, or nothing", async () => {
    expect(await run({ create: "cat", stdin: "é\nend" })).toBe("é\nend");
    expect(await run({ create: "cat; echo ended" })).toBe("ended");
  });

  it("loses one trailing newline of its output", async () => {
    expect(await run({ create: "printf 'a\\n\\n'" })).toBe("a\n");
  });

  it("fails with the command and all it printed, without partial state", async () => {
    const create = 'echo "a"; sleep 0.2; echo b >&2; exit 5';
    const failure = await serviceErrorOf(run({ create, logging: "none" }));
    expect(failure.details).toBe('exit status 5: running "echo \\"a\\"; sleep 0.2; echo b >&2; exit 5":\na\nb\n');
    expect(failure.metadata.get("grpc-status-details-bin")).toEqual([]);
  });

  it("tells that it could not start", async () => {
    expect(await failureOf(run({ create: "true", dir: "/nonexistent" }))).toBe(
      'chdir /nonexistent: no such file or directory: running "true":\n',
    );
    expect(await failureOf(run({ create: "true", interpreter: ["/nonexistent"] }))).toBe(
      'fork/exec /nonexistent: no such file or directory: running "true":\n',
    );
    expect(await failureOf(run({ create: "true", interpreter: ["nonexistent-shell"] }))).toBe(
      'exec: "nonexistent-shell": executable file not found in $PATH: running "true":\n',
    );
  });

  it("is killed when the operation times out", async () => {
    const start = Date.now();
    const creation = plugin.create(LOCAL_COMMAND, { create: "exec sleep 60" }, { timeout: 1 });
    expect(await failureOf(creation)).toBe('signal: killed: running "exec sleep 60":\n');
    expect(Date.now() - start).toBeLessThan(30_000);
  });

  it.each<[string, Properties, string[]]>([
    ["unset", {}, ["one", "two"]],
    ["stdoutAndStderr", { logging: "stdoutAndStderr" }, ["one", "two"]],
    ["stdout", { logging: "stdout" }, ["one"]],
    ["stderr", { logging: "stderr" }, ["two"]],
    ["none", { logging: "none" }, []],
  ])("is shown as logging says: %s", async (_, logging, lines) => {
    await plugin.create(LOCAL_COMMAND, { create: "echo one; echo two >&2", ...logging });
    expect(plugin.shown("info").sort()).toEqual(lines);
    expect(plugin.messages.every(({ ephemeral }) => ephemeral)).toBe(true);
  });

  it("hangs on a shown line of 64 KiB or more", async () => {
    const create = "head -c 70000 /dev/zero | tr '\\0' x";
    expect(await run({ create, logging: "none" })).toHaveLength(70_000);
    const doomed = await harness.plugin();
    const outcome = doomed.create(LOCAL_COMMAND, { create }).then(
      () => "ended",
      () => "ended",
    );
    const deadline = new Promise<string>((resolve) => setTimeout(resolve, 3000, "hangs"));
    expect(await Promise.race([outcome, deadline])).toBe("hangs");
  });
});

describe("files a local command leaves", () => {
  const create =
    "mkdir -p src assets/logos && touch src/index.js src/secret.js src/deep.txt assets/logos/logo.svg top.js";

  it.each<[string, string[], string[]]>([
    ["`*` stops at `/`", ["*.js"], ["top.js"]],
    ["`**` does not", ["**.js"], ["src/index.js", "src/secret.js", "top.js"]],
    ["`!` takes out again", ["src/*", "!**secret.*"], ["src/deep.txt", "src/index.js"]],
    ["the last one wins", ["!**secret.*", "src/*.js"], ["src/index.js", "src/secret.js"]],
    ["folders do not match", ["src", "assets/*"], []],
  ])("come back as assets: %s", async (_, assetPaths, names) => {
    const { state } = await plugin.create(LOCAL_COMMAND, { create, dir, assetPaths });
    const assets = state["assets"] as Record<string, Properties>;
    expect(Object.keys(assets).sort()).toEqual(names);
    for (const name of names) {
      expect(assets[name]).toMatchObject({ path: join(dir, name), hash: expect.any(String) as unknown });
    }
  });

  it("come back as one archive", async () => {
    const { state } = await plugin.create(LOCAL_COMMAND, { create, dir, archivePaths: ["src/*.js"] });
    const { assets } = state["archive"] as { assets: Properties };
    expect(Object.keys(assets).sort()).toEqual(["src/index.js", "src/secret.js"]);
    expect(state["assets"]).toBeUndefined();
  });

  it("fail the command when a pattern cannot be read", async () => {
    expect(await failureOf(plugin.create(LOCAL_COMMAND, { create, dir, assetPaths: ["[a"] }))).toBe(
      "unexpected end of input",
    );
  });
});

describe("local.run", () => {
  it.each([true, false])("runs at once, at preview too (preview: %s)", async (preview) => {
    const answer = await plugin.invoke(RUN, { command: "echo one; echo two >&2; touch ran", dir }, { preview });
    expect(answer).toEqual({
      command: "echo one; echo two >&2; touch ran",
      dir,
      stdout: "one",
      stderr: "two",
    });
    expect(existsSync(join(dir, "ran"))).toBe(true);
  });

  it("takes what a local.Command takes", async () => {
    writeFileSync(join(dir, "file"), "");
    const answer = await plugin.invoke(RUN, {
      command: 'cat; echo "$EDGE_SITE"',
      interpreter: ["/bin/sh", "-e", "-c"],
      environment: { EDGE_SITE: "one" },
      stdin: "in ",
      dir,
      logging: "none",
      assetPaths: ["*"],
      archivePaths: ["*"],
    });
    expect(answer["stdout"]).toBe("in one");
    expect(Object.keys(answer["assets"] as Properties)).toEqual(["file"]);
    expect(Object.keys((answer["archive"] as { assets: Properties }).assets)).toEqual(["file"]);
    expect(plugin.messages).toEqual([]);
  });

  it("fails as a local.Command does", async () => {
    expect(await failureOf(plugin.invoke(RUN, { command: "echo no; exit 1" }))).toBe(
      'exit status 1: running "echo no; exit 1":\nno\n',
    );
  });
});
