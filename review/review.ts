import type { Gap } from "../phases/gaps.ts";
import type { Verdict } from "./approvals.ts";
import type { ChangePlan } from "./plan.ts";
import type { PolicyReport } from "./policyReport.ts";

/** What a review knows, and what follows from it. */
export interface Review {
  /** `phase 1, foundation`. */
  title: string;
  plan: ChangePlan;
  hash: string;
  verdict: Verdict;
  readiness: Readiness;
  /** What the policy pack said; undefined of a destroy, which asks none. */
  policies?: PolicyReport;
}

/** What has to be known before anything is applied, apart from whether it is safe. */
export interface Readiness {
  /** Facts that nobody has told yet, and without which `up` is refused. */
  gaps: readonly Gap[];
  /** Why the host was not read. */
  host?: string;
  /** Why the cluster was not read, of a phase with objects there. */
  cluster?: string;
}

/** Exit codes of a review; Pulumi's own stay free, and so do those of `drift`. */
export const REVIEW = { mayBeApplied: 0, refused: 30, notReady: 31 } as const;

/** What is unsafe comes first: it stays so when everything is known. */
export function exitCodeOf({ verdict, readiness }: Pick<Review, "verdict" | "readiness">): number {
  if (verdict.refused.length > 0) {
    return REVIEW.refused;
  }
  const { gaps, host, cluster } = readiness;
  return gaps.length > 0 || host !== undefined || cluster !== undefined ? REVIEW.notReady : REVIEW.mayBeApplied;
}
