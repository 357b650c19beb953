import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ensureToolchain, type Toolchain } from "../../../toolchain/index.ts";
import { executable, ITEMS, type Item } from "../../../toolchain/items.ts";
import { recordName } from "../../../toolchain/record.ts";
import { publish, startReleaseServer, type ReleaseServer } from "../../support/releaseServer.ts";

// Executables are shell scripts here, and nothing is built: the PATH has no Go.
const onUnix = describe.skipIf(process.platform === "win32");

let server: ReleaseServer;
let home: string;
let bin: string;
let said: string[];

beforeEach(async () => {
  server = await startReleaseServer();
  home = mkdtempSync(join(tmpdir(), "pulumi-home-"));
  bin = join(home, "path");
  mkdirSync(bin);
  said = [];
  vi.stubEnv("TWISTERLAB_RELEASES_URL", server.url);
  vi.stubEnv("PULUMI_HOME", home);
  vi.stubEnv("PATH", [bin, "/usr/bin", "/bin"].join(delimiter));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(home, { recursive: true });
});

const run = (): Promise<Toolchain> => ensureToolchain({ say: (line) => said.push(line) });
const sources = ({ items }: Toolchain): string[] => items.map(({ source }) => source);
const [languageHost, engine, kubernetes, command] = ITEMS as [Item, Item, Item, Item];

/** A script that prints a version, as `pulumi version` does. */
const script = (version: string, remark = ""): string => `#!/bin/sh\n# ${remark}\necho v${version}\n`;

function publishAll(): void {
  publish(server, engine.release, {
    pulumi: script(engine.version, "official"),
    "pulumi-language-nodejs": script(engine.version, "official"),
    "pulumi-language-go": script(engine.version, "official"),
  });
  for (const item of [kubernetes, command]) {
    publish(server, item.release, { [item.file]: script(item.version, "official"), LICENSE: "free" });
  }
}

function put(item: Item, content: string): string {
  const file = executable(home, item);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, 0o755);
  return file;
}

onUnix("with nothing installed", () => {
  it("takes the official downloads, and nothing at all the second time", async () => {
    publishAll();
    const first = await run();
    expect(sources(first)).toEqual(["downloaded", "downloaded", "downloaded", "downloaded"]);
    expect(first.pulumi).toBe(executable(home, engine));
    expect(readFileSync(first.pulumi, "utf8")).toContain("official");
    // What else is in the official archives comes along.
    expect(existsSync(join(dirname(first.pulumi), "pulumi-language-go"))).toBe(true);
    expect(existsSync(join(home, kubernetes.directory, "LICENSE"))).toBe(true);
    expect(said).toContainEqual(
      expect.stringMatching(/^kubernetes provider 4\.25\.0: downloaded in \d+ s from http:\/\/127\.0\.0\.1/),
    );

    said = [];
    server.asked.length = 0;
    const second = await run();
    expect(sources(second)).toEqual(["installed", "installed", "installed", "installed"]);
    expect(second.items.map(({ why }) => why)).toEqual(first.items.map(({ why }) => `in place, ${why}`));
    expect(said).toEqual([]);
    expect(server.asked).toEqual([]);
  });

  it("leaves nothing behind in the folder that it works in", async () => {
    publishAll();
    await run();
    expect(readdirSync(join(home, ".toolchain"))).toEqual(["owner.json"]);
  });

  it("says of each item why it can be had in no way, and installs the others", async () => {
    publish(server, command.release, { [command.file]: script(command.version) });
    await expect(run()).rejects.toThrow(
      new RegExp(
        "^The Node.js language host 3\\.250\\.0 can be neither downloaded \\(HTTP 404 for \\S+SHA512SUMS\\) nor built\\. " +
          "Go is not on the PATH: install Go 1\\.25\\.11 or newer \\(https://go\\.dev/dl/\\) and try again\\.\n" +
          "The Pulumi engine .*\nThe kubernetes provider .*$",
        "s",
      ),
    );
    expect(existsSync(executable(home, command))).toBe(true);
    expect(existsSync(executable(home, engine))).toBe(false);
  });

  it("refuses an archive without the executable", async () => {
    publishAll();
    publish(server, kubernetes.release, { README: "nothing here" });
    await expect(run()).rejects.toThrow("has no pulumi-resource-kubernetes");
  });
});

