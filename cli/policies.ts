// Writes docs/policies.md, the page of all rules of the policy pack, from the rules themselves. `--check` writes nothing and
// fails when the page is stale.
import { resolveConfig, format } from "prettier";

import { RULES } from "../policies/rules/index.ts";
import type { Rule } from "../policies/support/site/rule.ts";
import { writeOrCheck } from "./generatedFile.ts";

const file = new URL("../docs/policies.md", import.meta.url);
const wanted = await format(page(), { ...(await resolveConfig(file)), parser: "markdown" });

writeOrCheck(file, wanted, "docs/policies.md does not match policies/rules; run `node cli/policies.ts` and commit it");

function page(): string {
  const mandatory = RULES.filter(({ level }) => level === "mandatory").length;
  return [
    "# Policies",
    "",
    "<!-- Written by cli/policies.ts. -->",
    "",
    `${RULES.length} rules: ${mandatory} are mandatory, which means that a run they object to fails, and ${RULES.length - mandatory} advisory.`,
    "`npm run preview -- 1 --policy-pack policies` asks them all. What a rule cannot decide, because a value is not known or not",
    "there, counts as refused; what nobody can know before `up` is told as `not-ready-to-apply`, and decided there before anything",
    "is touched.",
    "",
    "An exemption stands in the site file, under `policies.exemptions`, with a resource, a reason and a last day; every run lists",
    "them. `--policy-pack-config` makes no rule softer: a run that tries fails.",
    "",
    "## For every program with Kubernetes or @pulumi/command",
    "",
    ...RULES.filter(({ audience }) => audience === "any").flatMap(entry),
    "## Of this site",
    "",
    "They go by what the site file says.",
    "",
    ...RULES.filter(({ audience }) => audience === "site").flatMap(entry),
  ].join("\n");
}

function entry({ name, level, reason, fix, source, example }: Rule): string[] {
  return [
    `### ${name}`,
    "",
    `${level === "mandatory" ? "Mandatory" : "Advisory"}: ${reason} To mend it, ${fix}`,
    "",
    `- refused: \`${example.refused.replaceAll("`", "'")}\``,
    `- accepted: \`${example.accepted.replaceAll("`", "'")}\``,
    `- source: ${source.replaceAll(/[*_<>]/g, String.raw`\$&`)}`,
    "",
  ];
}
