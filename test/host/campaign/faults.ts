import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { costsInSync, faultBench, interrupt, INTERRUPTIONS, type FaultCount } from "../support/faults.ts";

// The fault campaign, behind `npm run test:campaign`: hours. It begins with what each command costs; its last line counts what was injected, survived and lost.
const { values } = parseArgs({
  options: {
    cuts: { type: "string", default: "100" },
    // Before every single command a script is killed in test/scripts.
    kills: { type: "string", default: "20" },
    "power-cuts": { type: "string", default: "20" },
    phases: { type: "string", default: "0,1" },
    costs: { type: "boolean", default: true },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
  allowNegative: true,
});
const times: Record<string, number> = {
  "SSH connection cut": Number(values.cuts),
  "script killed": Number(values.kills),
  "power cut": Number(values["power-cuts"]),
};
const order = randomFrom(`${values.seed} order`);
const shuffled = Object.keys(INTERRUPTIONS)
  .flatMap((fault) => Array.from({ length: times[fault] ?? 0 }, () => ({ fault, place: order() })))
  .sort((one, other) => one.place - other.place)
  .map(({ fault }) => fault);
const tell = (line: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
};
tell(`seed ${values.seed}: --seed ${values.seed} chooses the same moments again`);

const started = Date.now();
const bench = await faultBench(values.phases.split(",").map(Number), [
  // Nothing is changed by it, and it takes a minute each time.
  [["twisterlab-edge:phase1", "diskBenchmark"], undefined],
  // What a cut leaves unconfirmed is waited for, a hundred times.
  [["twisterlab-edge:host", "ssh", "dialErrorLimit"], 2],
  [["twisterlab-edge:safety", "confirmWithin"], "30 s"],
]);
print(
  ["command", "seconds", "SSH connections"],
  [...bench.firstCosts, ...(values.costs ? await costsInSync(bench) : [])].map(({ command, seconds, connections }) => [
    command,
    seconds,
    connections,
  ]),
);
let counts: FaultCount[] = [];
try {
  counts = await interrupt(shuffled, bench, randomFrom(`${values.seed} moments`), tell);
} finally {
  await bench.stop();
}

print(
  ["fault", "injected", "survived", "lost"],
  counts.map(({ fault, injected, survived, lost }) => [fault, injected, survived, lost.length]),
);
for (const { lost } of counts) {
  for (const what of lost) {
    tell(`lost: ${what}`);
  }
}
const sum = (what: (count: FaultCount) => number): number => counts.reduce((total, count) => total + what(count), 0);
const lost = sum((count) => count.lost.length);
process.stdout.write(
  `${sum((count) => count.injected)} injected, ${sum((count) => count.survived)} survived, ${lost} lost, ` +
    `in ${Math.round((Date.now() - started) / 60_000)} min\n`,
);
process.exitCode = lost === 0 ? 0 : 1;

function print(head: string[], rows: (string | number)[][]): void {
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  process.stdout.write(`${table.toString()}\n`);
}

/** Numbers from 0 to 1 that a text decides. */
function randomFrom(seed: string): () => number {
  let drawn = 0;
  return () => createHash("sha256").update(`${seed} ${drawn++}`).digest().readUInt32BE() / 2 ** 32;
}
