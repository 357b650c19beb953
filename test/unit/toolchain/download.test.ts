import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Releases } from "../../../toolchain/download.ts";
import { type Release } from "../../../toolchain/items.ts";
import {
  archiveOf,
  checksumFile,
  pathOf,
  publish,
  startReleaseServer,
  type ReleaseServer,
} from "../../support/releaseServer.ts";

const release: Release = {
  repository: "owner/name",
  tag: "v1.2.3",
  archive: "tool-v1.2.3-any.tar.gz",
  checksums: "tool_checksums.txt",
  algorithm: "sha256",
  folder: "tool",
};
const files = { tool: "#!/bin/sh\necho tool\n", LICENSE: "free" };
// Milliseconds: a busy machine has to answer within them.
const limits = { answer: 2000, stall: 2000 };

let server: ReleaseServer;
let staging: string;

beforeEach(async () => {
  server = await startReleaseServer();
  staging = mkdtempSync(join(tmpdir(), "download-"));
  vi.stubEnv("TWISTERLAB_RELEASES_URL", server.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(staging, { recursive: true });
});

const get = (releases = new Releases(staging, limits)): Promise<string> => releases.get(release, () => undefined);

describe("a release", () => {
  it("is unpacked when its checksum is right, and asked for once", async () => {
    publish(server, release, files);
    const releases = new Releases(staging, limits);
    const folder = await get(releases);
    expect(readFileSync(join(folder, "tool"), "utf8")).toBe(files.tool);
    expect(await get(releases)).toBe(folder);
    expect(server.asked).toEqual([pathOf(release, release.checksums), pathOf(release, release.archive)]);
  });

  it("reports how far it is", async () => {
    publish(server, release, files);
    const details: string[] = [];
    await new Releases(staging, limits).get(release, (text) => details.push(text));
    expect(details).toContainEqual(expect.stringMatching(/^\d+\.\d of \d+\.\d MiB$/));
    expect(details.at(-1)).toBe("unpacking");
  });

  it("is checked with SHA-512 where that is published", async () => {
    const other: Release = { ...release, algorithm: "sha512" };
    publish(server, other, files);
    const folder = await new Releases(staging, limits).get(other, () => undefined);
    expect(readFileSync(join(folder, "LICENSE"), "utf8")).toBe("free");
  });

  it("follows redirects, as GitHub sends them", async () => {
    publish(server, release, files);
    const path = pathOf(release, release.archive);
    const archive = server.answers.get(path);
    server.answers.set("/elsewhere", archive ?? Buffer.alloc(0));
    server.answers.set(path, (response) => response.writeHead(302, { location: "/elsewhere" }).end());
    expect(readFileSync(join(await get(), "tool"), "utf8")).toBe(files.tool);
  });

  it("does not follow redirects for ever", async () => {
    const path = pathOf(release, release.checksums);
    server.answers.set(path, (response) => response.writeHead(302, { location: path }).end());
    await expect(get()).rejects.toThrow("one time too many");
  });

  it("is refused when its checksum is wrong", async () => {
    publish(server, release, files);
    server.answers.set(pathOf(release, release.archive), archiveOf(release, { tool: "something else" }));
    await expect(get()).rejects.toThrow(
      /tool-v1.2.3-any.tar.gz has checksum [0-9a-f]{16}\.\.\., tool_checksums.txt says/,
    );
  });

  it("is refused when its checksum is cut short", async () => {
    const archive = archiveOf(release, files);
    server.answers.set(pathOf(release, release.archive), archive);
    const sums = checksumFile(release, archive)
      .toString()
      .replace(/[0-9a-f]{8}  tool/, "  tool");
    server.answers.set(pathOf(release, release.checksums), Buffer.from(sums));
    await expect(get()).rejects.toThrow("has checksum");
  });

  it("is refused when the checksum file does not name it", async () => {
    publish(server, release, files);
    server.answers.set(pathOf(release, release.checksums), Buffer.from(`${"0".repeat(64)}  other.tar.gz\n`));
    await expect(get()).rejects.toThrow(
      "tool_checksums.txt of owner/name v1.2.3 has no line for tool-v1.2.3-any.tar.gz",
    );
    expect(server.asked).not.toContain(pathOf(release, release.archive));
  });

  it("is refused when it is cut short", async () => {
    publish(server, release, files);
    const archive = archiveOf(release, files);
    server.answers.set(pathOf(release, release.archive), (response) => {
      response.writeHead(200, { "content-length": archive.length });
      response.write(archive.subarray(0, archive.length / 2), () => response.destroy());
    });
    await expect(get()).rejects.toThrow(/broke off after 0\.0 MiB/);
  });

  it("is refused when it is no archive", async () => {
    const noise = Buffer.from("no archive at all");
    server.answers.set(pathOf(release, release.archive), noise);
    server.answers.set(pathOf(release, release.checksums), checksumFile(release, noise));
    await expect(get()).rejects.toThrow("tool-v1.2.3-any.tar.gz cannot be unpacked");
  });

  it("that is not there says so with its address", async () => {
    await expect(get()).rejects.toThrow(`HTTP 404 for ${server.url}${pathOf(release, release.checksums)}`);
  });

  it("that stalls is given up after the limit", async () => {
    publish(server, release, files);
    server.answers.set(pathOf(release, release.archive), (response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("some");
    });
    const start = performance.now();
    await expect(get()).rejects.toThrow("nothing came for 2 s");
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe("a server", () => {
  it("that refuses the connection is named, and not asked again", async () => {
    await server.close();
    const releases = new Releases(staging, limits);
    await expect(get(releases)).rejects.toThrow(`ECONNREFUSED ${new URL(server.url).host}`);
    await expect(releases.get({ ...release, tag: "v2" }, () => undefined)).rejects.toThrow("ECONNREFUSED");
  });

  it("that never answers costs the limit once", async () => {
    // Takes the connection and says nothing, like a network that swallows packets.
    const silent = createServer();
    const sockets: { destroy: () => void }[] = [];
    silent.on("connection", (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    vi.stubEnv("TWISTERLAB_RELEASES_URL", `http://127.0.0.1:${port}/`);
    try {
      const releases = new Releases(staging, limits);
      await expect(get(releases)).rejects.toThrow(`no answer from 127.0.0.1:${port} within 2 s`);
      const start = performance.now();
      await expect(releases.get({ ...release, tag: "v2" }, () => undefined)).rejects.toThrow("no answer");
      expect(performance.now() - start).toBeLessThan(1500);
      expect(sockets).toHaveLength(1);
    } finally {
      sockets.forEach((socket) => {
        socket.destroy();
      });
      silent.close();
    }
  });
});

it.each(["http://mirror.example.com", "http://localhost.example.com/x"])(
  "a mirror without TLS is refused: %s",
  (url) => {
    vi.stubEnv("TWISTERLAB_RELEASES_URL", url);
    expect(() => new Releases(staging, limits)).toThrow("a mirror must speak https");
  },
);
