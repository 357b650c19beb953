import { installScript, scriptBundle, sha256 } from "../../../components/host/bundle.ts";
import { renderParameters, type Parameters } from "../../../components/host/render/parameters.ts";
import { ENTRY_POINT } from "../../../components/host/paths.ts";
import type { Box } from "../box/box.ts";
import type { CommandResult } from "../box/ssh.ts";

/** Puts the entry point on a box as a stack does, without Pulumi. */
export async function installEntryPoint(box: Box): Promise<void> {
  const bundle = scriptBundle();
  const done = await box.run(`bash -s -- ${sha256(bundle)} test 1`, { stdin: installScript() + bundle });
  if (done.code !== 0) {
    throw new Error(`the entry point could not be installed: ${done.stderr}`);
  }
}

/** Runs a verb of the entry point, with `content` after the parameters when there is one. */
export function verb(box: Box, words: string, parameters: Parameters, content?: string): Promise<CommandResult> {
  const stdin =
    content === undefined
      ? renderParameters(parameters)
      : renderParameters({ ...parameters, sha256: sha256(content) }, content);
  return box.run(`${ENTRY_POINT} ${words}`, { stdin });
}
