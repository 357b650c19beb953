import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Phase } from "../components/settings/stackName.ts";
import { SettingsError } from "../components/settings/faults.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import type { Gap } from "../phases/gaps.ts";
import { PLAN_FILE, type PlanFile } from "../phases/planFile.ts";
import { RULE_NAMES } from "../policies/catalogue.ts";
import { approve, readApprovals } from "../review/approvals.ts";
import { bypassesIn } from "../review/bypasses.ts";
import { parseDigest, UnreadablePlan } from "../review/digest.ts";
import { changedFields } from "../review/fields.ts";
import { planHash, programHash, type Origin } from "../review/hash.ts";
import { pageOf, toMarkdown, toText } from "../review/page.ts";
import { changesOf, isChanged, isInternal, type ChangePlan } from "../review/plan.ts";
import { policyPack } from "../review/policyPack.ts";
import { parsePolicyEvents, type PolicyReport } from "../review/policyReport.ts";
import { exitCodeOf, REVIEW, type Readiness, type Review } from "../review/review.ts";
import { judge } from "../review/rules/index.ts";
import { findBackend } from "./backend.ts";
import type { Captured } from "./capture.ts";
import { Failure } from "./failure.ts";
import { openStack, type PhaseOptions, phaseSite, refuseFlagsThatChooseOtherwise, say } from "./phase.ts";
import { wordsOf } from "./previewWords.ts";
import { engine, type Engine } from "./pulumi.ts";
import { refreshFlag } from "./refresh.ts";
import { keepReview, recallReview, reviewScratch, savedPlan, stateHash, type KeptReview } from "./reviewStore.ts";
import { PROJECT_FOLDER, type Site } from "./site.ts";
import { exportedState } from "./stack.ts";
import type { Toolchain } from "../toolchain/index.ts";

export interface ReviewOptions extends PhaseOptions {
  /** Review what a destroy would do. */
  destroy?: boolean;
  /** Print what was found as JSON. */
  json?: boolean;
  /** File for the page as Markdown, for a pull request. */
  markdown?: string;
}

/**
 * Says in one page what a phase would change, what that risks, and what is refused. Changes nothing.
 * @returns 0: may be applied; 30: refused as unsafe; 31: not ready, because something has to be known first.
 * @throws Failure with Pulumi's own words when the preview fails.
 */
export async function review(phase: number, flags: string[], options: ReviewOptions): Promise<number> {
  const { site, stack } = phaseSite(phase, options.site);
  refuseFlagsThatChooseOtherwise("review", phase, flags);
  const session = await openSession(site, stack, phase as Phase, flags, options);
  const made = options.destroy === true ? await reviewDestroy(session) : await reviewUp(session);
  if (made === undefined) {
    say(`${stack} has nothing: there is nothing to destroy.`);
    return REVIEW.mayBeApplied;
  }
  const page = pageOf(made.review, today());
  if (options.markdown !== undefined) {
    writeFileSync(options.markdown, toMarkdown(page));
  }
  process.stdout.write(options.json === true ? `${JSON.stringify(asJson(made.review), null, 2)}\n` : toText(page));
  return exitCodeOf(made.review);
}

/** What everything about one stack and one run needs. */
export interface Session {
  site: Site;
  stack: string;
  phase: Phase;
  pulumi: Engine;
  toolchain: Toolchain;
  env: Record<string, string>;
  /** Flags as a person wrote them, and the one that refreshes. */
  flags: readonly string[];
  refresh: readonly string[];
}

/** A review, and the plan that Pulumi can be held to. */
export interface Made {
  review: Review;
  origin: Origin;
  /** Undefined of a destroy: Pulumi has none. */
  plan?: string;
}

export async function openSession(
  site: Site,
  stack: string,
  phase: Phase,
  flags: readonly string[],
  options: PhaseOptions,
): Promise<Session> {
  const [opened, refresh] = await Promise.all([openStack(site, stack, options), refreshFlag(site, phase, flags)]);
  return { site, stack, phase, flags, refresh, ...opened };
}

/** Flags that are about how it is asked and shown, not about what is applied. */
const SHOWN =
  /^(--(yes|skip-preview|json|diff|show-[a-z-]+|suppress-[a-z-]+|non-interactive|expect-no-changes|urns)(=.*)?|-[yfjd]+)$/;

