import * as command from "@pulumi/command";
import type { Host } from "../../components/host/host.ts";
import type { Observation } from "../../components/host/observation.ts";
import { PlanReport, type ReportedItem } from "../../components/host/plan.ts";
import { record, type RecordedResource } from "./mocks.ts";
import { blind } from "./observed.ts";

/** What host items ask of the engine, by their resources' names, and what the preview says of them. */
export interface DeclaredItems {
  resource: (name: string) => RecordedResource | undefined;
  items: readonly ReportedItem[];
}

/** Declares host items of a host that was observed so, outside a phase. Default: it was not asked. */
export async function declareItems(
  declare: (host: Host) => void,
  observation: Observation = blind,
): Promise<DeclaredItems> {
  const report = new PlanReport();
  const { resources } = await record({}, () => {
    declare({
      connection: { host: "edgeserver" },
      provider: new command.Provider("host"),
      observation,
      keptRevisions: {},
      confirmWithin: 90,
      report,
    });
  });
  return { resource: (name) => resources.find((each) => each.name === name), items: report.items };
}
