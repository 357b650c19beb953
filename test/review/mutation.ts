// How many faults in the rules about changes the corpus would find: each rule's file is changed in one place at a time, and the
// changed rule is asked about every change that there is. A mutant that no change tells from the original has survived.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ChangePlan } from "../../review/plan.ts";
import type { Rule } from "../../review/rule.ts";
import { RULES } from "../../review/rules/index.ts";
import { mutate, report, type Score } from "../support/mutants.ts";
import { BAD_CHANGES, GOOD_CHANGES, HIDDEN_CHANGES } from "./changes/index.ts";
import { factsOf, planOf, UNKNOWN } from "./plans.ts";

const FOLDER = resolve(import.meta.dirname, "../../review/rules");

const PLANS: ChangePlan[] = [
  ...[...BAD_CHANGES, ...GOOD_CHANGES].map(({ steps, more }) => planOf(steps, more)),
  ...HIDDEN_CHANGES.flatMap(({ steps }) => ["[secret]", UNKNOWN].map((value) => planOf(steps(value)))),
];

/** What a rule finds in all of them; a text, to be compared. */
function answers({ check }: Rule): string {
  return PLANS.map((plan) => {
    try {
      return check(plan).map(factsOf).join();
    } catch (error) {
      return String(error);
    }
  }).join("\n");
}

/** The rule that a file exports. */
async function load(file: string): Promise<Rule> {
  const names = RULES.map(({ name }) => name);
  const module = (await import(pathToFileURL(file).href)) as Record<string, Rule>;
  const rule = Object.values(module).find((each) => names.includes(each.name));
  if (rule === undefined) throw new Error(`${file} exports no rule`);
  return rule;
}

/** A rule's text with the imports that it needs elsewhere. */
function moved(text: string): string {
  return text.replaceAll(/from "(\.\/|\.\.\/)(?!\.)/g, (_, up: string) =>
    up === "./" ? 'from "../../review/rules/' : 'from "../../review/',
  );
}

const scores = new Map<string, Score>();
for (const name of readdirSync(FOLDER).filter((each) => each !== "index.ts")) {
  const rule = await load(join(FOLDER, name));
  const wanted = answers(rule);
  const isKilled = async (mutant: string): Promise<boolean> => answers(await load(mutant)) !== wanted;
  scores.set(rule.name, await mutate(join(FOLDER, name), moved, isKilled));
}
report(scores);
