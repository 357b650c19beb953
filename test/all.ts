import { ensureToolchain } from "../toolchain/index.ts";
import { check, UNIT_TESTS } from "./check.ts";
import { ensureNode } from "./cluster/build.ts";
import { ensureImage } from "./host/box/image.ts";
import { runVitest, total, type TestRun } from "./support/vitest.ts";

// Everything: the toolchain (built when it is not there), the quick checks, and the tests on the real engine, plugins and
// SSH server. Says what it is doing; its last line counts what passed, failed and was skipped.
const started = Date.now();
const tell = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

tell("== toolchain");
const toolchain = await ensureToolchain({ say: tell });
for (const { name, version, why } of toolchain.items) {
  tell(`${name} ${version}: ${why}`);
}

tell("== types, lint, format, shell, schema, unit tests");
const quick = await check();

// Built here, with their progress shown, and not by the first test that needs them.
tell("== the programs of a cluster, and a virtual EdgeServer");
await ensureNode(tell);
await ensureImage({ say: tell });

tell("== the host's scripts and real databases; beside them the engine with plugins and SSH, and a real cluster");
const besides = await Promise.all([inTurn("scripts", "databases"), inTurn("engine", "cluster")]);

// By itself: a machine in software keeps both processors busy, and what it is asked has to be answered in time.
tell("== a virtual EdgeServer");
const runs = [...besides.flat(), await runVitest("host", { live: true })];
const { passed, skipped, failedNames, skippedNames, ...tests } = total([quick.unit, ...runs]);

tell(`== done in ${Math.round((Date.now() - started) / 1000)} s`);
for (const name of [...quick.failed, ...failedNames]) {
  tell(`failed: ${name}`);
}
for (const name of skippedNames) {
  tell(`skipped: ${name}`);
}
// Lint and its like fail as one each, and so does a fault outside of any test.
const steps = quick.failed.filter((name) => name !== UNIT_TESTS || quick.unit.failed === 0).length;
const outside = runs.filter(({ code, failed }) => code !== 0 && failed === 0).length;
const failed = tests.failed + steps + outside;
tell(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Runs of projects, one after the other: much of what they do is to wait. */
async function inTurn(...projects: readonly string[]): Promise<TestRun[]> {
  const runs: TestRun[] = [];
  for (const project of projects) {
    runs.push(await runVitest(project, { live: true }));
  }
  return runs;
}
