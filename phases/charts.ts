import { randomUUID } from "node:crypto";
import { databaseValue, harborChart } from "../components/cluster/harbor.ts";
import type { Chart, ChartValues } from "../components/cluster/helmChart.ts";
import { metalLbChart } from "../components/cluster/metalLb.ts";
import type { Site } from "../components/settings/site.ts";

/** A chart of a phase, to be rendered. */
export interface PhaseChart extends Chart {
  readonly phase: number;
  /** What stands for values that are secret. */
  readonly standIns?: ChartValues;
}

/** The charts that a site's phases install, with the values that they install them with. */
export function chartsOf({ phase1, phase3 }: Site): PhaseChart[] {
  const { registry, harbor } = phase1;
  const metalLb = { phase: 3, ...metalLbChart(phase3.metalLb) };
  if (registry?.option !== "harbor") {
    return [metalLb];
  }
  const { host, version } = registry;
  const chart = harborChart({ namespace: harbor?.namespace ?? "", host, version }, "rendered");
  return [{ phase: 1, ...chart, standIns: databaseValue(randomUUID()) }, metalLb];
}
