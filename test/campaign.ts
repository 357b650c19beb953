import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { ensureToolchain } from "../toolchain/index.ts";
import { ensureNode } from "./cluster/build.ts";
import { ensureImage } from "./host/box/image.ts";
import { EVERY_COMMAND, EVERY_ITEM } from "./support/hostScripts.ts";
import { runVitest, total } from "./support/vitest.ts";

// `npm run test:campaign`: what takes hours. Words after `--` go to the fault campaign, see test/host/campaign/faults.ts.
const started = Date.now();
const tell = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

await ensureToolchain({ say: tell });
await ensureImage({ say: tell });

tell("== the host's scripts, killed before every command");
process.env[EVERY_COMMAND] = "1";
const scripts = await runVitest("scripts", { live: true });

tell("== a real cluster");
await ensureNode(tell);
const cluster = await runVitest("cluster", { live: true });

tell("== a virtual EdgeServer, each item of each phase");
process.env[EVERY_ITEM] = "1";
const stories = await runVitest("host", { live: true });

tell("== a virtual EdgeServer, the long tests");
const host = await runVitest("campaign", { live: true });

tell("== a virtual EdgeServer, faults at random moments");
const faults = await node("host/campaign/faults.ts", process.argv.slice(2));

tell("== faults in the rules of the policy pack");
const mutants = await node("policies/mutation.ts", []);

tell(`== done in ${Math.round((Date.now() - started) / 60_000)} min`);
const runs = [scripts, cluster, stories, host];
const { passed, failed, skipped, failedNames, skippedNames } = total(runs);
for (const name of failedNames) {
  tell(`failed: ${name}`);
}
for (const name of skippedNames) {
  tell(`skipped: ${name}`);
}
tell(
  `${passed} passed, ${failed} failed, ${skipped} skipped; the faults ended with ${faults}, the mutants with ${mutants}`,
);
process.exitCode = runs.every(({ code }) => code === 0) && faults === 0 && mutants === 0 ? 0 : 1;

/** Runs a script of this folder on our terminal. @returns its exit code. */
function node(script: string, words: string[]): Promise<number> {
  return new Promise((settle, reject) => {
    spawn(process.execPath, [resolve(import.meta.dirname, script), ...words], { stdio: "inherit" })
      .on("error", reject)
      .on("close", (code) => {
        settle(code ?? 1);
      });
  });
}
