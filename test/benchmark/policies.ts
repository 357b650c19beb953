import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { checkout } from "../support/checkout.ts";

// What the policy pack costs a preview: the same preview without a pack, with a pack of one rule that looks at nothing (what Pulumi
// needs to have a pack at all), and with ours; in turn, so that a slow moment of the machine hits all. The figures to quote are the
// medians of the ratios.

const RUNS = Number(process.argv[2] ?? 5);
/** What is wanted of ours against no pack; the floor is what the empty one costs. */
const MOST = 1.3;
const PROJECT = resolve(import.meta.dirname, "../..");

const edge = checkout();
const empty = emptyPack();
try {
  for (const phase of ["0", "1"]) {
    const ratios: { empty: number; ours: number; oursToEmpty: number }[] = [];
    console.log(`phase ${phase}: ${RUNS} runs each after one warm-up, wall seconds\n  without   empty    ours`);
    for (let run = 0; run <= RUNS; run += 1) {
      const without = await seconds(["preview", "--", phase]);
      const least = await seconds(["preview", "--", phase, "--policy-pack", empty]);
      const ours = await seconds(["preview", "--", phase, "--policy-pack", "policies"]);
      if (run > 0) {
        ratios.push({ empty: least / without, ours: ours / without, oursToEmpty: ours / least });
        console.log([without, least, ours].map((each) => each.toFixed(2).padStart(8)).join(""));
      }
    }
    console.log(
      `ratio: ours to none ${median(ratios.map(({ ours }) => ours))}, at most ${MOST} wanted; ` +
        `empty to none ${median(ratios.map((each) => each.empty))}; ` +
        `ours to empty ${median(ratios.map(({ oursToEmpty }) => oursToEmpty))}`,
    );
  }
} finally {
  edge.remove();
  rmSync(empty, { recursive: true, force: true });
}

/** A pack with one rule that objects to nothing. */
function emptyPack(): string {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-empty-pack-"));
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  cpSync(join(PROJECT, "policies/PulumiPolicy.yaml"), join(folder, "PulumiPolicy.yaml"));
  writeFileSync(join(folder, "package.json"), '{ "name": "empty", "version": "0.0.1", "main": "main.cjs" }');
  writeFileSync(
    join(folder, "main.cjs"),
    `const { PolicyPack } = require("@pulumi/policy");
     new PolicyPack("empty", { policies: [{ name: "none", description: "none", enforcementLevel: "mandatory",
       validateResource: () => undefined }] });`,
  );
  return folder;
}

function median(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]?.toFixed(2) ?? "none";
}

async function seconds(words: string[]): Promise<number> {
  const started = performance.now();
  const { code, stdout, stderr } = await edge.npm(words);
  if (code !== 0) {
    throw new Error(`npm run ${words.join(" ")} ended with ${code}: ${stderr}${stdout}`);
  }
  return (performance.now() - started) / 1000;
}
