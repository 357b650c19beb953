import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** How the tests of a project ended. */
export interface TestRun {
  passed: number;
  failed: number;
  skipped: number;
  /** Names of the tests that failed, and of those that were skipped. */
  failedNames: string[];
  skippedNames: string[];
  code: number;
  /** What vitest printed, unless it was `live`. */
  output: string;
}

/** Runs the tests of vitest projects, `live` on our terminal or quietly. */
export async function runVitest(
  projects: string | readonly string[],
  { live, words = [] }: { live: boolean; words?: string[] },
): Promise<TestRun> {
  const scratch = mkdtempSync(join(tmpdir(), "twisterlab-edge-vitest-"));
  const report = join(scratch, "report.json");
  try {
    const { code, output } = await run(
      ["vitest", "run", "--config", "test/vitest.config.ts", ...[projects].flat().map((each) => `--project=${each}`)]
        // One that tells each test as it ends: some take minutes.
        .concat([`--reporter=${live ? "verbose" : "default"}`, "--reporter=json", `--outputFile.json=${report}`])
        .concat(words),
      live,
    );
    return { ...readReport(report), code, output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What several runs say together. */
export function total(runs: readonly Outcome[]): Outcome {
  const sum = (count: (run: Outcome) => number): number => runs.reduce((all, run) => all + count(run), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    failedNames: runs.flatMap(({ failedNames }) => failedNames),
    skippedNames: runs.flatMap(({ skippedNames }) => skippedNames),
  };
}

type Outcome = Omit<TestRun, "code" | "output">;

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}

function readReport(file: string): Outcome {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    // vitest ended before it ran a test.
    return { passed: 0, failed: 1, skipped: 0, failedNames: [], skippedNames: [] };
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const skipped = tests.filter(({ status }) => status !== "passed" && status !== "failed");
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: skipped.length,
    failedNames: tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    skippedNames: skipped.map(({ fullName }) => fullName),
  };
}

function run([command = "", ...words]: string[], live: boolean): Promise<{ code: number; output: string }> {
  return new Promise((settle, reject) => {
    const child = spawn(command, words, {
      cwd: resolve(import.meta.dirname, "../.."),
      stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
      shell: process.platform === "win32",
    });
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      settle({ code: code ?? 1, output: Buffer.concat(chunks).toString("utf8") });
    });
  });
}
