import { execFile } from "node:child_process";
import { chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readSync } from "node:fs";
import { renameSync, rmSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { Releases } from "./download.ts";
import { goBuild } from "./goBuild.ts";
import { executable, executableName, ITEMS, type Item } from "./items.ts";
import { inTurn, type Turn } from "./lock.ts";
import { seconds, withProgress } from "./progress.ts";
import { isOurBuild, isPartial, recorded, recordName, writeRecord, type Source } from "./record.ts";

type Say = (line: string) => void;

/**
 * Installs what is missing in a Pulumi home.
 * @throws Error when an item can be had in no way, after the other items were installed.
 */
export async function install(home: string, say: Say): Promise<void> {
  const failures = await inTurn(home, say, async (turn) => {
    const releases = new Releases(turn.staging);
    const failed: string[] = [];
    for (const item of ITEMS) {
      // The run that this one waited for may have installed it.
      if (recorded(home, item) === undefined) {
        try {
          await installItem(home, item, releases, turn, say);
        } catch (error) {
          failed.push(messageOf(error));
        }
      }
    }
    return failed;
  });
  if (failures.length > 0) {
    throw new Error(failures.join("\n"));
  }
}

async function installItem(home: string, item: Item, releases: Releases, turn: Turn, say: Say): Promise<void> {
  const label = `${item.name} ${item.version}`;
  const start = performance.now();
  const done = (source: Source, why: string): void => {
    say(`${label}: ${source === "installed" ? why : `${source} in ${seconds(start)} s ${why}`}`);
  };

  const adopted = await adopt(home, item, turn.staging);
  if (adopted !== undefined) {
    done("installed", adopted);
    return;
  }

  let refusal: string;
  try {
    const folder = await withProgress(say, `${label}: downloading`, (detail) => {
      turn.doing(`downloading ${label}`);
      return releases.get(item.release, detail);
    });
    const why = `from ${releases.urlOf(item.release)}`;
    place(home, item, folder, turn.staging, "downloaded", why);
    done("downloaded", why);
    return;
  } catch (error) {
    refusal = messageOf(error);
  }

  let file: string;
  try {
    file = await withProgress(say, `${label}: building`, (detail) => {
      turn.doing(`building ${label}`);
      return goBuild(item, turn.staging, detail);
    });
  } catch (error) {
    throw new Error(`The ${label} can be neither downloaded (${refusal}) nor built. ${messageOf(error)}`, {
      cause: error,
    });
  }
  const from = item.build.standIn ? `from toolchain/go/${item.build.module}, a stand-in` : "from pinned Go modules";
  const why = `${from}, because it could not be downloaded (${refusal})`;
  place(home, item, dirname(file), turn.staging, "built", why);
  done("built", why);
}

/**
 * Takes an executable that somebody else installed: in place, or (engine and language host) on the PATH.
 * @returns why it was taken; undefined when there is none of the right version.
 */
async function adopt(home: string, item: Item, staging: string): Promise<string | undefined> {
  const file = executable(home, item);
  if (!isPartial(home, item) && !isOurBuild(home, item) && isExecutable(file) && (await saysVersion(file, item))) {
    const why = "installed before, by someone else";
    writeRecord(dirname(file), item, file, "installed", why);
    return why;
  }
  const elsewhere = await onPath(item);
  if (elsewhere === undefined) {
    return undefined;
  }
  const folder = join(staging, `path-${item.file}`);
  mkdirSync(folder);
  copyFileSync(elsewhere, join(folder, executableName(item.file)));
  const why = `copied from ${elsewhere}, which is on the PATH`;
  place(home, item, folder, staging, "installed", why);
  return why;
}

/** Moves an executable (and, for a plugin, what lies beside it) from a staging folder to its place, whole or not at all. */
function place(home: string, item: Item, folder: string, staging: string, source: Source, why: string): void {
  const name = executableName(item.file);
  const file = join(folder, name);
  if (!existsSync(file)) {
    throw new Error(`${item.release.archive} has no ${name}.`);
  }
  chmodSync(file, 0o755);
  writeRecord(folder, item, file, source, why);
  const target = join(home, item.directory);
  if (item.directory.startsWith("plugins/")) {
    mkdirSync(dirname(target), { recursive: true });
    if (existsSync(target)) {
      renameSync(target, join(staging, `replaced-${item.file}`));
    }
    renameSync(folder, target);
    // What an interrupted installation by Pulumi left; with it the plugin counts as missing.
    rmSync(`${target}.partial`, { force: true });
    return;
  }
  // Several items share this folder. The other items of the archive stay for their turn, the executable comes last:
  // where it is, the rest is.
  mkdirSync(target, { recursive: true });
  const others = ITEMS.filter((other) => other !== item).map((other) => executableName(other.file));
  const extras = source === "downloaded" && item.file === "pulumi" ? readdirSync(folder) : [];
  for (const entry of [
    ...extras.filter((entry) => entry !== name && !others.includes(entry)),
    recordName(item),
    name,
  ]) {
    if (existsSync(join(folder, entry))) {
      renameSync(join(folder, entry), join(target, entry));
    }
  }
}

/** The executable of an item on the PATH, in the right version; for the engine only with its language host beside it. */
async function onPath(item: Item): Promise<string | undefined> {
  if (item.versionArguments === undefined) {
    return undefined;
  }
  const together = ITEMS.filter((other) => other.directory === item.directory);
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "" || !together.every((other) => isNative(join(folder, executableName(other.file))))) {
      continue;
    }
    const found = await Promise.all(
      together.map((other) => saysVersion(join(folder, executableName(other.file)), other)),
    );
    if (found.every(Boolean)) {
      return join(folder, executableName(item.file));
    }
  }
  return undefined;
}

/** True for a program, false for a script: npm's launcher `pulumi` would start a download of its own. */
function isNative(file: string): boolean {
  if (!isExecutable(file)) {
    return false;
  }
  const start = Buffer.alloc(2);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, start);
  } finally {
    closeSync(descriptor);
  }
  return start.toString("latin1") !== "#!";
}

function isExecutable(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return (
    found !== undefined &&
    found.isFile() &&
    found.size > 0 &&
    (process.platform === "win32" || (found.mode & 0o111) > 0)
  );
}

async function saysVersion(file: string, item: Item): Promise<boolean> {
  if (item.versionArguments === undefined) {
    return true;
  }
  try {
    const { stdout } = await promisify(execFile)(file, item.versionArguments, {
      timeout: 20_000,
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    return stdout.trim().replace(/^v/, "") === item.version;
  } catch {
    // It does not run here, or is something else: not what we look for.
    return false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
