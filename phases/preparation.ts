import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { hostConnection, observeHost, readLoginKey, unknownValue } from "../components/host/connection.ts";
import type { Host } from "../components/host/host.ts";
import type { Observation } from "../components/host/observation.ts";
import { PlanReport } from "../components/host/plan.ts";
import type { Settings } from "../components/settings/index.ts";
import { describeBlocking, describeGaps, findGaps, type Gap } from "./gaps.ts";

/** What a phase exports from its stack: values that later phases and reports read. Names are a contract. */
export type PhaseOutputs = Record<string, unknown>;

/**
 * What every phase does before its first resource: observes the host, says what is not known yet, and refuses to apply
 * without what safety needs.
 * @throws RunError in `up`, before anything is touched, with everything that is missing, or when the host was not read.
 *   (`destroy` runs no program: Pulumi takes commands and connection from the state.)
 */
export async function withHost(
  settings: Settings,
  build: (host: Host) => PhaseOutputs | Promise<PhaseOutputs>,
): Promise<PhaseOutputs> {
  const key = readLoginKey(settings.host.ssh.keyFile, settings.agentSocket);
  const gaps = findGaps(settings, settings.phase, settings.givenSecrets, key);
  const blocking = describeBlocking(gaps);
  if (!pulumi.runtime.isDryRun() && blocking !== "") {
    throw new pulumi.RunError(`nothing was applied, because this is missing:\n${blocking}`);
  }

  const observation = await observeHost(settings, key);
  if (!pulumi.runtime.isDryRun() && "blind" in observation) {
    // What nobody could compare, nobody has reviewed.
    throw new pulumi.RunError(`nothing was applied: ${observation.blind}`);
  }
  const report = new PlanReport();
  const outputs = await build({
    connection: hostConnection(settings.host, key),
    provider: new command.Provider("host"),
    observation,
    report,
  });
  if (pulumi.runtime.isDryRun()) {
    void pulumi.log.info(describePlan(settings, observation, report, gaps));
  }
  return outputs;
}

/** The page that a preview ends with: what happens to the host, in order, and what is not known yet. */
function describePlan(settings: Settings, observation: Observation, report: PlanReport, gaps: Gap[]): string {
  const parts = [`What phase ${settings.phase} wants of ${settings.host.name}, in this order:\n${report.toString()}`];
  if ("blind" in observation) {
    parts.push(`Host not read: ${observation.blind}. What it has now is not compared.`);
  }
  if (gaps.length > 0) {
    parts.push(describeGaps(gaps));
  }
  return parts.join("\n\n");
}

/** Stands for a secret that is not in the site file yet: Pulumi shows it as not known. */
export function unknownSecret(): pulumi.Output<string> {
  return pulumi.secret(unknownValue());
}
