import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { executable, moduleFolder, type Item } from "./items.ts";

/** How an executable got where it is: found there, downloaded, or built. */
export type Source = "installed" | "downloaded" | "built";

/** What is written beside an installed executable, so that the next run needs to look at nothing else. */
export interface InstallRecord {
  version: string;
  source: Source;
  why: string;
  /** Bytes and modification time (ms since 1970) of the executable: other values mean that someone replaced it. */
  size: number;
  modified: number;
  /** Hash of what it was built from; only where source is "built". */
  sources?: string;
}

/** The record of an executable that is in place, whole, and still what would be installed; else undefined. */
export function recorded(home: string, item: Item): InstallRecord | undefined {
  const record = readRecord(home, item);
  if (record === undefined || !unchanged(executable(home, item), record)) {
    return undefined;
  }
  if (record.version !== item.version || isPartial(home, item)) {
    return undefined;
  }
  return record.source === "built" && record.sources !== sourcesHash(item) ? undefined : record;
}

/** True for an executable that we built and nobody replaced since: the only one that a newer build may overwrite. */
export function isOurBuild(home: string, item: Item): boolean {
  const record = readRecord(home, item);
  return record?.source === "built" && unchanged(executable(home, item), record);
}

/** True while Pulumi's own installation of the plugin has not ended, or was interrupted. */
export function isPartial(home: string, item: Item): boolean {
  return existsSync(`${join(home, item.directory)}.partial`);
}

/** Writes the record of an executable into a folder, which may still be a staging folder. */
export function writeRecord(folder: string, item: Item, file: string, source: Source, why: string): void {
  const { size, mtimeMs } = statSync(file);
  const record: InstallRecord = { version: item.version, source, why, size, modified: mtimeMs };
  if (source === "built") {
    record.sources = sourcesHash(item);
  }
  writeFileSync(join(folder, recordName(item)), `${JSON.stringify(record, undefined, 2)}\n`);
}

export function recordName(item: Item): string {
  return `.${item.file}.toolchain.json`;
}

/** Hash of an item's Go sources, tests left out, and of how they are built. */
export function sourcesHash(item: Item): string {
  const hash = createHash("sha256").update(JSON.stringify(item.build));
  const folder = moduleFolder(item);
  for (const path of readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith("_test.go") && !entry.parentPath.includes("testdata"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(`\0${path.slice(folder.length).replaceAll("\\", "/")}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

function readRecord(home: string, item: Item): InstallRecord | undefined {
  try {
    const file = join(dirname(executable(home, item)), recordName(item));
    return JSON.parse(readFileSync(file, "utf8")) as InstallRecord;
  } catch {
    // Missing or damaged: the executable is looked at afresh.
    return undefined;
  }
}

function unchanged(file: string, record: InstallRecord): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.size === record.size && found.mtimeMs === record.modified;
}
