import { afterAll, beforeAll, expect, test } from "vitest";
import { faultBench, interrupt, type FaultBench } from "./support/faults.ts";

/** A sample of the fault campaign (campaign/faults.ts): an `up` that is cut short, at random moments. */
const KINDS = ["SSH connection cut", "power cut"];
let bench: FaultBench;

beforeAll(async () => {
  // The phase with the volume, fstab, Docker and K3s.
  bench = await faultBench(
    [1],
    [
      [["twisterlab-edge:phase1", "diskBenchmark"], undefined],
      [["twisterlab-edge:host", "ssh", "dialErrorLimit"], 2],
      [["twisterlab-edge:safety", "confirmWithin"], "30 s"],
    ],
  );
});

afterAll(async () => {
  await bench.stop();
});

test("whatever cuts an up short, every item is in its old or its new state, and the next up completes it", async () => {
  expect(await interrupt(KINDS, bench, Math.random)).toEqual(
    KINDS.map((fault) => ({ fault, injected: 1, survived: 1, lost: [] })),
  );
});
