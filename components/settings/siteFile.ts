import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { type Document, parseDocument } from "yaml";

import { isMapping } from "./draft.ts";
import { SettingsError } from "./faults.ts";
import { parseSite, type Site } from "./site.ts";

/**
 * Reads a site file as it stands on disk, without Pulumi and without decrypting anything.
 *
 * @param named the site it must describe; default: the one that the file is named after.
 * @throws SettingsError when it is missing, is no YAML, or has faults.
 */
export function readSiteFile(path: string, named?: string): Site {
  const site = named ?? /^Pulumi\.(.+)\.ya?ml$/.exec(basename(path))?.[1];
  const sshKeyFile = process.env["TWISTERLAB_SSH_KEY_FILE"];
  const observerKeyFile = process.env["TWISTERLAB_OBSERVER_KEY_FILE"];
  return parseSite(readConfig(path), { file: path, site, sshKeyFile, observerKeyFile });
}

function readConfig(path: string): Record<string, unknown> {
  const document = parseDocument(read(path), { prettyErrors: true });
  if (document.errors.length > 0) {
    // The first line says what and where; those after it quote the file, secrets and all.
    const faults = document.errors.map((error) => ({ key: "YAML", reason: error.message.split("\n")[0] ?? "" }));
    throw new SettingsError(path, faults);
  }
  const content = plainValues(path, document);
  const config = isMapping(content) ? content["config"] : undefined;
  if (!isMapping(config)) {
    throw new SettingsError(path, [{ key: "config", reason: "must be a mapping with the settings of the site in it" }]);
  }
  return config;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const reason = code === "ENOENT" ? "does not exist; name the site with `--site`" : `cannot be read (${code})`;
    throw new SettingsError("Site file", [{ key: path, reason }]);
  }
}

function plainValues(path: string, document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases that would unfold without end.
    throw new SettingsError(path, [{ key: "YAML", reason: error instanceof Error ? error.message : String(error) }]);
  }
}
