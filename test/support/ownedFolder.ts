import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../../toolchain/lock.ts";

/** A new folder for temporary files whose name says which process it belongs to. */
export function ownedFolder(prefix: string): string {
  return mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
}

/** The folders of processes that are no more: they were killed before they could remove them. */
export function abandonedFolders(prefix: string): string[] {
  return readdirSync(tmpdir())
    .filter((name) => {
      const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      return pid !== undefined && !isAlive(Number(pid));
    })
    .map((name) => join(tmpdir(), name));
}
