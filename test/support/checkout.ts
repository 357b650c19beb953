import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { capture, type Captured } from "../../cli/capture.ts";
import { FROZEN_SITE_FILE } from "./mocks.ts";

/** A copy of this checkout with a user of its own: home, state, passphrase. The toolchain is the machine's. */
export interface Checkout {
  readonly folder: string;
  readonly home: string;
  /** Runs `npm run -s <words>` as the user does. */
  npm(words: string[], env?: Record<string, string>): Promise<Captured>;
  /** Runs any command in the checkout. */
  run(command: string, words: string[], env?: Record<string, string>): Promise<Captured>;
  read(path: string): string;
  /** Edits the site file at a key path; undefined removes the key. */
  edit(changes: readonly (readonly [string[], unknown])[]): void;
  remove(): void;
}

/** The checkout as git sees it: tracked files, and new ones that are not ignored. */
export function checkout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-checkout-"));
  const home = mkdtempSync(join(tmpdir(), "twisterlab-edge-home-"));
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: PROJECT,
    encoding: "utf8",
  });
  for (const file of files.split("\0").filter((name) => name !== "")) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(PROJECT, file), join(folder, file));
  }
  // People fill in the real site file; the tests know the one that was handed over.
  cpSync(join(PROJECT, FROZEN_SITE_FILE), join(folder, "Pulumi.edge.yaml"));
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  const siteFile = join(folder, "Pulumi.edge.yaml");
  const run = (command: string, words: string[], env: Record<string, string> = {}): Promise<Captured> =>
    capture(command, words, { cwd: folder, env: { ...userEnvironment(home), ...env } });
  return {
    folder,
    home,
    run,
    npm: (words, env) => run("npm", ["run", "--silent", ...words], env),
    read: (path) => readFileSync(join(folder, path), "utf8"),
    edit: (changes) => {
      const document = parseDocument(readFileSync(siteFile, "utf8"));
      for (const [path, value] of changes) {
        if (value === undefined) {
          document.deleteIn(["config", ...path]);
        } else {
          document.setIn(["config", ...path], document.createNode(value));
        }
      }
      writeFileSync(siteFile, document.toString({ lineWidth: 0 }));
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const PROJECT = resolve(import.meta.dirname, "../..");

/** A user who has never used the project, on a machine that has the toolchain. */
function userEnvironment(home: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(PULUMI_|XDG_|TWISTERLAB_|VITEST|NODE_|npm_|SSH_AUTH_SOCK)/.test(name)) {
      env[name] = value;
    }
  }
  return {
    ...env,
    HOME: home,
    PULUMI_HOME: process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"),
    PATH: [join(PROJECT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
    npm_config_update_notifier: "false",
  };
}
