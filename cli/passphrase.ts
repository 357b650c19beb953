import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure } from "./failure.ts";
import { PROJECT_FOLDER } from "./site.ts";
import { userFolders } from "./userFolders.ts";

/** Where the passphrase comes from, as the environment Pulumi reads. */
export type PassphraseEnvironment = { PULUMI_CONFIG_PASSPHRASE: string } | { PULUMI_CONFIG_PASSPHRASE_FILE: string };

/**
 * The passphrase that encrypts secrets in the site file and in the state: the one the user set
 * (PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE), else the one in the user's configuration folder, else
 * a new one, written there once (0600) and said aloud.
 * @param siteFile named in the error texts.
 * @param encrypted whether the site file was already encrypted with some passphrase: then none is made up.
 * @throws Failure when the passphrase is empty, not readable, or missing for an encrypted file.
 */
export function findPassphrase(
  siteFile: string,
  encrypted: boolean,
  say: (line: string) => void,
): PassphraseEnvironment {
  const given = process.env["PULUMI_CONFIG_PASSPHRASE"];
  if (given !== undefined) {
    if (given === "") {
      throw new Failure(
        "PULUMI_CONFIG_PASSPHRASE is set but empty: secrets would be as good as in clear. Set a passphrase, or unset it",
      );
    }
    return { PULUMI_CONFIG_PASSPHRASE: given };
  }
  const named = process.env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (named !== undefined && named !== "") {
    return { PULUMI_CONFIG_PASSPHRASE_FILE: checked(named, "PULUMI_CONFIG_PASSPHRASE_FILE") };
  }
  const own = passphraseFile();
  if (existsSync(own)) {
    return { PULUMI_CONFIG_PASSPHRASE_FILE: checked(own, "the passphrase file") };
  }
  if (encrypted) {
    throw new Failure(
      `${siteFile} is encrypted, and there is no passphrase for it: set PULUMI_CONFIG_PASSPHRASE_FILE, or copy the ` +
        `file from the machine that has it to ${own}`,
    );
  }
  mkdirSync(dirname(own), { recursive: true, mode: 0o700 });
  // 256 bits, in characters that survive any editor. `wx`: of two first runs at once, one makes it and one reads it.
  try {
    writeFileSync(own, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    say(
      `A new passphrase protects the secrets of this project: ${own}. Keep a copy where you keep passwords: ` +
        "without it the secrets in the site file and in the state are lost.",
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  }
  return { PULUMI_CONFIG_PASSPHRASE_FILE: own };
}

/** The passphrase file of this user: `~/.config/twisterlab-edge/passphrase` on Linux. */
export function passphraseFile(): string {
  return join(userFolders().config, "passphrase");
}

function checked(name: string, what: string): string {
  // Pulumi takes a relative path from the folder it runs in, and `stack init` runs elsewhere.
  const file = resolve(PROJECT_FOLDER, name);
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new Failure(`${what}: ${file} ${reason}`);
  }
  if (!statSync(file).isFile()) {
    throw new Failure(`${what}: ${file} is not a file`);
  }
  if (readFileSync(file, "utf8").trim() === "") {
    throw new Failure(`${what}: ${file} is empty; Pulumi would run without a passphrase`);
  }
  if (file === passphraseFile()) {
    chmodSync(file, 0o600);
  }
  return file;
}
