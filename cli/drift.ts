import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import type { ReportedItem } from "../components/host/plan.ts";
import { PLAN_FILE, type PlanFile } from "../phases/planFile.ts";
import { DRIFT, Failure } from "./failure.ts";
import { openStack, phaseSite } from "./phase.ts";
import { lastLine } from "./stack.ts";

/**
 * Compares every host item of a phase with the host, and prints desired and observed. Changes nothing: it is a preview
 * whose plan is read.
 * @param json prints the items as JSON instead of a table.
 * @returns 0: all in sync; 20: something differs; 21: nothing differs, but something could not be measured.
 * @throws Failure with Pulumi's own words when the preview fails.
 */
export async function drift(phase: number, siteName: string, json: boolean): Promise<number> {
  const { site, stack } = phaseSite(phase, siteName);
  const { blind, items } = await readPlan(site, stack);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...(blind === undefined ? {} : { blind }), items }, null, 2)}\n`);
  } else {
    print(items, blind);
  }
  if (items.some(({ state }) => state === "differs")) {
    return DRIFT.differs;
  }
  return items.every(({ state }) => state === "in sync") ? DRIFT.inSync : DRIFT.notMeasured;
}

async function readPlan(site: ReturnType<typeof phaseSite>["site"], stack: string): Promise<PlanFile> {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-"));
  try {
    const file = join(folder, "plan.json");
    const { pulumi } = await openStack(site, stack, { [PLAN_FILE]: file });
    const preview = await pulumi.ask(["preview", "--stack", stack, "--non-interactive"]);
    if (preview.code !== 0) {
      process.stderr.write(preview.stdout);
      throw new Failure(`the preview failed, see above: ${lastLine(preview.stderr)}`, preview.code);
    }
    return JSON.parse(readFileSync(file, "utf8")) as PlanFile;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(items: readonly ReportedItem[], blind: string | undefined): void {
  const width = process.stdout.columns > 60 ? process.stdout.columns : 120;
  // The names and states are short; wanted and observed share what is left.
  const names = Math.max(...items.map(({ name }) => name.length), 4) + 2;
  const rest = Math.max(Math.floor((width - names - 14 - 5) / 2), 20);
  const table = new Table({
    head: ["item", "state", "wanted", "observed"],
    colWidths: [names, 14, rest, rest],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  table.push(...items.map(({ name, state, wanted, observed }) => [name, state, wanted, observed]));
  process.stdout.write(`${table.toString()}\n`);
  for (const { name, notes = [] } of items) {
    for (const note of notes) {
      process.stdout.write(`note on ${name}: ${note}\n`);
    }
  }
  const count = (wanted: ReportedItem["state"]): number => items.filter(({ state }) => state === wanted).length;
  process.stdout.write(
    `${count("in sync")} in sync, ${count("differs")} differ, ${count("not measured")} not measured\n` +
      (blind === undefined ? "" : `Host not read: ${blind}\n`),
  );
}
