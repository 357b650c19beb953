import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import lockfile from "proper-lockfile";

/** A lock that was not renewed for this time (ms) belongs to a process that is gone. */
const STALE = 15_000;
/** How often (ms) a waiting run looks again, and how often it says so. */
const RETRY = 500;
const REMIND = 10_000;

/** What the run that holds the lock works with. */
export interface Turn {
  /** Empty folder on the same file system as Pulumi's home, removed at the end. */
  staging: string;
  /** Tells waiting runs what this one is doing. */
  doing: (what: string) => void;
}

/** Lets one run at a time change a Pulumi home; the others say what they wait for. */
export async function inTurn<T>(
  home: string,
  say: (line: string) => void,
  work: (turn: Turn) => Promise<T>,
): Promise<T> {
  const folder = join(home, ".toolchain");
  mkdirSync(folder, { recursive: true });
  const owner = join(folder, "owner.json");
  const release = await acquire(folder, owner, say);
  try {
    removeStale(folder);
    const staging = join(folder, `staging-${process.pid}`);
    mkdirSync(staging);
    const doing = (what: string): void => {
      writeFileSync(owner, JSON.stringify({ pid: process.pid, doing: what }));
    };
    doing("starting");
    return await work({ staging, doing });
  } finally {
    rmSync(join(folder, `staging-${process.pid}`), { recursive: true, force: true });
    await release();
  }
}

async function acquire(folder: string, owner: string, say: (line: string) => void): Promise<() => Promise<void>> {
  let nextWord = 0;
  for (;;) {
    try {
      let held = true;
      const release = await lockfile.lock(folder, {
        lockfilePath: join(folder, "lock"),
        realpath: false,
        stale: STALE,
        update: STALE / 5,
        onCompromised: () => {
          // After a sleep of the machine, say. Every step ends in one rename, so two runs at once do no harm.
          held = false;
        },
      });
      return async () => {
        if (held) {
          await release();
        }
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") {
        throw error;
      }
    }
    if (performance.now() >= nextWord) {
      say(`Waiting for another run that sets up the toolchain (${describeOwner(owner)}).`);
      nextWord = performance.now() + REMIND;
    }
    await sleep(RETRY);
  }
}

function describeOwner(file: string): string {
  try {
    const { pid, doing } = JSON.parse(readFileSync(file, "utf8")) as { pid: number; doing: string };
    return isAlive(pid) ? `process ${pid}: ${doing}` : `process ${pid} has ended; its lock expires within 15 s`;
  } catch {
    return "just starting";
  }
}

/** Removes the staging folders of runs that were killed. */
function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^staging-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Whether there is a process of this number, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