onUnix("with something installed", () => {
  it("leaves what someone else installed as it is", async () => {
    publishAll();
    const official = script(engine.version, "by hand");
    const files = ITEMS.map((item) => put(item, official));
    const toolchain = await run();
    expect(sources(toolchain)).toEqual(["installed", "installed", "installed", "installed"]);
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(ITEMS.map(() => official));
    expect(server.asked).toEqual([]);
  });

  it("replaces an engine that says another version", async () => {
    publishAll();
    put(engine, script("3.0.0"));
    const { items } = await run();
    expect(items[1]).toMatchObject({ name: "Pulumi engine", source: "downloaded" });
  });

  it("replaces a plugin whose installation by Pulumi never ended", async () => {
    publishAll();
    put(kubernetes, script(kubernetes.version, "half"));
    writeFileSync(`${join(home, kubernetes.directory)}.partial`, "");
    const { items } = await run();
    expect(items[2]).toMatchObject({ name: "kubernetes provider", source: "downloaded" });
    expect(readFileSync(executable(home, kubernetes), "utf8")).toContain("official");
    expect(existsSync(`${join(home, kubernetes.directory)}.partial`)).toBe(false);
  });

  it("replaces its own plugin when Pulumi began to install it again and never ended", async () => {
    publishAll();
    await run();
    writeFileSync(`${join(home, command.directory)}.partial`, "");
    const { items } = await run();
    expect(items.map(({ source }) => source)).toEqual(["installed", "installed", "installed", "downloaded"]);
    expect(existsSync(`${join(home, command.directory)}.partial`)).toBe(false);
  });

  it("sees that someone replaced an executable, and leaves it", async () => {
    publishAll();
    await run();
    put(command, script(command.version, "reinstalled by hand"));
    const { items } = await run();
    expect(items[3]).toMatchObject({ source: "installed", why: "installed before, by someone else" });
    expect(readFileSync(executable(home, command), "utf8")).toContain("by hand");
  });

  it("replaces its own build when the sources changed since", async () => {
    publishAll();
    const file = put(command, script(command.version, "our old build"));
    await run();
    const record = join(dirname(file), recordName(command));
    const written = JSON.parse(readFileSync(record, "utf8")) as object;
    writeFileSync(record, JSON.stringify({ ...written, source: "built", sources: "of another day" }));
    const { items } = await run();
    expect(items[3]).toMatchObject({ source: "downloaded" });
    expect(readFileSync(file, "utf8")).toContain("official");
  });

  it("looks afresh where its record is damaged", async () => {
    publishAll();
    await run();
    writeFileSync(join(dirname(executable(home, command)), recordName(command)), "{");
    const { items } = await run();
    expect(items[3]).toMatchObject({ source: "installed" });
  });
});

onUnix("with npm's launcher on the PATH", () => {
  it("does not run it: it would start a download of its own", async () => {
    publishAll();
    const trace = join(home, "launched");
    for (const name of ["pulumi", "pulumi-language-nodejs"]) {
      writeFileSync(join(bin, name), `#!/bin/sh\ntouch ${trace}\necho v${engine.version}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    expect(sources(await run()).slice(0, 2)).toEqual(["downloaded", "downloaded"]);
    expect(existsSync(trace)).toBe(false);
  });
});

onUnix("two runs at once", () => {
  it("take turns: the second finds what the first installed", async () => {
    publishAll();
    const other: string[] = [];
    const both = await Promise.all([run(), ensureToolchain({ say: (line) => other.push(line) })]);
    expect(both.map(({ items }) => items.length)).toEqual([4, 4]);
    expect(server.asked.filter((path) => path.endsWith(kubernetes.release.archive))).toHaveLength(1);
    expect([...said, ...other]).toContainEqual(
      expect.stringMatching(/^Waiting for another run that sets up the toolchain \(.+\)\.$/),
    );
  });
});

describe("the languages of the table", () => {
  it("has the engine after its language host", () => {
    expect(ITEMS.indexOf(languageHost)).toBeLessThan(ITEMS.indexOf(engine));
    expect(languageHost.directory).toBe(engine.directory);
  });
});
