import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { objectName } from "../components/cluster/ownership.ts";
import { NOT_READ, type ReportedItem } from "../components/host/plan.ts";
import { isMapping } from "../components/settings/draft.ts";
import { show } from "../components/settings/faults.ts";
import type { Phase } from "../components/settings/stackName.ts";
import { PLAN_FILE, type PlanFile } from "../phases/planFile.ts";
import { DRIFT, Failure } from "./failure.ts";
import { openStack, type PhaseOptions, phaseSite } from "./phase.ts";
import { wordsOf } from "./previewWords.ts";
import { refreshFlag } from "./refresh.ts";
import type { Site } from "./site.ts";

/**
 * Compares every host item of a phase with the host and every object with the cluster, and prints desired and observed.
 * Changes nothing: it is a preview whose plan is read.
 * @param options `json` prints the items as JSON instead of a table.
 * @returns 0: all in sync; 20: something differs; 21: nothing differs, but something could not be measured.
 * @throws Failure with Pulumi's own words when the preview fails.
 */
export async function drift(
  phase: number,
  { json = false, ...options }: PhaseOptions & { json?: boolean },
): Promise<number> {
  const { site, stack } = phaseSite(phase, options.site);
  const { plan, steps } = await readPlan(site, stack, phase as Phase, options);
  const { blind, cluster } = plan;
  const items = [...plan.items, ...objectItems(cluster, steps)];
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...(blind === undefined ? {} : { blind }), items }, null, 2)}\n`);
  } else {
    print(items, blind, cluster.blind);
  }
  if (items.some(({ state }) => state === "differs")) {
    return DRIFT.differs;
  }
  return items.every(({ state }) => state === "in sync") ? DRIFT.inSync : DRIFT.notMeasured;
}

/** A host item, or an object on the cluster. */
type ComparedItem = Pick<ReportedItem, "name" | "state" | "wanted" | "observed" | "notes">;

/** What Pulumi would do to an object, as `preview --json` has it; what stays as it is, is left out there. */
interface Step {
  op: string;
  oldState?: { inputs?: object };
  newState?: { inputs?: { kind?: string; metadata?: { name: string; namespace?: string } } };
  detailedDiff?: Record<string, unknown>;
}

/** The objects of a phase: those that Pulumi would do nothing to are as wanted. */
function objectItems({ blind, objects }: PlanFile["cluster"], steps: readonly Step[]): ComparedItem[] {
  const planned = new Map(
    steps.flatMap((step) => {
      // Every object is read first; what follows for it has a step of its own.
      if (step.op === "refresh") {
        return [];
      }
      const { kind, metadata } = step.newState?.inputs ?? {};
      return kind === undefined || metadata === undefined ? [] : [[objectName({ kind, metadata }), step]];
    }),
  );
  return objects.map((name) => {
    const step = planned.get(name);
    if (blind !== undefined) {
      return { name, state: "not measured", wanted: "as declared", observed: NOT_READ };
    }
    if (step === undefined || step.op === "same") {
      return { name, state: "in sync", wanted: "as declared", observed: "as declared" };
    }
    const { oldState, newState, detailedDiff = {} } = step;
    const values = (inputs: object | undefined): string =>
      Object.keys(detailedDiff)
        .map((path) => `${path}: ${show(get(inputs, path)) ?? "not set"}`)
        .join(", ");
    return step.op === "create"
      ? { name, state: "differs", wanted: "as declared", observed: "not there" }
      : { name, state: "differs", wanted: values(newState?.inputs), observed: values(oldState?.inputs) };
  });
}

/** A value by its path, as Pulumi writes paths: `spec.ports[0].port`. */
function get(value: unknown, path: string): unknown {
  return path
    .split(/[.[\]"]+/)
    .filter((step) => step !== "")
    .reduce<unknown>(
      (inner, step) => (isMapping(inner) || Array.isArray(inner) ? inner[step as never] : undefined),
      value,
    );
}

async function readPlan(
  site: Site,
  stack: string,
  phase: Phase,
  options: PhaseOptions,
): Promise<{ plan: PlanFile; steps: readonly Step[] }> {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-"));
  try {
    const file = join(folder, "plan.json");
    const { pulumi } = await openStack(site, stack, { ...options, environment: { [PLAN_FILE]: file } });
    const refresh = await refreshFlag(site, phase, []);
    const preview = await pulumi.ask(["preview", "--stack", stack, "--non-interactive", "--json", ...refresh]);
    if (preview.code !== 0) {
      throw new Failure(`the preview failed: ${wordsOf(preview)}`, preview.code);
    }
    const { steps = [] } = JSON.parse(preview.stdout) as { steps?: Step[] };
    return { plan: JSON.parse(readFileSync(file, "utf8")) as PlanFile, steps };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(items: readonly ComparedItem[], blind: string | undefined, clusterBlind: string | undefined): void {
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
      (blind === undefined ? "" : `Host not read: ${blind}\n`) +
      (clusterBlind === undefined || !items.some(({ name }) => name.includes(" "))
        ? ""
        : `Cluster not read: ${clusterBlind}\n`),
  );
}
