import { declaredPhases } from "../phases/catalogue.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import { findBackend } from "./backend.ts";
import { Failure } from "./failure.ts";
import { findPassphrase } from "./passphrase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { openSite, stackName, type Site } from "./site.ts";
import { encryptionSalt, ensureStack } from "./stack.ts";

/**
 * Runs one Pulumi operation on the stack of a phase.
 * @returns Pulumi's exit code.
 * @throws Failure with one sentence for everything that is wrong before Pulumi starts.
 */
export async function runPhase(
  verb: "preview" | "up" | "destroy",
  phase: number,
  siteName: string,
  flags: string[],
): Promise<number> {
  if (!(phase in declaredPhases)) {
    throw new Failure(
      `phase ${phase} is not declared yet; declared: ${Object.entries(declaredPhases)
        .map(([number, { title }]) => `${number} (${title})`)
        .join(", ")}`,
    );
  }
  const site = openSite(siteName);
  const stack = stackName(site.name, phase);
  const { pulumi } = await openStack(site, stack);
  return pulumi.run([verb, "--stack", stack, ...flags]);
}

/** The engine for a stack of a site, with backend, passphrase and site file chosen and the stack created. */
export async function openStack(site: Site, stack: string): Promise<{ pulumi: Engine; env: Record<string, string> }> {
  const env = sessionEnvironment(site);
  const toolchain = await ensureToolchain({ say });
  const pulumi = engine(toolchain, env);
  await ensureStack(pulumi, findBackend(), site, stack, say);
  return { pulumi, env };
}

/** The environment with which plain `pulumi` does what our commands do. */
export function sessionEnvironment(site: Site): Record<string, string> {
  return {
    PULUMI_BACKEND_URL: findBackend().url,
    ...findPassphrase(site.file, encryptionSalt(site.file) !== undefined, say),
    PULUMI_OPTION_CONFIG_FILE: site.file,
  };
}

/** Notices go to standard error: standard output is Pulumi's, and may be JSON. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
