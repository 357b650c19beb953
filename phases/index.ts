import type { Settings } from "../components/settings/index.ts";
import { buildPhase1 } from "./phase1Foundation.ts";

/** What a phase exports from its stack: values that later phases and reports read. Names are a contract. */
export type PhaseOutputs = Record<string, unknown>;

/** Builds the resources of a phase. */
export type BuildPhase = (settings: Settings) => Promise<PhaseOutputs>;

/** How each declared phase is built; `catalogue.ts` has their titles. */
export const builders: Readonly<Record<number, BuildPhase>> = { 1: buildPhase1 };
