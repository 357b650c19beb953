// Writes docs/policies.md, the page of all rules of the policy pack and of the plan gate, from the rules themselves. `--check`
// writes nothing and fails when the page is stale.
import { resolveConfig, format } from "prettier";
import { RULES } from "../policies/rules/index.ts";
import type { Rule } from "../policies/support/site/rule.ts";
import type { Rule as ChangeRule } from "../review/rule.ts";
import { RULES as CHANGE_RULES } from "../review/rules/index.ts";
import { writeOrCheck } from "./generatedFile.ts";

const file = new URL("../docs/policies.md", import.meta.url);
const wanted = await format(page(), { ...(await resolveConfig(file)), parser: "markdown" });

writeOrCheck(
  file,
  wanted,
  "docs/policies.md does not match policies/rules and review/rules; run `node cli/policies.ts` and commit it",
);

function page(): string {
  const mandatory = RULES.filter(({ level }) => level === "mandatory").length;
  return [
    "# Policies",
    "",
    "<!-- Written by cli/policies.ts. -->",
    "",
    `${RULES.length} rules about what is declared: ${mandatory} are mandatory, which means that a run they object to fails, and ${RULES.length - mandatory} advisory.`,
    `${CHANGE_RULES.length} more are about changes, which only what was there before tells; all of those refuse.`,
    "`npm run review -- 1` asks them all, and so does `up`; plain Pulumi asks the first with `--policy-pack policies`. What a rule cannot decide, because a value is not known or not",
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
    "## About changes",
    "",
    "What they refuse, a person may approve, in `approvals.<site>.yaml`: for one plan, and up to a day. What they need and cannot see",
    "counts as refused.",
    "",
    ...CHANGE_RULES.flatMap(changeEntry),
  ].join("\n");
}

function entry({ name, level, reason, fix, source, example }: Rule): string[] {
  const said = `${level === "mandatory" ? "Mandatory" : "Advisory"}: ${reason} To mend it, ${fix}`;
  return [`### ${name}`, "", said, "", ...examples(example, source)];
}

function changeEntry({ name, refuses, reason, source, example }: ChangeRule): string[] {
  return [`### ${name}`, "", `Refuses ${refuses}: ${reason}.`, "", ...examples(example, source)];
}

function examples({ refused, accepted }: Rule["example"], source: string): string[] {
  return [
    `- refused: \`${refused.replaceAll("`", "'")}\``,
    `- accepted: \`${accepted.replaceAll("`", "'")}\``,
    `- source: ${source.replaceAll(/[*_<>]/g, String.raw`\$&`)}`,
    "",
  ];
}
