import { checkout } from "../support/checkout.ts";

// What the policy pack costs a preview: the same preview with it and without, in turn, so that a slow moment of the machine hits
// both. The figure to quote is the median of the ratios.

const RUNS = Number(process.argv[2] ?? 5);
const MOST = 1.3;

const edge = checkout();
try {
  for (const phase of ["0", "1"]) {
    const ratios: number[] = [];
    console.log(`phase ${phase}: ${RUNS} runs each after one warm-up, wall seconds\n  without   with   ratio`);
    for (let run = 0; run <= RUNS; run += 1) {
      const without = await seconds(["preview", "--", phase]);
      const with_ = await seconds(["preview", "--", phase, "--policy-pack", "policies"]);
      if (run > 0) {
        ratios.push(with_ / without);
        const columns = [without.toFixed(2).padStart(9), with_.toFixed(2).padStart(6), (with_ / without).toFixed(2)];
        console.log(columns.join("   "));
      }
    }
    ratios.sort((a, b) => a - b);
    console.log(`ratio: median ${ratios[Math.floor(ratios.length / 2)]?.toFixed(2)}, at most ${MOST} wanted`);
  }
} finally {
  edge.remove();
}

async function seconds(words: string[]): Promise<number> {
  const started = performance.now();
  const { code, stdout, stderr } = await edge.npm(words);
  if (code !== 0) {
    throw new Error(`npm run ${words.join(" ")} ended with ${code}: ${stderr}${stdout}`);
  }
  return (performance.now() - started) / 1000;
}
