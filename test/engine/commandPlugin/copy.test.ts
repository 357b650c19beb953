import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  assetArchive,
  fileArchive,
  fileAsset,
  isSecret,
  remoteAsset,
  stringAsset,
  UNKNOWN,
  type Plugin,
  type Properties,
  type Value,
} from "../../support/pluginClient.ts";
import { freePort, waitFor, type SshServer } from "../../support/sshServer.ts";
import {
  connectionsTo,
  connectionTo,
  COPY_FILE,
  COPY_TO_REMOTE,
  failureOf,
  openConnectionsTo,
  startHarness,
} from "./harness.ts";

const harness = startHarness();
let server: SshServer;
let plugin: Plugin;
let connection: Properties;
/** Where the test's sources are, and where it copies them to; a new folder for each test. */
let from: string;
let to: string;
let tests = 0;

beforeAll(async () => {
  server = await harness.sshServer();
  plugin = await harness.plugin();
  connection = connectionTo(server);
});

beforeEach(() => {
  tests += 1;
  from = join(harness.folder, `from ${tests}`);
  to = join(harness.folder, `to ${tests}`);
  mkdirSync(join(from, "tree/sub"), { recursive: true });
  mkdirSync(to);
  writeFileSync(join(from, "file"), "content");
  writeFileSync(join(from, "tree/one"), "1");
  writeFileSync(join(from, "tree/sub/two"), "2");
});

async function copy(source: Value, remotePath: string) {
  return await plugin.create(COPY_TO_REMOTE, { connection, source, remotePath });
}

