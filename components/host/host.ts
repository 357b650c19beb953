import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { sha256 } from "./bundle.ts";
import type { Observation } from "./observation.ts";
import type { PlanReport } from "./plan.ts";
import { renderParameters, type Parameters } from "./render/parameters.ts";

/** The host as the components see it: the way in, and what was observed there before the plan was made. */
export interface Host {
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  readonly provider: command.Provider;
  readonly observation: Observation;
  /** Where every item says what will happen to it. */
  readonly report: PlanReport;
}

/** Path of the root-owned program that the host items are carried out by. */
export const ENTRY_POINT = "/usr/local/sbin/twisterlab-edge";

export interface HostCommandArgs {
  /** Verb of the entry point that brings the wanted state about, `host-file put` for instance. Runs again freely. */
  apply: string;
  /** Verb that brings back what was there before. None: the change cannot be undone, and the component says so. */
  undo?: string;
  /** Parameters, and the content that follows them. Both go by standard input: a command line is no secret. */
  parameters: Parameters;
  /** Content that follows the parameters; its checksum goes with them, because a cut connection cuts it short. */
  content?: pulumi.Input<string>;
}

/**
 * One `remote.Command` on the host. Any change of its input is an update that runs `apply` again; there are no
 * triggers, because a replacement would run the old `undo` after the new `apply`.
 */
export function hostCommand(
  name: string,
  args: HostCommandArgs,
  host: Host,
  opts: pulumi.CustomResourceOptions,
): command.remote.Command {
  const apply = `sudo -n ${ENTRY_POINT} ${args.apply}`;
  return new command.remote.Command(
    name,
    {
      connection: host.connection,
      create: apply,
      update: apply,
      ...(args.undo === undefined ? {} : { delete: `sudo -n ${ENTRY_POINT} ${args.undo}` }),
      stdin: standardInput(args),
      // The default would try to set environment variables that sshd refuses, and warn at each update.
      addPreviousOutputInEnv: false,
    },
    { ...opts, provider: host.provider },
  );
}

function standardInput({ parameters, content }: HostCommandArgs): pulumi.Input<string> {
  if (content === undefined) {
    return renderParameters(parameters);
  }
  return pulumi.output(content).apply((text) => renderParameters({ ...parameters, sha256: sha256(text) }, text));
}
