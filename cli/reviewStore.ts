import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256, type Origin } from "../review/hash.ts";
import type { PolicyReport } from "../review/policyReport.ts";
import type { Readiness } from "../review/review.ts";
import type { PlanFile } from "../phases/planFile.ts";
import { stateFile, type Backend } from "./backend.ts";
import { Failure } from "./failure.ts";
import type { Engine } from "./pulumi.ts";
import { exportedState } from "./stack.ts";
import { userFolders } from "./userFolders.ts";

/** What a review was made from, as it is kept to be applied later. Pulumi's own plan is beside it. */
export interface KeptReview {
  stack: string;
  origin: Origin;
  engine: string;
  /** Flags of the run that was reviewed: an `up` with others is another run. */
  flags: readonly string[];
  /** What `preview --json` printed. */
  digest: string;
  program: PlanFile;
  readiness: Readiness;
  policies: PolicyReport;
}

/** Reviews that are kept for each stack; an older one is seldom of a state that is still there. */
const KEPT = 5;

/** A folder, closed to others, for a review that is being made; `keep` gives it its name. */
export function reviewScratch(stack: string): string {
  const folder = reviewsOf(stack);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  for (const left of readdirSync(folder).filter((name) => name.startsWith(NEW))) {
    const path = join(folder, left);
    // Of a review that was killed; one that is being made is younger.
    if (Date.now() - statSync(path).mtimeMs > 86_400_000) {
      rmSync(path, { recursive: true, force: true });
    }
  }
  return mkdtempSync(join(folder, NEW));
}

const NEW = ".new-";

/** Keeps a review under its hash, readable for its owner alone, and forgets the oldest ones. @returns the saved plan. */
export function keepReview(scratch: string, hash: string, review: KeptReview): string {
  writeFileSync(join(scratch, "review.json"), JSON.stringify(review), { mode: 0o600 });
  const folder = reviewsOf(review.stack);
  const own = join(folder, hash);
  rmSync(own, { recursive: true, force: true });
  renameSync(scratch, own);
  chmodSync(savedPlan(own), 0o600);
  const kept = readdirSync(folder)
    .filter((name) => !name.startsWith(NEW) && name !== hash)
    .map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }))
    .sort((one, other) => other.time - one.time);
  for (const { name } of kept.slice(KEPT - 1)) {
    rmSync(join(folder, name), { recursive: true, force: true });
  }
  return savedPlan(own);
}

/** A review that was kept on this machine; undefined when none of that hash is. @throws Failure when it is no hash. */
export function recallReview(stack: string, hash: string): { kept: KeptReview; plan: string } | undefined {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new Failure(
      `--reviewed ${hash}: must be the hash of a plan, 64 hexadecimal digits, which \`npm run review\` prints`,
    );
  }
  const folder = join(reviewsOf(stack), hash);
  return existsSync(join(folder, "review.json")) && existsSync(savedPlan(folder))
    ? { kept: JSON.parse(readFileSync(join(folder, "review.json"), "utf8")) as KeptReview, plan: savedPlan(folder) }
    : undefined;
}

/** Pulumi's own plan, in the folder of a review. */
export function savedPlan(folder: string): string {
  return join(folder, "plan.json");
}

function reviewsOf(stack: string): string {
  return join(userFolders().data, "reviews", stack);
}

/** Hash of a stack's state, which every `up` and every edit makes another one. */
export async function stateHash(pulumi: Engine, backend: Backend, stack: string): Promise<string> {
  // Much faster than to ask the engine, which has to decrypt it first.
  const file = backend.folder === undefined ? undefined : stateFile(backend.folder, stack);
  if (file !== undefined && existsSync(file)) {
    return sha256(readFileSync(file));
  }
  return sha256(await exportedState(pulumi, stack));
}