/** Paths of all files below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();
}

describe("CopyToRemote of a file", () => {
  it("makes the folders it goes into", async () => {
    const remotePath = join(to, "a/b/copy");
    const { id, state } = await copy(fileAsset(join(from, "file")), remotePath);
    expect(readFileSync(remotePath, "utf8")).toBe("content");
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect(state).toMatchObject({ remotePath });
    expect(isSecret(state["connection"])).toBe(true);
  });

  it("puts it, under its own name, into a folder that exists", async () => {
    await copy(fileAsset(join(from, "file")), to);
    expect(filesIn(to)).toEqual(["file"]);
  });

  it("writes into the file that is there: same inode, same mode, no rest of the old content", async () => {
    const remotePath = join(to, "copy");
    writeFileSync(remotePath, "longer than the new content");
    chmodSync(remotePath, 0o600);
    const before = statSync(remotePath);
    await copy(fileAsset(join(from, "file")), remotePath);
    const after = statSync(remotePath);
    expect(readFileSync(remotePath, "utf8")).toBe("content");
    expect([after.ino, after.mode]).toEqual([before.ino, before.mode]);
  });

  it("gives a new file the server's mode, not the source's", async () => {
    chmodSync(join(from, "file"), 0o700);
    await copy(fileAsset(join(from, "file")), join(to, "copy"));
    expect(statSync(join(to, "copy")).mode & 0o111).toBe(0);
  });

  it("copies a file of some size whole, as archive too, which is not unpacked", async () => {
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    writeFileSync(join(from, "big.tgz"), bytes);
    await copy(fileArchive(join(from, "big.tgz")), join(to, "copy"));
    expect(readFileSync(join(to, "copy")).equals(bytes)).toBe(true);
  });

  it("connects before it finds that the source is not there", async () => {
    const before = connectionsTo(server);
    const source = fileAsset(join(from, "missing"));
    const failure = await failureOf(copy(source, join(to, "copy")));
    expect(failure).toBe(`open ${join(from, "missing")}: no such file or directory`);
    expect(connectionsTo(server)).toBe(before + 1);
  });

  it("tells what it could not make", async () => {
    writeFileSync(join(to, "in the way"), "");
    const remotePath = join(to, "in the way/copy");
    expect(await failureOf(copy(fileAsset(join(from, "file")), remotePath))).toBe(
      `failed to create parent directories for ${remotePath}: mkdir ${join(to, "in the way")}: not a directory`,
    );
    expect(await failureOf(copy(fileAsset(join(from, "file")), "/proc/copy"))).toBe(
      "failed to create remote file /proc/copy: file does not exist",
    );
  });
});

describe("CopyToRemote of a text", () => {
  it("makes the folders it goes into", async () => {
    await copy(stringAsset("text\n"), join(to, "a/copy"));
    expect(readFileSync(join(to, "a/copy"), "utf8")).toBe("text\n");
  });

  it("leaves no rest of the old content", async () => {
    writeFileSync(join(to, "copy"), "longer than the new content");
    await copy(stringAsset("text"), join(to, "copy"));
    expect(readFileSync(join(to, "copy"), "utf8")).toBe("text");
  });

  it("has no name to be put into a folder under", async () => {
    expect(await failureOf(copy(stringAsset("text"), to))).toBe(
      `remote path ${to} is a directory; when using a text asset, remotePath must be a file path`,
    );
  });
});

describe("CopyToRemote of a folder", () => {
  it.each<[string, string, string, string[]]>([
    ["tree", "into a folder that exists", "", ["tree/one", "tree/sub/two"]],
    ["tree", "into a folder that it makes", "a/b", ["a/b/tree/one", "a/b/tree/sub/two"]],
    ["tree/", "content into a folder that exists", "", ["one", "sub/two"]],
    ["tree/", "content into a folder that it makes", "a/b", ["a/b/one", "a/b/sub/two"]],
  ])("puts %s: %s", async (source, _, remotePath, files) => {
    await copy(fileArchive(`${from}/${source}`), join(to, remotePath));
    expect(filesIn(to)).toEqual(files);
  });

  it("overwrites the files that are there and leaves the others", async () => {
    mkdirSync(join(to, "tree"));
    writeFileSync(join(to, "tree/one"), "old");
    writeFileSync(join(to, "tree/other"), "");
    await copy(fileArchive(join(from, "tree")), to);
    expect(filesIn(to)).toEqual(["tree/one", "tree/other", "tree/sub/two"]);
    expect(readFileSync(join(to, "tree/one"), "utf8")).toBe("1");
  });

  it("fails where a file is in the way", async () => {
    writeFileSync(join(to, "copy"), "");
    expect(await failureOf(copy(fileArchive(`${from}/tree/`), join(to, "copy")))).toBe(
      `remote path ${join(to, "copy")} exists but is not a directory`,
    );
    writeFileSync(join(to, "tree"), "");
    expect(await failureOf(copy(fileArchive(join(from, "tree")), to))).toBe(
      `remote path ${join(to, "tree")} exists but is not a directory`,
    );
    mkdirSync(join(to, "other"));
    writeFileSync(join(to, "other/sub"), "");
    expect(await failureOf(copy(fileArchive(`${from}/tree/`), join(to, "other")))).toBe(
      `remote path ${join(to, "other/sub")} exists but is not a directory`,
    );
  });
});

describe("CopyToRemote's life", () => {
  const remotePath = () => join(to, "copy");
  const inputs = (changes: Properties = {}): Properties => ({
    connection,
    source: fileAsset(join(from, "file")),
    remotePath: remotePath(),
    ...changes,
  });

  it("does nothing at preview", async () => {
    const before = connectionsTo(server);
    await plugin.create(COPY_TO_REMOTE, inputs(), { preview: true });
    expect(connectionsTo(server)).toBe(before);
    expect(filesIn(to)).toEqual([]);
  });

  it("copies again when the content has changed", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    writeFileSync(join(from, "file"), "changed");
    expect(await plugin.diff(resource, inputs())).toMatchObject({ changes: "some", detailed: { source: "update" } });
    const before = connectionsTo(server);
    await plugin.update(resource, inputs(), { preview: true });
    expect(connectionsTo(server)).toBe(before);
    await plugin.update(resource, inputs());
    expect(readFileSync(remotePath(), "utf8")).toBe("changed");
  });

  it("copies to the new path, and leaves the old file, when the path has changed", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    await plugin.update(resource, inputs({ remotePath: join(to, "other") }));
    expect(filesIn(to)).toEqual(["copy", "other"]);
  });

  it("copies nothing when only the connection has changed, though that is an update", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    const elsewhere = { connection: { ...connection, port: await freePort() } };
    expect((await plugin.diff(resource, inputs(elsewhere))).detailed).toEqual({ connection: "update" });
    const before = connectionsTo(server);
    const { state } = await plugin.update(resource, inputs(elsewhere));
    expect(connectionsTo(server)).toBe(before);
    expect(state).not.toEqual(resource.state);
  });

  it("is replaced by a trigger", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    const { detailed } = await plugin.diff(resource, inputs({ triggers: [1] }));
    expect(detailed).toEqual({ triggers: "add-replace" });
  });

  it("does not notice that the copy was changed or removed on the host", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    writeFileSync(remotePath(), "edited");
    const before = connectionsTo(server);
    // Read leaves out the asset's empty fields; the engine does not tell the difference.
    const refreshed = await plugin.read(resource);
    expect(resource).toMatchObject(refreshed);
    expect(await plugin.read(refreshed)).toEqual(refreshed);
    expect(refreshed.state).toMatchObject({ source: fileAsset(join(from, "file")), remotePath: remotePath() });
    expect(await plugin.diff(resource, inputs())).toMatchObject({ changes: "none" });
    expect(connectionsTo(server)).toBe(before);
  });

  it("ends with nothing removed", async () => {
    const resource = await plugin.create(COPY_TO_REMOTE, inputs());
    const before = connectionsTo(server);
    await plugin.delete(resource);
    expect(connectionsTo(server)).toBe(before);
    expect(filesIn(to)).toEqual(["copy"]);
  });

  it("closes its connection each time", async () => {
    await plugin.create(COPY_TO_REMOTE, inputs());
    await plugin.create(COPY_FILE, { connection, localPath: join(from, "file"), remotePath: remotePath() });
    await waitFor(() => openConnectionsTo(server) === 0, 60_000);
  });

  it("tells that the host is unreachable", async () => {
    const port = await freePort();
    const elsewhere = { connection: { ...connection, port, dialErrorLimit: 0 } };
    expect(await failureOf(plugin.create(COPY_TO_REMOTE, inputs(elsewhere)))).toBe(
      `after 0 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
  });
});

describe("CopyToRemote's check", () => {
  it.each<[string, () => Value, string, string]>([
    ["a source not known yet", () => UNKNOWN, "asset", "either asset or archive must be set"],
    [
      "an asset from the network",
      () => remoteAsset("https://example.com/file"),
      "asset",
      "asset must be a path-based file asset or a text asset",
    ],
    [
      "an archive of assets",
      () => assetArchive({ file: stringAsset("text") }),
      "archive",
      "archive must be a path to a file or directory",
    ],
  ])("refuses %s", async (_, source, property, reason) => {
    const { failures } = await plugin.check(COPY_TO_REMOTE, { connection, source: source(), remotePath: to });
    expect(failures).toEqual([{ property, reason }]);
  });

  it("makes the connection secret and fills in its defaults", async () => {
    const { inputs } = await plugin.check(COPY_TO_REMOTE, {
      connection: { host: "a" },
      source: stringAsset("text"),
      remotePath: to,
    });
    expect(isSecret(inputs["connection"])).toBe(true);
    expect(inputs["connection"]).toMatchObject({ value: { user: "root", port: 22 } });
  });

  it("leaves a remote path not known yet unknown", async () => {
    const { inputs, failures } = await plugin.check(COPY_TO_REMOTE, {
      connection,
      source: stringAsset("text"),
      remotePath: UNKNOWN,
    });
    expect(failures).toEqual([]);
    expect(inputs["remotePath"]).toBe(UNKNOWN);
  });
});

describe("CopyFile", () => {
  const inputs = (changes: Properties = {}): Properties => ({
    connection,
    localPath: join(from, "file"),
    remotePath: join(to, "copy"),
    ...changes,
  });

  it("copies a file", async () => {
    const { id } = await plugin.create(COPY_FILE, inputs());
    expect(readFileSync(join(to, "copy"), "utf8")).toBe("content");
    expect(id).toMatch(/^[0-9a-f]{8}$/);
  });

  it("does nothing at preview", async () => {
    const before = connectionsTo(server);
    await plugin.create(COPY_FILE, inputs(), { preview: true });
    expect(connectionsTo(server)).toBe(before);
  });

  it("makes no folders and needs a file to copy, which it opens before it connects", async () => {
    expect(await failureOf(plugin.create(COPY_FILE, inputs({ remotePath: join(to, "a/copy") })))).toBe(
      "file does not exist",
    );
    const before = connectionsTo(server);
    const localPath = join(from, "missing");
    expect(await failureOf(plugin.create(COPY_FILE, inputs({ localPath })))).toBe(
      `open ${localPath}: no such file or directory`,
    );
    expect(connectionsTo(server)).toBe(before);
  });

  it.each<[string, () => Properties]>([
    ["connection", () => ({ connection: { ...connection, dialErrorLimit: 3 } })],
    ["localPath", () => ({ localPath: join(from, "tree/one") })],
    ["remotePath", () => ({ remotePath: join(to, "other") })],
    ["triggers", () => ({ triggers: [1] })],
  ])("is replaced by a change of %s", async (property, change) => {
    const resource = await plugin.create(COPY_FILE, inputs());
    const { detailed } = await plugin.diff(resource, inputs(change()));
    expect(detailed).toEqual({ [property]: expect.stringMatching(/^(add|update)-replace$/) as unknown });
  });

  it("cannot be updated", async () => {
    const resource = await plugin.create(COPY_FILE, inputs());
    expect(await failureOf(plugin.update(resource, inputs({ triggers: [1] })))).toBe(
      "Update is not implemented for resource urn:pulumi:test::conformance::command:remote:CopyFile::subject",
    );
  });

  it("ends with nothing removed", async () => {
    const resource = await plugin.create(COPY_FILE, inputs());
    await plugin.delete(resource);
    expect(existsSync(join(to, "copy"))).toBe(true);
  });
});
