import { readFileSync, writeFileSync } from "node:fs";

/** Writes a file that is made from the code; with `--check` among our words writes nothing, and fails when it is stale. */
export function writeOrCheck(file: URL, wanted: string, stale: string): void {
  if (!process.argv.includes("--check")) {
    writeFileSync(file, wanted);
  } else if (current(file) !== wanted) {
    console.error(stale);
    process.exitCode = 1;
  }
}

function current(file: URL): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
