import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { systemCommandPath } from "./systemPackages.ts";

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Gets each line of standard error. */
  detail?: (line: string) => void;
}

/** Runs a program, for no longer than we run, and returns its standard output. @throws Error with the end of its errors. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, detail }: RunOptions = {},
): Promise<string> {
  const words = ["--pdeathsig", "TERM", systemCommandPath(command), ...args];
  const child = spawn(systemCommandPath("setpriv"), words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    detail?.(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) {
    throw new Error(`${command} failed: ${lines.slice(-15).join("\n")}`);
  }
  return output;
}
