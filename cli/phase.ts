import type { Phase } from "../components/settings/stackName.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import { ensureToolchain, type Toolchain } from "../toolchain/index.ts";
import { findBackend, prepareBackend, type Backend } from "./backend.ts";
import { agreed } from "./ask.ts";
import { EXIT, Failure } from "./failure.ts";
import { findPassphrase } from "./passphrase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { refreshFlag } from "./refresh.ts";
import type { Session } from "./review.ts";
import { openSite, stackName, type Site } from "./site.ts";
import { encryptionSalt } from "./siteFile.ts";
import { ensureStack, requireSharedStack } from "./stack.ts";

/** What every command about a phase takes. */
export interface PhaseOptions {
  /** Name of the site: `edge` of `Pulumi.edge.yaml`. */
  site: string;
  /** Only with a state that others have too, and a stack that is there; see `requireSharedStack`. Default false. */
  sharedState?: boolean;
}

/**
 * Runs one Pulumi operation on the stack of a phase. What changes the host is reviewed first, and then has it to itself.
 * @param reviewed hash of a review that was made before, which `up` is to apply.
 * @returns Pulumi's exit code, or that of the review when it lets nothing be applied.
 * @throws Failure with one sentence for everything that is wrong before Pulumi starts.
 */
export async function runPhase(
  verb: "preview" | "up" | "destroy",
  phase: number,
  flags: string[],
  { reviewed, ...options }: PhaseOptions & { reviewed?: string },
): Promise<number> {
  refuseFlagsThatChooseOtherwise(verb, phase, flags);
  const { site, stack } = phaseSite(phase, options.site);
  if (verb === "up") {
    await refuseUnready(site, phase);
  }
  if (verb === "preview" || flags.includes("--preview-only")) {
    const [{ pulumi }, refresh] = await Promise.all([
      openStack(site, stack, options),
      refreshFlag(site, phase as Phase, flags),
    ]);
    return pulumi.run([verb, "--stack", stack, ...refresh, ...flags]);
  }
  // Only here: it loads what a preview does without on this side.
  const { openSession } = await import("./review.ts");
  const session = await openSession(site, stack, phase as Phase, flags, options);
  return verb === "up" ? up(session, reviewed) : destroy(session);
}

/** Applies what was reviewed, and nothing else. */
async function up(session: Session, reviewed: string | undefined): Promise<number> {
  const { site, stack, flags, refresh, toolchain, env } = session;
  const [{ printPage, refuseIfMoved, reviewAgain, reviewUp }, { exitCodeOf, REVIEW }] = await loadReview();
  const made = reviewed === undefined ? await reviewUp(session) : await reviewAgain(session, reviewed);
  printPage(made.review, flags);
  // A cluster that was not read is for the program to judge: it looks for each object before it makes it.
  const { gaps, host } = made.review.readiness;
  const code = exitCodeOf({ ...made.review, readiness: { gaps, ...(host === undefined ? {} : { host }) } });
  if (code !== REVIEW.mayBeApplied || made.plan === undefined) {
    say(`Nothing was applied: ${code === REVIEW.notReady ? "something has to be known first" : "it was refused"}.`);
    return code;
  }
  if (!(await consented(flags, `Apply this to ${stack}?`))) {
    return EXIT.error;
  }
  // The question may have stood there for hours.
  await refuseIfMoved(session, made.origin);
  const { holdHost } = await import("./hostLease.ts");
  const hold = holdHost(site, stack);
  try {
    // The program takes the host itself.
    const words = ["up", "--stack", stack, "--plan", made.plan, "--skip-preview", "--yes", ...refresh];
    return await engine(toolchain, { ...env, ...hold.environment }).run([...words, ...withoutConsent(flags)]);
  } finally {
    await hold.release();
  }
}

/** Here no program runs that could take the host: it is taken once the person has said yes, and not for as long as that takes. */
async function destroy(session: Session): Promise<number> {
  const { site, stack, flags, refresh, pulumi } = session;
  const [{ printPage, refuseIfMoved, reviewDestroy, spare }, { exitCodeOf, REVIEW }] = await loadReview();
  const made = await reviewDestroy(session);
  if (made !== undefined) {
    printPage(made.review, flags);
    const code = exitCodeOf(made.review);
    if (code !== REVIEW.mayBeApplied) {
      say("Nothing was destroyed: it was refused.");
      return code;
    }
    if (!(await consented(flags, `Destroy ${stack}?`))) {
      return EXIT.error;
    }
    await refuseIfMoved(session, made.origin);
  }
  const { holdHost } = await import("./hostLease.ts");
  const hold = holdHost(site, stack);
  await hold.take();
  try {
    const words = ["destroy", "--stack", stack, "--yes", "--skip-preview", ...spare(flags), ...refresh];
    const code = await pulumi.run([...words, ...withoutConsent(flags)]);
    await listLeft(pulumi, stack);
    return code;
  } finally {
    await hold.release();
  }
}

function loadReview() {
  return Promise.all([import("./review.ts"), import("../review/review.ts")]);
}

