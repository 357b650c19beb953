import type { Captured } from "./capture.ts";
import { lastLine } from "./stack.ts";

/** What Pulumi says of its failure: within its JSON, or beside it. */
export function wordsOf({ stdout, stderr }: Captured): string {
  try {
    const { diagnostics = [] } = JSON.parse(stdout) as { diagnostics?: { severity: string; message: string }[] };
    const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message.trim());
    return errors.length > 0 ? errors.join("\n") : lastLine(stderr);
  } catch {
    return lastLine(stderr) || stdout;
  }
}
