import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import type { Rendering } from "../charts/index.ts";
import { chartsOf } from "../phases/charts.ts";
import { RULE_NAMES } from "../policies/catalogue.ts";
import { policyPack } from "../review/policyPack.ts";
import { parsePolicyEvents, type PolicyReport } from "../review/policyReport.ts";
import { REVIEW } from "../review/review.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import type { Captured } from "./capture.ts";
import { EXIT, Failure } from "./failure.ts";
import { say } from "./phase.ts";
import { wordsOf } from "./previewWords.ts";
import { engine } from "./pulumi.ts";
import { openSite, PROJECT, PROJECT_FOLDER, stackName, type Site } from "./site.ts";

/** A chart, rendered and judged. */
export interface RenderedChart {
  /** Each object that Helm makes of it, `apps/v1:Deployment harbor/harbor-core`, in alphabetical order. */
  readonly objects: readonly string[];
  readonly policies: PolicyReport;
}

/**
 * Renders every chart that the site's phases install, with their values: Helm checks these by the chart's own schema, and the policy
 * pack judges each object. Fetches the charts; asks neither the host nor the cluster.
 * @returns 0, or 30 when the pack refuses an object.
 * @throws Failure when a chart cannot be had, or does not take its values; the others are rendered before.
 */
export async function renderCharts(siteName: string): Promise<number> {
  const site = openSite(siteName);
  const failures: string[] = [];
  let refused = false;
  for (const chart of chartsOf(site.settings)) {
    say(`${chart.name} ${chart.version} of phase ${chart.phase}, from ${chart.repository}`);
    try {
      const rendered = await renderChart(site, chart);
      refused ||= rendered.policies.refused.length > 0;
      process.stdout.write(describeRendered(chart.name, rendered));
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw error;
      }
      failures.push(error.message);
    }
  }
  if (failures.length > 0) {
    throw new Failure(failures.join("\n"), EXIT.error);
  }
  return refused ? REVIEW.refused : EXIT.success;
}

/** Renders one chart in a stack of its own, which is gone afterwards. @throws Failure when that cannot be done. */
export async function renderChart(site: Site, chart: Rendering["chart"]): Promise<RenderedChart> {
  const scratch = mkdtempSync(join(tmpdir(), "twisterlab-edge-chart-"));
  try {
    const stack = stackName(site.name, chart.phase);
    writeProgram(scratch, stack, site, chart);
    const log = join(scratch, "events.jsonl");
    const pulumi = engine(await ensureToolchain({ say }), {
      PULUMI_BACKEND_URL: pathToFileURL(join(scratch, "state")).href,
      // Nothing is kept that it would protect.
      PULUMI_CONFIG_PASSPHRASE: randomUUID(),
      PULUMI_OPTION_CONFIG_FILE: "",
      PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "false",
      PULUMI_DEBUG_COMMANDS: "true",
    });
    const quiet = ["--stack", stack, "--non-interactive"];
    const made = await pulumi.ask(["stack", "init", stack, "--non-interactive"], scratch);
    const preview =
      made.code === 0
        ? await pulumi.ask(
            ["preview", ...quiet, "--json", "--policy-pack", policyPack(PROJECT_FOLDER), "--event-log", log],
            scratch,
          )
        : made;
    const objects = objectsIn(preview.stdout);
    if (objects.length === 0) {
      throw notRendered(chart, preview);
    }
    const policies = parsePolicyEvents(existsSync(log) ? readFileSync(log, "utf8") : "", RULE_NAMES);
    if (preview.code !== 0 && policies.refused.length === 0) {
      throw notRendered(chart, preview);
    }
    return { objects, policies };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Helm's own reason, without what the program met as a consequence. */
function notRendered({ name, version }: Rendering["chart"], preview: Captured): Failure {
  const words = wordsOf(preview);
  const [, reason] = / has a problem: (.*?)(?=\nerror: Error: failed to register|$)/s.exec(words) ?? [];
  return new Failure(`chart ${name} ${version}: ${reason ?? words}`, EXIT.error);
}

/** A project of Pulumi's in `folder`, with the site file's settings as the stack's, but for its secrets. */
function writeProgram(folder: string, stack: string, site: Site, chart: Rendering["chart"]): void {
  const rendering = join(folder, "rendering.json");
  const told: Rendering = { chart, folder: join(folder, "rendered") };
  const program = pathToFileURL(join(PROJECT_FOLDER, "charts", "index.ts")).href;
  const { config } = parse(readFileSync(site.file, "utf8")) as { config: Record<string, unknown> };
  const open = Object.fromEntries(Object.entries(config).filter(([key]) => key !== `${PROJECT}:secrets`));
  mkdirSync(join(folder, "state"));
  // The language host looks for Pulumi's library beside the program.
  symlinkSync(join(PROJECT_FOLDER, "node_modules"), join(folder, "node_modules"));
  writeFileSync(rendering, JSON.stringify(told));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    stringify({ name: PROJECT, main: "index.mjs", runtime: { name: "nodejs", options: { typescript: false } } }),
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "charts", type: "module", main: "index.mjs" }));
  writeFileSync(
    join(folder, "index.mjs"),
    `import { render } from ${JSON.stringify(program)};\nrender(${JSON.stringify(rendering)});\n`,
  );
  writeFileSync(join(folder, `Pulumi.${stack}.yaml`), stringify({ config: open }));
}

/** What a preview's JSON declares that Kubernetes has; empty when it has none. */
function objectsIn(preview: string): string[] {
  try {
    const { steps = [] } = JSON.parse(preview) as { steps?: { urn: string }[] };
    return steps
      .map(({ urn }) => /[:$]kubernetes:([^:$]+:[^:$]+)::(.+)$/.exec(urn))
      .flatMap((found) =>
        found === null || found[1]?.startsWith("helm.sh/") ? [] : `${found[1] ?? ""} ${named(found[2])}`,
      )
      .sort();
  } catch {
    return [];
  }
}

/** `harbor/core` of `harbor:harbor/core`: Helm's resource puts the release before it. */
function named(name = ""): string {
  return name.slice(name.indexOf(":") + 1);
}

function describeRendered(name: string, { objects, policies }: RenderedChart): string {
  const lines = [
    `${name}: ${objects.length} objects, values accepted by the chart`,
    ...objects.map((object) => `  ${object}`),
    ...policies.refused.map(({ rule, called, why }) => `  REFUSED by ${rule}: ${named(called)}: ${why}`),
    ...policies.advice.map((words) => `  advice: ${words}`),
  ];
  return `${lines.join("\n")}\n\n`;
}
