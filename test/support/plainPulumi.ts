import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { capture, type Captured } from "../../cli/capture.ts";
import { ensureToolchain } from "../../toolchain/index.ts";

const PROJECT = resolve(import.meta.dirname, "../..");

/** The toolchain's engine as plain Pulumi, without our commands: its state in the folder `state`, its project in `cwd`. */
export async function plainPulumi(
  state: string,
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): Promise<(words: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Captured>> {
  const toolchain = await ensureToolchain();
  const shared = {
    ...process.env,
    PATH: [dirname(toolchain.pulumi), join(PROJECT, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    PULUMI_BACKEND_URL: pathToFileURL(state).href,
    PULUMI_CONFIG_PASSPHRASE: "a passphrase for a test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...more,
  };
  return (words, env = {}) => capture(toolchain.pulumi, [...words], { cwd, env: { ...shared, ...env } });
}
