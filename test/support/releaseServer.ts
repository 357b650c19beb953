import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Release } from "../../toolchain/items.ts";

/** How the server answers for one file: with its bytes, or in its own way. */
export type Answer = Buffer | ((response: ServerResponse) => void);

/** A server on loopback laid out like GitHub's releases. */
export interface ReleaseServer {
  url: string;
  /** Path -> answer; what is not there is 404. */
  answers: Map<string, Answer>;
  /** Paths in the order in which they were asked for. */
  asked: string[];
  close: () => Promise<void>;
}

export async function startReleaseServer(): Promise<ReleaseServer> {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    const answer = answers.get(path);
    if (typeof answer === "function") {
      answer(response);
    } else {
      response.writeHead(answer === undefined ? 404 : 200, { "content-length": answer?.length ?? 0 });
      response.end(answer);
    }
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers,
    asked,
    close: () =>
      new Promise((resolve) => {
        sockets.forEach((socket) => socket.destroy());
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** The path of one file of a release. */
export function pathOf(release: Release, file: string): string {
  return `/${release.repository}/releases/download/${release.tag}/${file}`;
}

/** Publishes an archive of executables (name -> content) with its checksum file. */
export function publish(server: ReleaseServer, release: Release, files: Record<string, string>): void {
  const archive = archiveOf(release, files);
  server.answers.set(pathOf(release, release.archive), archive);
  server.answers.set(pathOf(release, release.checksums), checksumFile(release, archive));
}

export function archiveOf(release: Release, files: Record<string, string>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "release-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      const file = join(folder, "content", release.folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      chmodSync(file, 0o755);
    }
    execFileSync("tar", ["-czf", "../archive", "."], { cwd: join(folder, "content") });
    return readFileSync(join(folder, "archive"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function checksumFile(release: Release, archive: Buffer): Buffer {
  const sum = createHash(release.algorithm).update(archive).digest("hex");
  return Buffer.from(`${"0".repeat(sum.length)}  another-file.tar.gz\n${sum}  ${release.archive}\n`);
}
