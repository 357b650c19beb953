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

const summary = z.looseObject({ policyPackName: z.string(), policyPackVersion: z.string().optional() });

const event = z.looseObject({
  policyEvent: violation.optional(),
  policyAnalyzeSummaryEvent: summary.optional(),
  policyAnalyzeStackSummaryEvent: summary.optional(),
});

/**
 * What is in the log of the engine's events of a preview: its JSON leaves the policies out (display/json.go of 3.250.0).
 * @throws Error when no pack has run, or when a line is not understood.
 */
export function parsePolicyEvents(log: string): PolicyReport {
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
  return {
    packs: [...new Set(packs)],
    advice: violations.filter(isAdvice).map(({ policyName, message }) => `${policyName}: ${oneLine(message)}`),
    refused: violations
      .filter((each) => !isAdvice(each))
      .map(({ policyName, message, resourceUrn = "the stack" }) => ({
        rule: `policy ${policyName}`,
        resource: resourceUrn,
        called: resourceUrn.split("::").at(-1) ?? resourceUrn,
        why: oneLine(message),
        wayOut: "see the policy's own words; an exemption stands in the site file",
        final: true as const,
      })),
  };
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
