import { ensureToolchain } from "../toolchain/index.ts";
import { check, UNIT_TESTS } from "./check.ts";
import { ensureImage } from "./host/box/image.ts";
import { runVitest, total } from "./support/vitest.ts";

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

tell("== the host's scripts, in a scratch folder");
const scripts = await runVitest("scripts", { live: true });

tell("== the real engine, plugins and SSH");
const engine = await runVitest("engine", { live: true });

tell("== backups of real databases");
const databases = await runVitest("databases", { live: true });

tell("== a virtual EdgeServer");
// Built here, with its progress shown, and not by the first test that needs it.
await ensureImage({ say: tell });
const host = await runVitest("host", { live: true });

const runs = [scripts, engine, databases, host];
const { passed, skipped, skippedNames, ...tests } = total([quick.unit, ...runs]);

tell(`== done in ${Math.round((Date.now() - started) / 1000)} s`);
for (const name of quick.failed) {
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
