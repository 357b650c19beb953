import { writeFileSync } from "node:fs";
import type { Observation } from "../components/host/observation.ts";
import type { PlanReport, ReportedItem } from "../components/host/plan.ts";

/** Environment variable with a file that a preview writes its plan of the host items to, as JSON: for `npm run drift`. */
export const PLAN_FILE = "TWISTERLAB_PLAN_FILE";

/** What stands in that file. */
export interface PlanFile {
  /** Why the host was not read; left out when it was. */
  blind?: string;
  items: readonly ReportedItem[];
}

/** Writes the plan to `file`, readable for its owner alone. */
export function writePlanFile(file: string, observation: Observation, { items }: PlanReport): void {
  const plan: PlanFile = { ...("blind" in observation ? { blind: observation.blind } : {}), items };
  writeFileSync(file, JSON.stringify(plan), { mode: 0o600 });
}
