import type { Table } from "../table.ts";
import { commands } from "./commandRules.ts";
import { objects } from "./objectRules.ts";
import { pods } from "./pods.ts";
import { site } from "./siteRules.ts";

/** How each rule is tried, by its name. */
export const TABLES: Readonly<Record<string, Table>> = { ...pods, ...objects, ...commands, ...site };
