import { join } from "node:path";
import { compile } from "../../toolchain/goBuild.ts";
import { ensureBuilt } from "./buildCache.ts";

/** A program of the tests, made from pinned Go modules. */
export interface GoProgram {
  name: string;
  /** As a person calls it. */
  what: string;
  /** Folder of the Go module. */
  source: string;
  /** Default: that of the folder. */
  package?: string;
}

/** Builds it unless it is there. @returns its path. */
export async function ensureProgram({ name, what, source, package: main = "." }: GoProgram): Promise<string> {
  const built = await ensureBuilt({
    name: `test-${name}`,
    what,
    source,
    inputs: ["*"],
    prepare: () => undefined,
    steps: [
      [
        name,
        (folder, detail) =>
          compile({ folder: source, package: main, variables: {}, output: join(folder, name) }, detail),
      ],
    ],
  });
  return join(built, name);
}
