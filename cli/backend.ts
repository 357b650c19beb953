import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { Failure } from "./failure.ts";
import { PROJECT, PROJECT_FOLDER } from "./site.ts";
import { userFolders } from "./userFolders.ts";

/** Where the state of the stacks is kept. */
export interface Backend {
  url: string;
  /** Folder of the embedded local backend; undefined when the user logged in elsewhere. */
  folder?: string;
}

/**
 * The backend that Pulumi would use by itself (PULUMI_BACKEND_URL, `backend.url` in Pulumi.yaml, `pulumi login`), else
 * the embedded local one in the user's data folder, mode 0700: outside the checkout, where `git clean` does not reach.
 * Makes nothing; `prepareBackend` does.
 */
export function findBackend(): Backend {
  const choices = [process.env["PULUMI_BACKEND_URL"], projectBackend(), currentLogin(), tokenLogin()];
  const own = choices.find((url) => url !== undefined && url !== "");
  if (own !== undefined) {
    // Pulumi takes a relative path from the folder it runs in, and `stack init` runs elsewhere.
    return {
      url: own.replace(/^file:\/\/(\..*)$/, (_, path: string) => pathToFileURL(resolve(PROJECT_FOLDER, path)).href),
    };
  }
  const folder = join(userFolders().data, "state");
  return { url: pathToFileURL(folder).href, folder };
}

/** Makes the folder of the embedded backend, closed to others. */
export function prepareBackend({ folder }: Backend): void {
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
}

/** The file with a stack's state in the embedded backend. */
export function stateFile(folder: string, stack: string): string {
  return join(folder, ".pulumi", "stacks", PROJECT, `${stack}.json`);
}

function projectBackend(): string | undefined {
  const project = parse(readFileSync(join(PROJECT_FOLDER, "Pulumi.yaml"), "utf8")) as { backend?: { url?: string } };
  return project.backend?.url;
}

/** What `pulumi login` last wrote; Pulumi keeps it in its home folder. */
function currentLogin(): string | undefined {
  const file = join(process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "credentials.json");
  if (!existsSync(file)) {
    return undefined;
  }
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { current?: string } | null)?.current;
  } catch {
    throw new Failure(`${file} cannot be read as JSON; log in again with \`npx pulumi login\`, or remove it`);
  }
}

/** A token without a login is Pulumi Cloud's, as for Pulumi itself. */
function tokenLogin(): string | undefined {
  return process.env["PULUMI_ACCESS_TOKEN"] ? "https://api.pulumi.com" : undefined;
}
