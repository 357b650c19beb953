import * as z from "zod";
import type { RuledFinding } from "./rules/index.ts";

/** What the policy pack said in a preview. */
export interface PolicyReport {
  /** Packs that ran, with their versions. */
  packs: string[];
  /** What they only advise. */
  advice: string[];
  /** What they refuse. */
  refused: RuledFinding[];
}

const violation = z.looseObject({
  resourceUrn: z.string().optional(),
  message: z.string(),
  policyName: z.string(),
  policyPackName: z.string(),
  policyPackVersion: z.string().optional(),
  enforcementLevel: z.string(),
});

const names = z.array(z.string()).optional();
const summary = z.looseObject({
  policyPackName: z.string(),
  policyPackVersion: z.string().optional(),
  passed: names,
  failed: names,
});

const event = z.looseObject({
  policyEvent: violation.optional(),
  policyAnalyzeSummaryEvent: summary.optional(),
  policyAnalyzeStackSummaryEvent: summary.optional(),
});

/**
 * What is in the log of the engine's events of a preview: its JSON leaves the policies out (display/json.go of 3.250.0).
 * @param rules names of all rules: each must have been asked, unless another has refused before.
 * @throws Error when no pack has run, when a rule was not asked, or when a line is not understood.
 */
export function parsePolicyEvents(log: string, rules: readonly string[]): PolicyReport {
  const events = log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => event.parse(JSON.parse(line)));
  const ran = events.flatMap(
    ({ policyAnalyzeSummaryEvent: one, policyAnalyzeStackSummaryEvent: other }) => one ?? other ?? [],
  );
  const violations = events.flatMap(({ policyEvent }) => policyEvent ?? []);
  const packs = [...ran, ...violations].map(({ policyPackName, policyPackVersion = "" }) =>
    `${policyPackName} ${policyPackVersion}`.trim(),
  );
  if (packs.length === 0) {
    throw new Error("no policy of it was asked about anything");
  }
  // A level that is not known counts as the strictest.
  const isAdvice = ({ enforcementLevel }: (typeof violations)[number]): boolean => enforcementLevel === "advisory";
  const refused = violations
    .filter((each) => !isAdvice(each))
    .map(({ policyName, message, resourceUrn = "the stack" }) => ({
      rule: `policy ${policyName}`,
      resource: resourceUrn,
      called: resourceUrn.split("::").at(-1) ?? resourceUrn,
      why: ownWords(message),
      wayOut: "see the policy's own words; an exemption stands in the site file",
      final: true as const,
    }));
  const asked = new Set(ran.flatMap(({ passed = [], failed = [] }) => [...passed, ...failed]));
  const missing = rules.filter((rule) => !asked.has(rule));
  if (refused.length === 0 && missing.length > 0) {
    throw new Error(`${missing.length} of its rules were not asked, ${missing[0] ?? ""} among them`);
  }
  return {
    packs: [...new Set(packs)],
    advice: violations.filter(isAdvice).map(({ policyName, message }) => `${policyName}: ${ownWords(message)}`),
    refused,
  };
}

/** Without the policy's description, which the engine puts before what it found, in a line of its own. */
function ownWords(message: string): string {
  const lines = message.trim().split(/\s*\n\s*/);
  return (lines.length > 1 ? lines.slice(1) : lines).join(" ");
}
