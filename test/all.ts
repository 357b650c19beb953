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

// Built here, with its progress shown, and not by the first test that needs it.
tell("== a virtual EdgeServer, and the programs of a cluster");
await ensureImage({ say: tell });
await ensureNode(tell);

// Side by side: the machine in software keeps the processors busy, the others wait much.
tell(
  "== the virtual EdgeServer; beside it the host's scripts, the engine with plugins and SSH, real databases, a cluster",
);
const [host, ...others] = await Promise.all([runVitest("host", { live: true }), ...inTurn()]);
const runs = [host, ...others];
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

/** Runs of the other projects, one after the other. */
function inTurn(): Promise<TestRun>[] {
  let before: Promise<unknown> = Promise.resolve();
  return ["scripts", "engine", "databases", "cluster"].map((project) => {
    const run = before.then(() => runVitest(project, { live: true }));
    before = run;
    return run;
  });
}