/** Flags that say yes beforehand. To leave out Pulumi's own preview says it too: ours was just shown. */
const CONSENT = /^(--yes|--skip-preview|-[yf]+)$/;

async function consented(flags: readonly string[], question: string): Promise<boolean> {
  if (flags.some((flag) => CONSENT.test(flag))) {
    return true;
  }
  if (!process.stdin.isTTY || flags.includes("--non-interactive")) {
    throw new Failure("nothing was applied: there is no terminal to ask on; say --yes beforehand");
  }
  return agreed(question);
}

function withoutConsent(flags: readonly string[]): string[] {
  return flags.filter((flag) => !CONSENT.test(flag));
}

/** Says what a destroy has left, because losing it would lose data, and what that needs. */
async function listLeft(pulumi: Engine, stack: string): Promise<void> {
  const state = await pulumi.ask(["stack", "export", "--stack", stack, "--non-interactive"]);
  if (state.code !== 0) {
    return;
  }
  const { deployment } = JSON.parse(state.stdout) as {
    deployment?: { resources?: { urn: string; type: string; protect?: boolean; custom?: boolean }[] };
  };
  const left = (deployment?.resources ?? []).filter(
    ({ custom, type }) => custom === true && !/^pulumi:(pulumi|providers):/.test(type),
  );
  const list = (resources: typeof left): string =>
    resources.map(({ urn, type }) => `\n  - ${urn.split("::").at(-1) ?? urn} (${type})`).join("");
  const isProtected = left.filter(({ protect }) => protect === true);
  const needed = left.filter(({ protect }) => protect !== true);
  if (isProtected.length > 0) {
    say(
      "Left as they are, because they are protected: taking them back would lose data, or cannot be done " +
        `(a grown volume stays grown).${list(isProtected)}`,
    );
  }
  if (needed.length > 0) {
    say(`Left with them, because they come before them, or because the run ended early:${list(needed)}`);
  }
}

/** The site and the stack of a declared phase. @throws Failure when the phase is not declared. */
export function phaseSite(phase: number, siteName: string): { site: Site; stack: string } {
  if (!(phase in declaredPhases)) {
    throw new Failure(
      `phase ${phase} is not declared yet; declared: ${Object.entries(declaredPhases)
        .map(([number, { title }]) => `${number} (${title})`)
        .join(", ")}`,
    );
  }
  const site = openSite(siteName);
  return { site, stack: stackName(site.name, phase) };
}

/** The engine for a stack of a site, with backend, passphrase and site file chosen and the stack created. */
export async function openStack(
  site: Site,
  stack: string,
  {
    sharedState = false,
    environment = {},
  }: { sharedState?: boolean; environment?: Readonly<Record<string, string>> } = {},
): Promise<{ pulumi: Engine; toolchain: Toolchain; env: Record<string, string> }> {
  const backend = findBackend();
  const env = { ...sessionEnvironment(site, backend), ...environment };
  const toolchain = await ensureToolchain({ say });
  const pulumi = engine(toolchain, env);
  await (sharedState
    ? requireSharedStack(pulumi, backend, site, stack)
    : ensureStack(pulumi, backend, site, stack, say));
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

/** Flags of Pulumi's that take the next word for their value. */
const WITH_VALUE =
  /^(--(target|exclude|replace|target-replace|message|parallel|color|policy-pack|policy-pack-config|import-file|plan|save-plan|verbose|tracing|profiling|memprofilerate|attach-debugger|otel-traces)|-[a-zA-Z]*[txmpv])$/;

/** Flags of Pulumi's that would act on another stack than the phase's, or write into the file that all phases share. */
export function refuseFlagsThatChooseOtherwise(verb: string, phase: number, flags: string[]): void {
  const chooses = flags.find((flag) => /^--(stack|cwd|config-file)(=|$)|^-[a-zA-Z]*[sC]/.test(flag));
  if (chooses !== undefined) {
    throw new Failure(
      `${chooses}: the phase and --site choose stack and site file; for others use plain \`npx pulumi\``,
    );
  }
  const writes = flags.find((flag) => /^--config(-path)?(=|$)|^-[a-zA-Z]*c/.test(flag));
  if (writes !== undefined) {
    throw new Failure(
      `${writes}: Pulumi would write it into the file that all phases share; edit the site file instead`,
    );
  }
  const planned = verb === "preview" ? undefined : flags.find((flag) => /^--(plan|save-plan|strict)(=|$)/.test(flag));
  if (planned !== undefined) {
    throw new Failure(
      `${planned}: \`npm run review\` keeps a plan by its hash, and \`npm run up -- ${phase} --reviewed <hash>\` applies it`,
    );
  }
  const word = flags.find((flag, index) => !flag.startsWith("-") && !WITH_VALUE.test(flags[index - 1] ?? ""));
  if (word !== undefined) {
    // `pulumi up <word>` would fetch a template of that name and run it.
    throw new Failure(
      `"${word}" is no flag, nor the value of one; write npm run ${verb} -- ${phase} [flags], a value as --flag=value`,
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
