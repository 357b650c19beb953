import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { userFolders } from "../../cli/userFolders.ts";
import { seconds, withProgress } from "../../toolchain/progress.ts";

/** Something that takes minutes to build and is the same as long as its inputs are. */
export interface CachedBuild {
  /** Folder within the cache. */
  name: string;
  /** As a person calls it. */
  what: string;
  /** Folder that the inputs are in. */
  source: string;
  /** Glob patterns of everything that it depends on; another content makes another build. */
  inputs: readonly string[];
  /** Looks, before anything is made, whether it can be. */
  prepare: () => void;
  /** What is done, one after the other, in the folder that becomes the result. */
  steps: readonly BuildStep[];
  /** Gets a line for each step, and one every 10 seconds of a long one; default: standard error. */
  say?: ((line: string) => void) | undefined;
}

/** A step's name, and what it does in the folder; `detail` takes how far it is. */
export type BuildStep = readonly [string, (folder: string, detail: (text: string) => void) => Promise<void>];

/** Folder of the caches, if not the user's own. */
const CACHE_VARIABLE = "TWISTERLAB_EDGE_CACHE";

/** Days after which a build that nobody used makes room for a new one. */
const KEEP_DAYS = 14;

/**
 * Builds it unless it is there. Safe when two processes ask for it at once.
 * @returns the folder, which nobody changes.
 */
export async function ensureBuilt(wanted: CachedBuild): Promise<string> {
  const { say = toStandardError } = wanted;
  const builds = join(process.env[CACHE_VARIABLE] ?? userFolders().cache, wanted.name);
  const folder = join(builds, inputsHash(wanted));
  if (!existsSync(folder)) {
    wanted.prepare();
    mkdirSync(builds, { recursive: true });
    await alone(builds, wanted.what, say, async () => {
      if (!existsSync(folder)) {
        removeOld(builds);
        await build(wanted, folder, say);
      }
    });
  }
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}

async function build({ what, steps }: CachedBuild, folder: string, say: (line: string) => void): Promise<void> {
  const staging = `${folder}.building`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging);
  const started = performance.now();
  say(`Building ${what} in ${folder}, once: takes a few minutes.`);
  for (const [position, [name, step]] of steps.entries()) {
    await withProgress(say, `[${position + 1}/${steps.length}] ${name}`, (detail) => step(staging, detail));
  }
  renameSync(staging, folder);
  say(`Built ${what} in ${seconds(started)} s.`);
}

function inputsHash({ source, inputs }: CachedBuild): string {
  const hash = createHash("sha256");
  for (const name of globSync(inputs, { cwd: source }).sort()) {
    if (statSync(join(source, name)).isFile()) {
      hash
        .update(`${name}\0`)
        .update(readFileSync(join(source, name)))
        .update("\0");
    }
  }
  return hash.digest("hex").slice(0, 16);
}

async function alone(
  folder: string,
  what: string,
  say: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  let waiting = false;
  const lock = async (): Promise<() => Promise<void>> => {
    for (;;) {
      try {
        return await lockfile.lock(folder, { lockfilePath: join(folder, "lock"), stale: 30_000 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ELOCKED") {
          throw error;
        }
      }
      if (!waiting) {
        say(`Waiting for another run that builds ${what}.`);
        waiting = true;
      }
      await sleep(500);
    }
  };
  const release = await lock();
  try {
    await work();
  } finally {
    await release();
  }
}

function removeOld(builds: string): void {
  const oldest = Date.now() - KEEP_DAYS * 24 * 60 * 60 * 1000;
  for (const name of readdirSync(builds)) {
    const path = join(builds, name);
    if (name !== "lock" && (name.endsWith(".building") || statSync(path).mtimeMs < oldest)) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Where a build says how far it is, unless somebody wants it elsewhere. */
export function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}
