import { readFileSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import type { PhaseChart } from "../phases/charts.ts";

/** What the program is told: one chart, and a folder that nothing is written to by a preview. */
export interface Rendering {
  /** `repository` is left out where the chart is a folder. */
  readonly chart: Omit<PhaseChart, "repository"> & { readonly repository?: string };
  readonly folder: string;
}

/**
 * A program of its own: what Helm makes of a chart, declared object by object, so that a preview shows it and the policy pack
 * judges it. The plugin of Kubernetes has Helm in it; no cluster is asked.
 */
export function render(file: string): void {
  const { chart, folder } = JSON.parse(readFileSync(file, "utf8")) as Rendering;
  const provider = new kubernetes.Provider("nowhere", { renderYamlToDirectory: folder, clusterIdentifier: "nowhere" });
  const { name, namespace, version, repository, values, standIns = {} } = chart;
  new kubernetes.helm.v4.Chart(
    name,
    {
      name,
      namespace,
      chart: chart.chart,
      ...(repository === undefined ? {} : { version, repositoryOpts: { repo: repository } }),
      valueYamlFiles: [new pulumi.asset.StringAsset(stringify(standIns))],
      values,
      skipAwait: true,
    },
    { provider },
  );
}
