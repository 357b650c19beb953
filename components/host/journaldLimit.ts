import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { compareFile, HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { gib, NOT_READ, type ItemPlan, type Reason } from "./plan.ts";
import { journaldAssignments, renderJournald, type Assignment, type JournalLimit } from "./render/journald.ts";

// By its name after the drop-ins that are usual: the last assignment counts.
const PATH = "/etc/systemd/journald.conf.d/zz-twisterlab-edge.conf";

export type JournaldLimitArgs = JournalLimit & Reason;

/**
 * What the journal takes on disk, and how long it keeps an entry: a drop-in for journald, which is restarted and then
 * deletes by itself what is above. Refused when a later file of somebody else's would have its way.
 */
export class JournaldLimit extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: JournaldLimitArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:JournaldLimit", name, args, opts);
    const content = renderJournald(args);
    const file = new HostFile(
      `${name}-conf`,
      {
        path: PATH,
        content,
        why: args.why,
        plan: planJournaldLimit(content, host.observation),
        validate: "journald",
        activate: "journald",
      },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of the journal: what counts today, by all files that journald reads, and what it takes. */
export function planJournaldLimit(content: string, observation: Observation): ItemPlan {
  const ours = journaldAssignments([{ path: PATH, content }]);
  const wanted = ours.map(show).join(", ");
  const then = "journald is restarted, and deletes for good what is above";
  const comparison = compareFile({ path: PATH, content }, observation);
  if ("blind" in observation || observation.facts.journaldConfig === undefined || comparison.state === "not measured") {
    return {
      state: "not measured",
      sentence: `the journal is limited by ${PATH} (${wanted}); ${then}`,
      wanted,
      observed: NOT_READ,
    };
  }
  const { journaldConfig, journalBytes } = observation.facts;
  const takes = journalBytes === undefined ? "" : `, and takes ${gib(journalBytes)}`;
  const others = journaldAssignments(journaldConfig).filter(
    ({ file, key }) => file !== PATH && ours.some((own) => own.key === key),
  );
  const later = others.filter(
    ({ file, key, value }) => isAfterOurs(file) && !ours.some((own) => own.key === key && own.value === value),
  );
  const notes = others
    .filter((other) => !later.includes(other))
    .map((other) => `${other.file} sets ${show(other)} too; ours comes later and counts`);
  if (later.length > 0) {
    const observed = later.map((other) => `${other.file} sets ${show(other)}`).join("; ");
    return {
      state: "differs",
      sentence: `the journal is limited (${wanted})${takes}: up will refuse, because journald reads after ours what differs: ${observed}`,
      wanted,
      observed,
      refused: true,
      notes,
    };
  }
  if (comparison.state === "in sync") {
    return { state: "in sync", sentence: `the journal has ${wanted}${takes}`, wanted, observed: "as wanted", notes };
  }
  const today = effective(journaldAssignments(journaldConfig));
  const counts = ours.map(({ key }) => {
    const now = today.get(key);
    return now === undefined ? `${key} as by default` : `${show(now)} by ${now.file}`;
  });
  const observed = counts.join(", ");
  return {
    state: "differs",
    sentence: `the journal has ${observed}${takes}; wanted ${wanted}; ${PATH} ${comparison.differences.join("; ")}; ${then}`,
    wanted,
    observed,
    notes,
  };
}

function show({ key, value }: Assignment): string {
  return `${key}=${value}`;
}

/** Drop-ins are read in the order of their names, those of all folders together, after the main file. */
function isAfterOurs(file: string): boolean {
  return file.includes(".conf.d/") && nameOf(file) > nameOf(PATH);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function effective(assignments: readonly Assignment[]): Map<string, Assignment> {
  return new Map(assignments.map((assignment) => [assignment.key, assignment]));
}
