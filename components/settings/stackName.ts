import { SettingsError } from "./faults.ts";

/** The six phases of the intervention plan. */
export const phases = [0, 1, 2, 3, 4, 5] as const;
export type Phase = (typeof phases)[number];

/**
 * Site and phase of a stack named `<site>-phase-<n>`, like `edge-phase-1`.
 *
 * @throws SettingsError when the name is another.
 */
export function parseStackName(stack: string): { site: string; phase: Phase } {
  const [, site, digit] = /^([a-z][a-z0-9-]*)-phase-(\d+)$/.exec(stack) ?? [];
  const phase = phases.find((one) => String(one) === digit);
  if (site === undefined || phase === undefined) {
    const reason = "does not say site and phase; a stack is named `<site>-phase-<0 to 5>`, like `edge-phase-1`";
    throw new SettingsError("Pulumi", [{ key: "stack", value: JSON.stringify(stack), reason }]);
  }
  return { site, phase };
}
