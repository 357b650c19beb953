import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Secret } from "../settings/values/secret.ts";
import { secretInput } from "../secretInput.ts";
import { sha256 } from "./bundle.ts";
import type { Observation } from "./observation.ts";
import { ENTRY_POINT } from "./paths.ts";
import type { ItemPlan, PlanReport, Reason, Restart } from "./plan.ts";
import { renderParameters, type Parameters } from "./render/parameters.ts";
import { nextRevision } from "./revision.ts";

/** The host as the components see it: the way in, and what was observed there before the plan was made. */
export interface Host {
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  readonly provider: command.Provider;
  readonly observation: Observation;
  /** Revisions that the stack kept when it was last applied; what counts when the host cannot be asked. */
  readonly keptRevisions: Readonly<Record<string, number>>;
  /** Seconds within which a guarded change is confirmed over a new connection, or undone by the host itself. */
  readonly confirmWithin: number;
  /** Where every item says what will happen to it. */
  readonly report: PlanReport;
}

export interface HostItemArgs extends Reason {
  /** How the item compares with the host; it decides whether the item is applied again. */
  plan: ItemPlan;
  /** Verb of the entry point that brings the wanted state about, `host-file put` for instance. Runs again freely. */
  apply: string;
  /** Verb that brings back what was there before. None: the change cannot be undone, and the component says so. */
  undo?: string;
  /** How the change is taken back, for a review. Default: what follows from `undo` and `guarded`. */
  goingBack?: string;
  /** Services that are away while it is applied. Default: none. */
  restarts?: readonly Restart[];
  /** Parameters beside `item`, and the content that follows them. Both go by standard input: a command line is no secret. */
  parameters: Parameters;
  /** Content that follows the parameters; its checksum goes with them, because a cut connection cuts it short. */
  content?: Content;
  /** The change is undone by the host unless it is confirmed, by a health check over a new connection. Default false. */
  guarded?: boolean;
}

/** Text of a file; `undefined` as long as nobody knows it: Pulumi shows it as not known yet. */
export type Content = string | Secret | undefined;

/**
 * One item of the host: a `remote.Command` that applies it and, when it is guarded, a second one that confirms it over a
 * connection of its own. Any change of its input is an update that runs `apply` again; there are no triggers, because a
 * replacement would run the old `undo` after the new `apply`. What drifted on the host is applied again because its
 * revision, which stands in the command's text, goes up.
 *
 * @returns what `apply` printed, once the item is applied and confirmed.
 */
export function hostItem(
  name: string,
  args: HostItemArgs,
  host: Host,
  opts: pulumi.CustomResourceOptions,
): { stdout: pulumi.Output<string>; last: pulumi.CustomResource } {
  const revision = nextRevision(name, args.plan, host);
  const notes = [...(args.plan.notes ?? []), ...history(name, args.plan, host.observation)];
  host.report.add({
    ...args.plan,
    ...(notes.length > 0 ? { notes } : {}),
    ...(args.restarts === undefined ? {} : { restarts: args.restarts }),
    undo: describeUndo(args, host.confirmWithin),
    name,
    why: args.why,
    revision,
  });
  const run = (verb: string): string => `sudo -n ${ENTRY_POINT} ${verb} --revision ${revision}`;
  const parameters: Parameters = {
    item: name,
    ...args.parameters,
    ...(args.guarded === true ? { confirm_within: host.confirmWithin } : {}),
  };
  const stdin = "content" in args ? withContent(parameters, args.content) : renderParameters(parameters);
  const common = {
    connection: host.connection,
    // The default would try to set environment variables that sshd refuses, and warn at each update.
    addPreviousOutputInEnv: false,
  };
  const applied = new command.remote.Command(
    `${name}-apply`,
    {
      ...common,
      create: run(args.apply),
      update: run(args.apply),
      ...(args.undo === undefined ? {} : { delete: `sudo -n ${ENTRY_POINT} ${args.undo}` }),
      stdin,
    },
    { ...opts, provider: host.provider },
  );
  if (args.guarded !== true) {
    return { stdout: applied.stdout, last: applied };
  }
  const confirmed = new command.remote.Command(
    `${name}-confirm`,
    {
      ...common,
      create: run("confirm"),
      update: run("confirm"),
      // Confirmed anew whenever something else was applied.
      stdin: pulumi.output(stdin).apply((input) => renderParameters({ item: name, change: sha256(input) })),
    },
    { ...opts, provider: host.provider, dependsOn: [applied] },
  );
  return {
    stdout: pulumi.all([applied.stdout, confirmed.id]).apply(([stdout]) => stdout),
    last: confirmed,
  };
}

/** How a change of the item is taken back. */
function describeUndo({ undo, goingBack, guarded }: HostItemArgs, confirmWithin: number): string {
  if (goingBack !== undefined || undo === undefined) {
    return goingBack ?? "cannot be undone";
  }
  const byItself = guarded === true ? `undoes itself unless it is confirmed within ${confirmWithin} s; ` : "";
  return `${byItself}taking it out of the site file brings back what was there before`;
}

/** What became of the item's last change, when it is not there. */
function history(name: string, { state }: ItemPlan, observation: Observation): string[] {
  const record = "facts" in observation ? observation.facts.items[name] : undefined;
  return [
    ...(record?.armed === true
      ? ["its last change waits to be confirmed, or was cut off: it is undone by itself"]
      : []),
    ...(record?.reverted === undefined || state === "in sync"
      ? []
      : [`its last change was undone by the host: ${record.reverted} (journalctl -t twisterlab-edge tells the rest)`]),
  ];
}

function withContent(parameters: Parameters, content: Content): pulumi.Input<string> {
  const render = (text: string): string => renderParameters({ ...parameters, sha256: sha256(text) }, text);
  if (content === undefined || content instanceof Secret) {
    return secretInput(content?.map(render));
  }
  return render(content);
}
