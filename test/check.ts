import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { capture } from "../cli/capture.ts";
import { installScript, scriptBundle } from "../components/host/bundle.ts";
import { requireSystemPackages } from "./support/systemPackages.ts";
import { runVitest, type TestRun } from "./support/vitest.ts";

/**
 * The quick loop: types, lint, format, shell scripts, schema, the page of all policies, unit tests and those of the policies,
 * with coverage. All of them run, side by side, and all that fail are shown.
 * @returns the steps that failed, and the unit tests' counts.
 */
export async function check(): Promise<{ failed: string[]; unit: TestRun }> {
  requireSystemPackages([
    { command: "shellcheck", debianPackage: "shellcheck" },
    { command: "python3", debianPackage: "python3" },
  ]);
  const scratch = mkdtempSync(join(tmpdir(), "twisterlab-edge-check-"));
  try {
    // What runs on the host is the bundle: a name that one file defines and another uses is only seen there.
    writeFileSync(join(scratch, "bundle.sh"), scriptBundle());
    writeFileSync(join(scratch, "install.sh"), installScript());
    const steps = [
      step("types", ["tsc", "-p", ".", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/tsc.json"]),
      step("lint", ["eslint", "--cache", "--cache-location", "node_modules/.cache/eslint/", "--max-warnings=0", "."]),
      step("format", ["prettier", "--check", "--cache", "--log-level=warn", "."]),
      step("shell", ["shellcheck", "--shell=bash", join(scratch, "bundle.sh"), join(scratch, "install.sh")]),
      step("pods' shell", ["shellcheck", ...POSIX, ...podScripts(".sh")]),
      step("pods' Python", ["python3", "-c", COMPILE, ...podScripts(".py")]),
      step("schema", ["node", "cli/schema.ts", "--check"]),
      step("policies", ["node", "cli/policies.ts", "--check"]),
    ];
    const unit = runVitest(["unit*", "policies", "review"], { live: false, words: ["--coverage"] });
    const units = timed(UNIT_TESTS, () => unit);
    const failed = (await Promise.all([...steps, units])).filter(({ code }) => code !== 0);
    for (const { name, output } of failed) {
      process.stdout.write(`\n---- ${name} failed\n${output}\n`);
    }
    return { failed: failed.map(({ name }) => name), unit: await unit };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * BusyBox' shell is that of the pods, and has what is excluded here, pipefail, beyond dash's. Those that others read are
 * looked at with them: a name of theirs means something only there.
 */
const POSIX = ["--shell=dash", "--exclude=SC3040", "--external-sources", "--check-sourced", "--source-path=SCRIPTDIR"];

/** Compiles files, and leaves nothing behind. */
const COMPILE = 'import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, "exec")';

/** Scripts that run in pods, without those that are only read by others. */
function podScripts(extension: string): string[] {
  const folder = join("components", "cluster", "scripts");
  return readdirSync(join(FOLDER, folder))
    .filter((name) => name.endsWith(extension) && !READ_BY_OTHERS.includes(name))
    .map((name) => join(folder, name));
}

const READ_BY_OTHERS = ["backup.sh", "postgres.sh", "redis.sh"];

/** The one step whose failures are counted test by test. */
export const UNIT_TESTS = "unit tests";

interface Step {
  name: string;
  code: number;
  output: string;
}

const FOLDER = resolve(import.meta.dirname, "..");

/** Runs one step and prints how it ended. */
async function timed(name: string, run: () => Promise<{ code: number; output: string }>): Promise<Step> {
  const started = Date.now();
  const { code, output } = await run();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)\n`);
  return { name, code, output };
}

function step(name: string, [command = "", ...words]: string[]): Promise<Step> {
  return timed(name, async () => {
    const { code, stdout, stderr } = await capture(command, words, { cwd: FOLDER });
    return { code, output: stdout + stderr };
  });
}

if (process.argv[1] === import.meta.filename) {
  const { failed, unit } = await check();
  process.stdout.write(`${unit.passed} unit tests passed, ${unit.failed} failed, ${unit.skipped} skipped\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
