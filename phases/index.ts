import type { Settings } from "../components/settings/index.ts";
import { buildPhase0 } from "./phase0Stabilise.ts";
import { buildPhase1 } from "./phase1Foundation.ts";
import { buildPhase3 } from "./phase3HighAvailability.ts";
import { buildPhase4 } from "./phase4Security.ts";
import type { PhaseOutputs } from "./preparation.ts";

/** Builds the resources of a phase. */
export type BuildPhase = (settings: Settings) => Promise<PhaseOutputs>;

/** How each declared phase is built; `catalogue.ts` has their titles. */
export const builders: Readonly<Record<number, BuildPhase>> = {
  0: buildPhase0,
  1: buildPhase1,
  3: buildPhase3,
  4: buildPhase4,
};
