import { spawn } from "node:child_process";

/** What a command printed, and how it ended. */
export interface Captured {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CaptureOptions {
  cwd: string;
  /** Default: our own environment. */
  env?: NodeJS.ProcessEnv;
  /** Standard input; nothing when left out. */
  input?: string;
}

/** Runs a command to its end, without our terminal. Rejects only when it cannot be started. */
export function capture(command: string, words: string[], options: CaptureOptions): Promise<Captured> {
  return new Promise((resolve, reject) => {
    const { cwd, env = process.env, input = "" } = options;
    // On Windows the commands of npm packages are scripts, which only a shell starts.
    const child = spawn(command, words, {
      cwd,
      env,
      stdio: "pipe",
      shell: process.platform === "win32" && !command.endsWith(".exe"),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({
        code: code ?? 1,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      });
    });
    // A command that ends without reading all of it is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
