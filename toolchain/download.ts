import { execFile } from "node:child_process";
import { createHash, timingSafeEqual } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Release } from "./items.ts";

/** Milliseconds that a server may take. */
export interface Limits {
  /** Until the head of an answer, the connection included: a network that swallows packets costs this much once. */
  answer: number;
  /** Between two pieces of a body. */
  stall: number;
}

const LIMITS: Limits = { answer: 5_000, stall: 20_000 };
const MEBIBYTE = 1024 * 1024;

/** Base URL of the releases, for sites with a mirror of GitHub: `<base>/<owner>/<name>/releases/download/<tag>/<file>`. */
const MIRROR_VARIABLE = "TWISTERLAB_RELEASES_URL";

/** Downloads release archives, each once, checks them and unpacks them into a staging folder. */
export class Releases {
  readonly #staging: string;
  readonly #limits: Limits;
  readonly #base: string;
  readonly #got = new Map<string, Promise<string>>();
  /** Why a server could not be reached: it is not waited for again. */
  readonly #unreachable = new Map<string, string>();

  /** @throws Error when the mirror is named by http: anybody on the way could change what is run. */
  constructor(staging: string, limits: Limits = LIMITS) {
    this.#staging = staging;
    this.#limits = limits;
    this.#base = (process.env[MIRROR_VARIABLE] ?? "").replace(/\/+$/, "") || "https://github.com";
    // The checksums come from the same server: only TLS says that it is the one meant.
    if (this.#base.startsWith("http:") && !/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(`${this.#base}/`)) {
      throw new Error(`${MIRROR_VARIABLE} is ${this.#base}: a mirror must speak https.`);
    }
  }

  urlOf(release: Release): string {
    return this.#url(release, release.archive);
  }

  /**
   * The folder with a release's files.
   * @throws Error in one clause that says why not: refused, no answer, broken off, wrong checksum.
   */
  get(release: Release, detail: (text: string) => void): Promise<string> {
    const url = this.urlOf(release);
    const got = this.#got.get(url) ?? this.#fetch(release, detail);
    this.#got.set(url, got);
    return got;
  }

  async #fetch(release: Release, detail: (text: string) => void): Promise<string> {
    const folder = join(this.#staging, `release-${this.#got.size}`);
    mkdirSync(folder);
    const sums = join(folder, "checksums");
    await this.#save(this.#url(release, release.checksums), sums, "sha256", detail);
    const expected = checksumOf(await readFile(sums, "utf8"), release);
    const archive = join(folder, release.archive);
    const actual = await this.#save(this.urlOf(release), archive, release.algorithm, detail);
    if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
      throw new Error(
        `${release.archive} has checksum ${actual.toString("hex").slice(0, 16)}..., ` +
          `${release.checksums} says ${expected.toString("hex").slice(0, 16)}...`,
      );
    }
    detail("unpacking");
    await unpack(folder, release.archive);
    rmSync(archive);
    rmSync(sums);
    return join(folder, release.folder);
  }

  /** Writes a URL's content into a file and returns its hash. */
  async #save(
    address: string,
    file: string,
    algorithm: Release["algorithm"],
    detail: (text: string) => void,
  ): Promise<Buffer> {
    const { host } = new URL(address);
    const known = this.#unreachable.get(host);
    if (known !== undefined) {
      throw new Error(known);
    }
    const response = await request(new URL(address), this.#limits).catch((error: unknown) => {
      const reason = (error as Error).message;
      if (!(error instanceof StatusError)) {
        this.#unreachable.set(host, reason);
      }
      throw error;
    });
    const total = Number(response.headers["content-length"] ?? 0);
    const hash = createHash(algorithm);
    const handle = await open(file, "w");
    let timer: NodeJS.Timeout | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(
        () => response.destroy(new Error(`nothing came for ${this.#limits.stall / 1000} s`)),
        this.#limits.stall,
      );
    };
    let received = 0;
    try {
      watch();
      for await (const chunk of response as AsyncIterable<Buffer>) {
        watch();
        hash.update(chunk);
        await handle.write(chunk);
        received += chunk.length;
        detail(`${mebibytes(received)}${total > 0 ? ` of ${mebibytes(total)}` : ""} MiB`);
      }
    } catch (error) {
      throw new Error(`${host} broke off after ${mebibytes(received)} MiB: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      await handle.close();
    }
    return hash.digest();
  }

  #url(release: Release, file: string): string {
    return `${this.#base}/${release.repository}/releases/download/${release.tag}/${file}`;
  }
}

/** The server answered, with something else than the file. */
class StatusError extends Error {}

/** Asks for a URL and follows redirects; HTTPS_PROXY, HTTP_PROXY and NO_PROXY hold. */
async function request(url: URL, limits: Limits, hops = 5): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const proxy = { proxyEnv: process.env };
    const sent = secure
      ? httpsGet(url, { agent: new HttpsAgent(proxy) }, resolve)
      : httpGet(url, { agent: new HttpAgent(proxy) }, resolve);
    const timer = setTimeout(() => {
      sent.destroy(new Error(`no answer from ${url.host} within ${limits.answer / 1000} s`));
    }, limits.answer);
    sent.on("response", () => {
      clearTimeout(timer);
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(error.code === undefined ? error : new Error(`${error.code} ${url.host}`, { cause: error }));
    });
  });
  const { statusCode = 0, headers } = response;
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
    response.resume();
    const next = new URL(headers.location, url);
    if (hops === 0 || (secure && next.protocol !== "https:")) {
      throw new StatusError(
        `${url.host} redirects to ${next.host}, ${hops === 0 ? "one time too many" : "without TLS"}`,
      );
    }
    return request(next, limits, hops - 1);
  }
  if (statusCode !== 200) {
    response.destroy();
    throw new StatusError(`HTTP ${statusCode} for ${url.href}`);
  }
  return response;
}

/** The line of a checksum file for a release's archive. */
function checksumOf(text: string, release: Release): Buffer {
  for (const line of text.split("\n")) {
    const [hex, name] = line.trim().split(/\s+\*?/);
    if (name === release.archive && hex !== undefined) {
      return Buffer.from(hex, "hex");
    }
  }
  throw new Error(`${release.checksums} of ${release.repository} ${release.tag} has no line for ${release.archive}`);
}

/** Windows has a tar of its own that reads zip too; another one on the PATH might not, or take C: for a host name. */
async function unpack(folder: string, archive: string): Promise<void> {
  const tar =
    process.platform === "win32" ? join(process.env["SystemRoot"] ?? "C:\\Windows", "System32", "tar.exe") : "tar";
  try {
    await promisify(execFile)(tar, ["-xf", archive], { cwd: folder });
  } catch (error) {
    throw new Error(`${archive} cannot be unpacked: ${(error as Error).message.trim()}`, { cause: error });
  }
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1);
}
