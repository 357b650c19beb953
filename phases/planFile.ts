import { writeFileSync } from "node:fs";
import type { ClusterLook } from "../components/cluster/ownership.ts";
import type { Observation } from "../components/host/observation.ts";
import type { PlanReport, ReportedItem } from "../components/host/plan.ts";

/** Environment variable with a file that a preview writes its plan to, as JSON: for `npm run drift`. */
export const PLAN_FILE = "TWISTERLAB_PLAN_FILE";

/** What stands in that file. */
export interface PlanFile {
  /** Why the host was not read; left out when it was. */
  blind?: string;
  items: readonly ReportedItem[];
  /** What the phase has on the cluster. */
  cluster: {
    /** Why the cluster was not read; left out when it was. */
    blind?: string;
    /** Objects, `CronJob twisterlab/postgres-backup`. */
    objects: readonly string[];
  };
}

/** Writes the plan to `file`, readable for its owner alone. */
export function writePlanFile(
  file: string,
  observation: Observation,
  { items }: PlanReport,
  { blind }: ClusterLook,
  objects: readonly string[],
): void {
  const plan: PlanFile = {
    ...("blind" in observation ? { blind: observation.blind } : {}),
    items,
    cluster: { ...(blind === undefined ? {} : { blind }), objects },
  };
  writeFileSync(file, JSON.stringify(plan), { mode: 0o600 });
}
