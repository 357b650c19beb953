import type { ChangePlan } from "../plan.ts";
import type { Finding, Rule } from "../rule.ts";
import { bypass } from "./bypass.ts";
import { changeBudget } from "./changeBudget.ts";
import { daemonJson } from "./daemonJson.ts";
import { forceNew } from "./forceNew.ts";
import { imageMutability } from "./imageMutability.ts";
import { networkOpened } from "./networkOpened.ts";
import { onTheSpot } from "./onTheSpot.ts";
import { registriesWeakened } from "./registriesWeakened.ts";
import { renameWithoutAlias } from "./renameWithoutAlias.ts";
import { retentionLowered } from "./retentionLowered.ts";
import { rollbackAfterReplace } from "./rollbackAfterReplace.ts";
import { rollbackRemoved } from "./rollbackRemoved.ts";
import { rpoWorsened } from "./rpoWorsened.ts";
import { statefulDestroy } from "./statefulDestroy.ts";
import { unprotect } from "./unprotect.ts";
import { versionPath } from "./versionPath.ts";
import { volumeShrink } from "./volumeShrink.ts";
import { wrongHost } from "./wrongHost.ts";

/** Every rule about changes, the worst first. */
export const RULES: readonly Rule[] = [
  onTheSpot,
  statefulDestroy,
  forceNew,
  unprotect,
  volumeShrink,
  renameWithoutAlias,
  rollbackAfterReplace,
  rollbackRemoved,
  wrongHost,
  rpoWorsened,
  retentionLowered,
  versionPath,
  imageMutability,
  daemonJson,
  registriesWeakened,
  networkOpened,
  changeBudget,
  bypass,
];

/** A finding, and the rule that it is of. */
export type RuledFinding = Finding & { rule: string };

/** What the rules find in a plan. */
export function judge(plan: ChangePlan): RuledFinding[] {
  return RULES.flatMap(({ name, check }) => check(plan).map((found) => ({ rule: name, ...found })));
}
