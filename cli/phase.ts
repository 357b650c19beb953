import type { Phase } from "../components/settings/stackName.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import { ensureToolchain, type Toolchain } from "../toolchain/index.ts";
import { findBackend, prepareBackend, type Backend } from "./backend.ts";
import { Failure } from "./failure.ts";
import { findPassphrase } from "./passphrase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { openSite, stackName, type Site } from "./site.ts";
import { encryptionSalt } from "./siteFile.ts";
import { ensureStack } from "./stack.ts";

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
  refuseFlagsThatChooseOtherwise(verb, phase, flags);
  const site = openSite(siteName);
  if (verb === "up") {
    await refuseUnready(site, phase);
  }
  const stack = stackName(site.name, phase);
  const { pulumi } = await openStack(site, stack);
  return pulumi.run([verb, "--stack", stack, ...flags]);
}

/** The engine for a stack of a site, with backend, passphrase and site file chosen and the stack created. */
export async function openStack(
  site: Site,
  stack: string,
): Promise<{ pulumi: Engine; toolchain: Toolchain; env: Record<string, string> }> {
  const backend = findBackend();
  const env = sessionEnvironment(site, backend);
  const toolchain = await ensureToolchain({ say });
  const pulumi = engine(toolchain, env);
  await ensureStack(pulumi, backend, site, stack, say);
  return { pulumi, toolchain, env };
}

/** The environment with which plain `pulumi` does what our commands do. */
export function sessionEnvironment(site: Site, backend: Backend = findBackend()): Record<string, string> {
  prepareBackend(backend);
  const encrypted = encryptionSalt(site.file) !== undefined || site.settings.givenSecrets.length > 0;
  return {
    PULUMI_BACKEND_URL: backend.url,
    ...findPassphrase(site.file, encrypted, say),
    PULUMI_OPTION_CONFIG_FILE: site.file,
  };
}

/** Notices go to standard error: standard output is Pulumi's, and may be JSON. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Flags of Pulumi's that would act on another stack than the phase's, or write into the file that all phases share. */
function refuseFlagsThatChooseOtherwise(verb: string, phase: number, flags: string[]): void {
  if (flags[0] !== undefined && !flags[0].startsWith("-")) {
    // `pulumi up <word>` would fetch a template of that name and run it.
    throw new Failure(`"${flags[0]}" is no flag; write npm run ${verb} -- ${phase} [flags]`);
  }
  const chooses = flags.find((flag) => /^--(stack|cwd|config-file)(=|$)|^-[sC]/.test(flag));
  if (chooses !== undefined) {
    throw new Failure(
      `${chooses}: the phase and --site choose stack and site file; for others use plain \`npx pulumi\``,
    );
  }
  const writes = flags.find((flag) => /^--config(-path)?(=|$)|^-c/.test(flag));
  if (writes !== undefined) {
    throw new Failure(
      `${writes}: Pulumi would write it into the file that all phases share; edit the site file instead`,
    );
  }
}

/** Says before Pulumi starts what the program would refuse after a long preview. */
async function refuseUnready(site: Site, phase: number): Promise<void> {
  // Only here: it loads Pulumi's library, which the other commands do without.
  const [{ loginKey }, { describeBlocking, findGaps }] = await Promise.all([
    import("./loginKey.ts"),
    import("../phases/gaps.ts"),
  ]);
  const gaps = findGaps(site.settings, phase as Phase, site.settings.givenSecrets, loginKey(site));
  const blocking = describeBlocking(gaps);
  if (blocking !== "") {
    throw new Failure(`up is refused, because this is missing:\n${blocking}`);
  }
}
