import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import { parse } from "yaml";
import { Failure } from "./failure.ts";
import { PROJECT } from "./site.ts";
import { userFolders } from "./userFolders.ts";

// The two things that commands write into a site file, as lines: Pulumi itself would write the whole file anew and drop
// its layout. Every other byte stays.

/** Encrypted values, by their names. */
export type Encrypted = Readonly<Record<string, { secure: string }>>;

/** The salt in a site or stack file; undefined when nothing there was ever encrypted. */
export function encryptionSalt(file: string): string | undefined {
  const content = parse(readFileSync(file, "utf8")) as { encryptionsalt?: string | null } | null;
  return content?.encryptionsalt ?? undefined;
}

/** Adds the salt before `config:`. */
export function addSalt(file: string, salt: string): void {
  const lines = readLines(file);
  const config = lines.findIndex((line) => line.startsWith("config:"));
  if (config === -1) {
    throw new Failure(`${file}: no line "config:" to put the encryptionsalt before`);
  }
  // A line with no value stands there when somebody emptied it.
  const kept = lines.slice(0, config).filter((line) => !line.startsWith("encryptionsalt:"));
  writeLines(file, [...kept, `encryptionsalt: ${salt}`, ...lines.slice(config)]);
}

/**
 * Adds encrypted secrets to the section `secrets`, which is made at the end of the file when there is none.
 * @throws Failure, with the file as it was, when the section is written in a way that lines cannot be added to.
 */
export function addSecrets(file: string, secrets: Encrypted): void {
  const key = `  ${PROJECT}:secrets:`;
  const block = Object.entries(secrets).flatMap(([name, { secure }]) => [`    ${name}:`, `      secure: ${secure}`]);
  const lines = readLines(file);
  const section = lines.indexOf(key);
  const written =
    section === -1
      ? [...withoutEmptyEnd(lines), "", key, ...block, ""]
      : [...lines.slice(0, section + 1), ...block, ...lines.slice(section + 1)];
  if (!holds(written.join("\n"), secrets)) {
    throw new Failure(
      `${file}: write the section as "${PROJECT}:secrets:" on a line of its own under config, indented by two, and try again`,
    );
  }
  writeLines(file, written);
}

/**
 * Keeps other commands of this user from changing the site's files meanwhile: of two first runs at once, the second waits
 * and finds what the first made.
 */
export async function alone<T>(siteName: string, siteFile: string, work: () => Promise<T>): Promise<T> {
  const { data } = userFolders();
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const release = await lockfile.lock(siteFile, {
    lockfilePath: join(data, `${siteName}.lock`),
    stale: 15_000,
    retries: { retries: 240, minTimeout: 250, maxTimeout: 250 },
  });
  try {
    return await work();
  } finally {
    await release();
  }
}

function readLines(file: string): string[] {
  return readFileSync(file, "utf8").split(/\r?\n/);
}

/** Writes the file whole or not at all, with the line ends and the mode it had; a link to it stays one. */
function writeLines(file: string, lines: string[]): void {
  const target = realpathSync(file);
  const lineEnd = readFileSync(target, "utf8").includes("\r\n") ? "\r\n" : "\n";
  const staged = `${target}.${process.pid}.new`;
  try {
    writeFileSync(staged, lines.join(lineEnd), { mode: statSync(target).mode });
    renameSync(staged, target);
  } finally {
    rmSync(staged, { force: true });
  }
}

function withoutEmptyEnd(lines: string[]): string[] {
  const last = lines.findLastIndex((line) => line.trim() !== "");
  return lines.slice(0, last + 1);
}

function holds(text: string, secrets: Encrypted): boolean {
  try {
    const { config } = parse(text) as { config?: Record<string, Encrypted> };
    const section = config?.[`${PROJECT}:secrets`];
    return Object.entries(secrets).every(([name, { secure }]) => section?.[name]?.secure === secure);
  } catch {
    return false;
  }
}
