import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { hostConnection, observeHost, readLoginKey, type LoginKey } from "../components/host/connection.ts";
import type { Host } from "../components/host/host.ts";
import type { Observation } from "../components/host/observation.ts";
import { PlanReport } from "../components/host/plan.ts";
import type { Settings } from "../components/settings/index.ts";
import { secretsOfPhase } from "../components/settings/secrets.ts";

/** What a phase exports from its stack: values that later phases and reports read. Names are a contract. */
export type PhaseOutputs = Record<string, unknown>;

/**
 * What every phase does before its first resource: observes the host, says what is not known yet, and refuses to apply
 * without what safety needs.
 * @throws RunError in `up`, before anything is touched, with everything that is missing, or when another machine answers.
 *   (`destroy` runs no program: Pulumi takes commands and connection from the state.)
 */
export async function withHost(
  settings: Settings,
  build: (host: Host) => PhaseOutputs | Promise<PhaseOutputs>,
): Promise<PhaseOutputs> {
  const key = readLoginKey(settings.host.ssh.keyFile, settings.agentSocket);
  const gaps = findGaps(settings, key);
  const blocking = gaps.filter((gap) => gap.blocks);
  if (!pulumi.runtime.isDryRun() && blocking.length > 0) {
    throw new pulumi.RunError(`nothing was applied, because this is missing:\n${blocking.map(describeGap).join("\n")}`);
  }

  const observation = await observeHost(settings, key);
  if (!pulumi.runtime.isDryRun() && "wrongMachine" in observation) {
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
    parts.push(`Blind: ${observation.blind}. What the host has now is not compared.`);
  }
  if (gaps.length > 0) {
    parts.push(
      "Not known yet (up is refused without those marked *; `npm run doctor` reads from the host what it can):\n" +
        gaps.map(describeGap).join("\n"),
    );
  }
  return parts.join("\n\n");
}

/** Stands for a secret that is not in the site file yet: Pulumi shows it as not known. */
export function unknownSecret(): pulumi.Output<string> {
  return pulumi.secret(pulumi.output(pulumi.unknown) as pulumi.Output<unknown> as pulumi.Output<string>);
}

/** Something the program was not told. */
interface Gap {
  what: string;
  howToFind: string;
  /** Whether `up` is refused without it. */
  blocks: boolean;
}

function findGaps(settings: Settings, key: LoginKey): Gap[] {
  const facts = settings.unknowns.map(({ key: name, what, howToFind, blocks }) => ({
    what: `${name}: ${what}`,
    howToFind,
    blocks: blocks === "up",
  }));
  const secrets = secretsOfPhase(settings.phase)
    .filter(({ name }) => settings.secrets[name] === undefined)
    .map(({ name, purpose }) => ({
      what: `twisterlab-edge:secrets.${name}: ${purpose}`,
      howToFind: "npm run secrets",
      blocks: true,
    }));
  const login =
    "missing" in key
      ? [
          {
            what: `SSH key: ${key.missing}`,
            howToFind: `ssh-keygen -t ed25519 -f ${settings.host.ssh.keyFile}, or TWISTERLAB_SSH_KEY_FILE`,
            blocks: true,
          },
        ]
      : [];
  return [...login, ...secrets, ...facts];
}

function describeGap({ what, howToFind, blocks }: Gap): string {
  return `  ${blocks ? "*" : "-"} ${what} (${howToFind})`;
}
