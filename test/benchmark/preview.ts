import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureToolchain } from "../../toolchain/index.ts";
import { checkout } from "../support/checkout.ts";

// What a preview of phase 1 costs beside the floor: the smallest TypeScript program with one namespace and one remote
// command, under the same engine and plugins. The two run in turn, so that a slow moment of the machine hits both; the
// figure to quote is the median of the ratios.

const RUNS = Number(process.argv[2] ?? 7);
const PROJECT = resolve(import.meta.dirname, "../..");

const FLOOR = `
import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
new kubernetes.core.v1.Namespace("harbor", { metadata: { name: "harbor" } });
new command.remote.Command("true", { connection: { host: "127.0.0.1", port: 1 }, create: "true" });
`;

const toolchain = await ensureToolchain();
const floor = mkdtempSync(join(tmpdir(), "twisterlab-edge-floor-"));
const edge = checkout();
try {
  const env = {
    ...process.env,
    PATH: [dirname(toolchain.pulumi), join(PROJECT, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    PULUMI_BACKEND_URL: pathToFileURL(join(floor, "state")).href,
    PULUMI_CONFIG_PASSPHRASE: "floor",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  mkdirSync(join(floor, "state"));
  writeFileSync(
    join(floor, "Pulumi.yaml"),
    "name: floor\nmain: index.ts\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  writeFileSync(join(floor, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(floor, "index.ts"), FLOOR);
  symlinkSync(join(PROJECT, "node_modules"), join(floor, "node_modules"));
  seconds(() => spawnSync(toolchain.pulumi, ["stack", "init", "floor"], { cwd: floor, env }));

  const ratios: number[] = [];
  console.log(`${RUNS} runs each after one warm-up, wall seconds\n  preview -- 1   floor   ratio`);
  for (let run = 0; run <= RUNS; run += 1) {
    const ours = await asyncSeconds(async () => {
      const { code, stderr } = await edge.npm(["preview", "--", "1"]);
      if (code !== 0) {
        throw new Error(`npm run preview -- 1 ended with ${code}: ${stderr}`);
      }
    });
    const theirs = seconds(() => spawnSync(toolchain.pulumi, ["preview", "--stack", "floor"], { cwd: floor, env }));
    if (run > 0) {
      ratios.push(ours / theirs);
      console.log(
        `  ${ours.toFixed(2).padStart(12)}   ${theirs.toFixed(2).padStart(5)}   ${(ours / theirs).toFixed(2)}`,
      );
    }
  }
  ratios.sort((a, b) => a - b);
  console.log(`ratio: median ${ratios[Math.floor(ratios.length / 2)]?.toFixed(2)}, at most 1.5 wanted`);
} finally {
  edge.remove();
  rmSync(floor, { recursive: true, force: true });
}

function seconds(run: () => { status: number | null; stderr: Buffer; stdout: Buffer }): number {
  const started = performance.now();
  const { status, stderr, stdout } = run();
  if (status !== 0) {
    throw new Error(`the floor ended with ${status}: ${stderr.toString()}${stdout.toString()}`);
  }
  return (performance.now() - started) / 1000;
}

async function asyncSeconds(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}
