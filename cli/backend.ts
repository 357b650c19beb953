import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
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
 */
export function findBackend(): Backend {
  const own = process.env["PULUMI_BACKEND_URL"] ?? projectBackend() ?? currentLogin();
  if (own !== undefined && own !== "") {
    return { url: own };
  }
  const folder = join(userFolders().data, "state");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return { url: pathToFileURL(folder).href, folder };
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
  return (JSON.parse(readFileSync(file, "utf8")) as { current?: string }).current;
}
