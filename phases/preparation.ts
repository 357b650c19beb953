import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import {
  applyTarget,
  hostConnection,
  observeHost,
  readLoginKey,
  readObserverKey,
} from "../components/host/connection.ts";
import type { Host } from "../components/host/host.ts";
import { leaseOwner, takeLease } from "../components/host/lease.ts";
import type { Observation } from "../components/host/observation.ts";
import { PlanReport } from "../components/host/plan.ts";
import type { Settings } from "../components/settings/index.ts";
import { describeBlocking, describeGaps, findGaps, type Gap } from "./gaps.ts";
import { writePlanFile } from "./planFile.ts";

/** What a phase exports from its stack: values that later phases and reports read. Names are a contract. */
export type PhaseOutputs = Record<string, unknown>;

/**
 * What every phase does around its resources: observes the host, says what is not known yet, refuses to apply without
 * what safety needs, takes the host for this run, and keeps the items' revisions in the stack.
 * @throws RunError in `up`, before anything is touched, with everything that is missing, when the host was not read, when
 *   another run has it, or with all items that cannot be applied to what is there. (`destroy` runs no program: Pulumi takes commands and
 *   connection from the state.)
 */
export async function withHost(
  settings: Settings,
  build: (host: Host) => PhaseOutputs | Promise<PhaseOutputs>,
): Promise<PhaseOutputs> {
  const key = readLoginKey(settings.host.ssh.keyFile, settings.agentSocket);
  const gaps = findGaps(settings, settings.phase, settings.givenSecrets, key);
  const blocking = describeBlocking(gaps);
  const applies = !pulumi.runtime.isDryRun();
  if (applies && blocking !== "") {
    throw new pulumi.RunError(`nothing was applied, because this is missing:\n${blocking}`);
  }
  if (applies) {
    try {
      await takeLease(applyTarget(settings, key), settings.leaseOwner ?? leaseOwner(pulumi.getStack()));
    } catch (error) {
      throw new pulumi.RunError(`nothing was applied: ${(error as Error).message}`);
    }
  }

  // Where everything else needs the key that applies, that is the one to find out whether it gets in.
  const observerKey = applies ? undefined : readObserverKey(settings.host.ssh.observerKeyFile);
  const observation = await observeHost(settings, key, observerKey);
  if (applies && "blind" in observation) {
    // What nobody could compare, nobody has reviewed.
    throw new pulumi.RunError(`nothing was applied: ${observation.blind}`);
  }
  const report = new PlanReport();
  const keptRevisions = await revisionsOfStack();
  // Items are carried out as soon as they are declared; none may be before the last one was looked at.
  const looked = Promise.withResolvers<undefined>();
  const connection = hostConnection(settings.host, key);
  const outputs = await build({
    connection: applies ? pulumi.all([connection, looked.promise]).apply(([known]) => known) : connection,
    provider: new command.Provider("host"),
    observation,
    keptRevisions,
    confirmWithin: Math.ceil(settings.safety.confirmWithin.seconds),
    report,
  });
  // The preview that an up begins with ends here too; one that is only looked at shows everything.
  if (report.refusals !== "" && (applies || settings.leaseOwner !== undefined)) {
    throw new pulumi.RunError(`nothing was applied, because of what is on ${settings.host.name}:\n${report.refusals}`);
  }
  looked.resolve(undefined);
  if (!applies) {
    void pulumi.log.info(describePlan(settings, observation, report, gaps));
    if (settings.planFile !== undefined) {
      writePlanFile(settings.planFile, observation, report);
    }
  }
  // Items that the site file leaves out have no outputs; Pulumi would warn of them.
  const given = Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== undefined));
  return { ...given, revisions: report.revisions };
}

/**
 * The revisions that this stack kept when it was last applied: it reads its own last outputs, which Pulumi lets every
 * stack read of every other.
 */
async function revisionsOfStack(): Promise<Record<string, number>> {
  const own = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const kept = await new pulumi.StackReference(own).getOutputDetails("revisions");
  return (kept.value ?? {}) as Record<string, number>;
}

/** The page that a preview ends with: what happens to the host, in order, and what is not known yet. */
function describePlan(settings: Settings, observation: Observation, report: PlanReport, gaps: Gap[]): string {
  const parts = [`What phase ${settings.phase} wants of ${settings.host.name}, in this order:\n${report.toString()}`];
  if ("blind" in observation) {
    parts.push(`Host not read: ${observation.blind}. What it has now is not compared.`);
  } else {
    const { facts, remark } = observation;
    if (remark !== undefined) {
      parts.push(`Host ${remark}.`);
    }
    if (facts.lease !== undefined) {
      const { owner, expiresIn } = facts.lease;
      parts.push(`The host is held by ${owner} for another ${expiresIn} s: up is refused until then.`);
    }
  }
  if (gaps.length > 0) {
    parts.push(describeGaps(gaps));
  }
  return parts.join("\n\n");
}
