import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { SettingsError } from "../components/settings/faults.ts";
import type { Site as Settings } from "../components/settings/site.ts";
import { readSiteFile } from "../components/settings/siteFile.ts";
import { Failure } from "./failure.ts";

/** A site: its name, its file, and what the file says. */
export interface Site {
  name: string;
  /** Absolute path of `Pulumi.<name>.yaml`. */
  file: string;
  settings: Settings;
}

/** The checkout: where Pulumi.yaml and the site files are. */
export const PROJECT_FOLDER = resolve(import.meta.dirname, "..");

/** Pulumi project, and with it the namespace of our keys. */
export { project as PROJECT } from "../components/settings/schema/index.ts";

/**
 * Reads and checks a site file.
 * @throws Failure with one sentence when there is no such site, or with all faults of the file at once.
 */
export function openSite(name: string): Site {
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.includes("-phase-")) {
    throw new Failure(`--site "${name}": a site is named with lower-case letters, digits and dashes, like "edge"`);
  }
  const file = join(PROJECT_FOLDER, `Pulumi.${name}.yaml`);
  if (!existsSync(file)) {
    const there = readdirSync(PROJECT_FOLDER)
      .map((entry) => /^Pulumi\.([a-z][a-z0-9-]*)\.yaml$/.exec(entry)?.[1])
      .filter((site) => site !== undefined && !site.includes("-phase-"));
    throw new Failure(
      `no site file Pulumi.${name}.yaml in ${PROJECT_FOLDER}; there is ${there.join(", ") || "none"}. ` +
        "Name one with --site, or copy Pulumi.edge.yaml and fill it in",
    );
  }
  try {
    return { name, file, settings: readSiteFile(file) };
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new Failure(error.message);
    }
    throw error;
  }
}

/** Name of the stack of a phase. */
export function stackName(site: string, phase: number): string {
  return `${site}-phase-${phase}`;
}
