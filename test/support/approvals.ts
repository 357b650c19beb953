import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Approval } from "../../review/approvals.ts";
import type { RuledFinding } from "../../review/rules/index.ts";
import type { Checkout } from "./checkout.ts";

/** What `npm run review -- <phase> --json` prints. */
export interface ReviewedJson {
  plan: string;
  verdict: string;
  refused: RuledFinding[];
  idle: { approval: Approval; why: string }[];
}

/** Writes the approvals that a person would write for everything that a review has refused. */
export function approveAll(edge: Checkout, { plan, refused }: ReviewedJson, site = "edge"): void {
  const file = join(edge.folder, `approvals.${site}.yaml`);
  const until = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const words = { reason: "it is what this test is about", by: "somebody", until };
  const given = refused.map(({ rule, resource }) => ({ rule, resource, plan, ...words }));
  const before = existsSync(file) ? (parse(readFileSync(file, "utf8")) as { approvals: Approval[] }).approvals : [];
  writeFileSync(file, stringify({ approvals: [...before, ...given] }, { lineWidth: 0 }));
}