/** Reviews what an `up` would do, by the one preview that there is of it. */
export async function reviewUp(session: Session): Promise<Made> {
  const { stack, flags, refresh, toolchain, env, pulumi } = session;
  const scratch = reviewScratch(stack);
  try {
    const program = join(scratch, "program.json");
    const log = join(scratch, "events.jsonl");
    const pack = policyPack(PROJECT_FOLDER);
    const asked = engine(toolchain, {
      ...env,
      [PLAN_FILE]: program,
      PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "false",
      // The one way to hear what the policies say beside JSON: a flag that is only there for who mends Pulumi.
      PULUMI_DEBUG_COMMANDS: "true",
    });
    const words = ["preview", "--stack", stack, ...LOOK, "--show-replacement-steps", "--save-plan", savedPlan(scratch)];
    const policies = ["--policy-pack", pack, "--event-log", log];
    const origin = await originOf(session);
    const [preview, version, gaps] = await Promise.all([
      asked.ask([...words, ...policies, ...refresh, ...flags.filter(isOfPlan)]),
      pulumi.ask(["version"]),
      blockingGaps(session),
    ]);
    const report = policyReport(log, preview);
    if (preview.code !== 0 && report.refused.length === 0) {
      throw new Failure(`the preview failed: ${wordsOf(preview)}`, preview.code);
    }
    await refuseIfMoved(session, origin);
    if (preview.code === 0 && !existsSync(program)) {
      throw new UnreadablePlan("the program has not said what it wants of the host");
    }
    const said = existsSync(program) ? (JSON.parse(readFileSync(program, "utf8")) as PlanFile) : NOTHING_SAID;
    const kept: KeptReview = {
      stack,
      origin,
      engine: version.stdout.trim(),
      flags,
      digest: preview.stdout,
      program: said,
      readiness: {
        gaps,
        ...(said.blind === undefined ? {} : { host: said.blind }),
        ...(said.cluster.blind === undefined || said.cluster.objects.length === 0
          ? {}
          : { cluster: said.cluster.blind }),
      },
      policies: report,
    };
    const judged = judgeKept(session, kept);
    return preview.code === 0
      ? { review: judged, origin, plan: keepReview(scratch, judged.hash, kept) }
      : { review: judged, origin };
  } catch (error) {
    throw asFailure(error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * A review that was made before, judged again by the rules and approvals of now. Where it was made on another machine, it is
 * made anew, and must come to the same plan.
 * @throws Failure when anything has changed.
 */
export async function reviewAgain(session: Session, hash: string): Promise<Made> {
  const recalled = recallReview(session.stack, hash);
  if (recalled === undefined) {
    return reviewAnew(session, hash);
  }
  const { kept, plan } = recalled;
  if (JSON.stringify(kept.flags.filter(isOfPlan)) !== JSON.stringify(session.flags.filter(isOfPlan))) {
    throw new Failure(
      `--reviewed ${hash}: it was reviewed with other flags (${kept.flags.join(" ") || "none"})`,
      REVIEW.refused,
    );
  }
  await refuseIfMoved(session, kept.origin);
  const readiness = { ...kept.readiness, gaps: await blockingGaps(session) };
  try {
    return { review: judgeKept(session, { ...kept, readiness }), origin: kept.origin, plan };
  } catch (error) {
    throw asFailure(error);
  }
}

async function reviewAnew(session: Session, hash: string): Promise<Made> {
  const made = await reviewUp(session);
  if (made.review.hash !== hash) {
    throw new Failure(
      `nothing was applied: the plan is ${made.review.hash} now, and ${hash} was reviewed; ` +
        "the program, the site file, the state or the host has changed since: review it again",
      REVIEW.refused,
    );
  }
  return made;
}

/** Reviews what a destroy would do; undefined when there is nothing. It runs no program: only the state counts. */
export async function reviewDestroy(session: Session): Promise<Made | undefined> {
  const { stack, flags, refresh, pulumi } = session;
  const origin = await originOf(session);
  const words = ["destroy", "--stack", stack, "--preview-only", ...LOOK, "--show-replacement-steps", ...spare(flags)];
  const [preview, version] = await Promise.all([
    pulumi.ask([...words, ...refresh, ...flags.filter(isOfPlan)]),
    pulumi.ask(["version"]),
  ]);
  if (preview.code !== 0) {
    throw new Failure(`the preview failed: ${wordsOf(preview)}`, preview.code);
  }
  await refuseIfMoved(session, origin);
  if (await isEmpty(pulumi, stack, preview)) {
    return undefined;
  }
  try {
    const steps = parseDigest(preview.stdout, version.stdout.trim());
    return { review: judgeSteps(session, steps, NOTHING_SAID, origin, { gaps: [] }, true), origin };
  } catch (error) {
    throw asFailure(error);
  }
}

/** What is protected is left where it is. Pulumi does not take both flags; what is protected, it refuses to touch anyway. */
export function spare(flags: readonly string[]): string[] {
  return flags.some((flag) => /^(--target|-t)(=|$)/.test(flag)) ? [] : ["--exclude-protected"];
}

/** @throws Failure when the program, the site file or the state is not what was reviewed. */
export async function refuseIfMoved(session: Session, reviewed: Origin): Promise<void> {
  const now = await originOf(session);
  const moved = [
    ...(now.program === reviewed.program ? [] : ["the program or the site file"]),
    ...(now.state === reviewed.state ? [] : ["the state"]),
  ];
  if (moved.length > 0) {
    throw new Failure(
      `nothing was applied: ${moved.join(" and ")} changed since the review; review it again`,
      REVIEW.refused,
    );
  }
}

/** Prints a review as a person reads it, beside the JSON that the flags ask Pulumi for. */
export function printPage(made: Review, flags: readonly string[]): void {
  const stream = flags.some((flag) => /^(--json|-j)$/.test(flag)) ? process.stderr : process.stdout;
  stream.write(`${toText(pageOf(made, today()))}\n`);
}

const LOOK = ["--json", "--show-sames", "--non-interactive"];

const NOTHING_SAID: PlanFile = { items: [], cluster: { refusals: [], notes: [], objects: [] } };

function isOfPlan(flag: string): boolean {
  return !SHOWN.test(flag);
}

async function originOf({ site, stack, pulumi }: Session): Promise<Origin> {
  return {
    program: programHash(PROJECT_FOLDER, site.file),
    state: await stateHash(pulumi, findBackend(), stack),
  };
}

function judgeKept(session: Session, kept: KeptReview): Review {
  // A preview that a policy has stopped is not whole; the policy's word is enough.
  const stopped = kept.policies.refused.length > 0;
  const steps = stopped ? stepsIfWhole(kept) : parseDigest(kept.digest, kept.engine);
  const judged = judgeSteps(session, steps, kept.program, kept.origin, kept.readiness, false, kept.policies);
  return { ...judged, policies: kept.policies };
}

function stepsIfWhole({ digest, engine: version }: KeptReview) {
  try {
    return parseDigest(digest, version);
  } catch {
    return [];
  }
}

function judgeSteps(
  { site, stack, phase, flags }: Session,
  steps: ReturnType<typeof parseDigest>,
  { items, cluster }: PlanFile,
  origin: Origin,
  readiness: Readiness,
  destroys: boolean,
  policies?: PolicyReport,
): Review {
  const changes = changesOf(steps);
  const plan: ChangePlan = { stack, destroys, changes, items, cluster, bypasses: bypassesIn(flags, process.env) };
  const hash = planHash(changes, origin);
  const findings = [...(policies?.refused ?? []), ...judge(plan)];
  const approvals = readApprovals(join(PROJECT_FOLDER, `approvals.${site.name}.yaml`));
  return {
    title: `phase ${phase}, ${declaredPhases[phase]?.title ?? ""}`,
    plan,
    hash,
    verdict: approve(findings, approvals, { plan: hash, today: today() }),
    readiness,
  };
}

async function blockingGaps({ site, phase }: Session): Promise<Gap[]> {
  // Only here: it loads Pulumi's library, which the other commands do without.
  const [{ loginKey }, { findGaps }] = await Promise.all([import("./loginKey.ts"), import("../phases/gaps.ts")]);
  return findGaps(site.settings, phase, site.settings.givenSecrets, loginKey(site)).filter(({ blocks }) => blocks);
}

/** @throws UnreadablePlan when the pack has not run: a rule that nobody asked has refused nothing. */
function policyReport(log: string, preview: Captured): PolicyReport {
  try {
    return parsePolicyEvents(existsSync(log) ? readFileSync(log, "utf8") : "", RULE_NAMES);
  } catch (error) {
    const why = preview.code === 0 ? (error as Error).message : wordsOf(preview);
    throw new UnreadablePlan(`the policy pack did not run (${why})`);
  }
}

/** Whether a stack has nothing that a destroy could show. */
async function isEmpty(pulumi: Engine, stack: string, { stdout }: Captured): Promise<boolean> {
  if (stdout.includes('"steps"')) {
    return false;
  }
  const { deployment } = JSON.parse(await exportedState(pulumi, stack)) as { deployment?: { resources?: unknown[] } };
  return (deployment?.resources ?? []).length === 0;
}

function asFailure(error: unknown): unknown {
  return error instanceof UnreadablePlan || error instanceof SettingsError
    ? new Failure(error.message, REVIEW.refused)
    : error;
}

/** The day, in UTC. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** A review for another program. */
function asJson(made: Review): object {
  const { plan, hash, verdict, readiness, title, policies } = made;
  const code = exitCodeOf(made);
  return {
    title,
    stack: plan.stack,
    plan: hash,
    verdict: code === REVIEW.refused ? "refused" : code === REVIEW.notReady ? "not ready" : "may be applied",
    refused: verdict.refused,
    approved: verdict.approved,
    idle: verdict.idle,
    notReady: readiness,
    items: plan.items,
    changes: plan.changes
      .filter((change) => isChanged(change) && !isInternal(change))
      .map((change) => ({ urn: change.urn, operations: [...change.ops], fields: changedFields(change).fields })),
    ...(policies === undefined ? {} : { policies }),
  };
}
