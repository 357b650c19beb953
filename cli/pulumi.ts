import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { constants } from "node:os";
import type { Toolchain } from "../toolchain/index.ts";
import { capture, type Captured } from "./capture.ts";
import { PROJECT_FOLDER } from "./site.ts";
import { userFolders } from "./userFolders.ts";

/** Runs of the engine, with the environment that our commands share. */
export interface Engine {
  /** Runs Pulumi with our terminal. @returns its exit code. */
  run(words: string[]): Promise<number>;
  /** Runs Pulumi quietly in `folder`. @returns exit code, standard output and standard error. */
  ask(words: string[], folder?: string, input?: string): Promise<Captured>;
}

/** The engine of the toolchain, called with `extra` on top of the user's environment. */
export function engine(toolchain: Toolchain, extra: Record<string, string>): Engine {
  const env = {
    ...process.env,
    ...extra,
    // The language host is beside the engine; Node.js 24 is in the project.
    PATH: [dirname(toolchain.pulumi), join(PROJECT_FOLDER, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(
      delimiter,
    ),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The program's libraries are compiled once and not at each preview: a third of its time.
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(userFolders().cache, "compiled"),
  } as NodeJS.ProcessEnv;
  // The command plugin fails on the socket of an agent that is gone, even when it has a key of its own.
  if (!existsSync(env["SSH_AUTH_SOCK"] ?? "")) {
    delete env["SSH_AUTH_SOCK"];
  }
  return {
    run: (words) =>
      new Promise((resolve, reject) => {
        const child = spawn(toolchain.pulumi, words, { cwd: PROJECT_FOLDER, env, stdio: "inherit" });
        // The terminal sends Ctrl-C to both; Pulumi decides what it means, we wait for it.
        const ignore = (): void => undefined;
        process.on("SIGINT", ignore);
        const forward = (signal: NodeJS.Signals): void => {
          child.kill(signal);
        };
        process.on("SIGTERM", forward);
        child.on("error", reject);
        child.on("exit", (code, signal) => {
          process.off("SIGINT", ignore);
          process.off("SIGTERM", forward);
          resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]);
        });
      }),
    ask: (words, folder = PROJECT_FOLDER, input = "") => capture(toolchain.pulumi, words, { cwd: folder, env, input }),
  };
}
