import { writeFileSync } from "node:fs";
import type { ClusterLook } from "../components/cluster/ownership.ts";
import type { Observation } from "../components/host/observation.ts";
import type { PlanReport, ReportedItem } from "../components/host/plan.ts";

/** Environment variable with a file that a preview writes its plan to, as JSON: for `npm run drift`. */
export const PLAN_FILE = "TWISTERLAB_PLAN_FILE";

/** What stands in that file. What is missing of the site is not in it: whoever reads it asks `gaps.ts`. */
export interface PlanFile {
  /** Why the host was not read; left out when it was. */
  blind?: string;
  items: readonly ReportedItem[];
  /** What the phase has on the cluster. */
  cluster: {
    /** Why the cluster was not read; left out when it was. */
    blind?: string;
    /** What is there already and stands in the way of `up`, a line each. */
    refusals: readonly string[];
    /** What is there already and is to be known, a line each. */
    notes: readonly string[];
    /** Where the kubeconfig leads to; left out when there is none. */
    server?: string;
    /** Objects, `CronJob twisterlab/postgres-backup`. */
    objects: readonly string[];
  };
}

/** Writes the plan to `file`, readable for its owner alone. */
export function writePlanFile(
  file: string,
  observation: Observation,
  { items }: PlanReport,
  { blind, refusals, notes }: ClusterLook,
  objects: readonly string[],
  server: string | undefined,
): void {
  const plan: PlanFile = {
    ...("blind" in observation ? { blind: observation.blind } : {}),
    items,
    cluster: {
      ...(blind === undefined ? {} : { blind }),
      ...(server === undefined ? {} : { server }),
      refusals,
      notes,
      objects,
    },
  };
  writeFileSync(file, JSON.stringify(plan), { mode: 0o600 });
}
