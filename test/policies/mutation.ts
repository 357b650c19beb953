// How many faults in the rules their tables would find: each rule's file is changed in one place at a time, and the changed rule is
// asked all that its table has. A mutant that no case tells from the original has survived.
//
// Not by a mutation tool with the test runner behind it: a rule is asked in milliseconds, the runner takes seconds to begin.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Field } from "../../policies/support/field.ts";
import { UNKNOWN } from "../../policies/support/field.ts";
import type { Facts, Rule } from "../../policies/support/site/rule.ts";
import { mutate, report, type Score } from "../support/mutants.ts";
import { broken, verdictsOf } from "./judging.ts";
import { changed, NOW, siteOf, throughTheEngine, type Change, type Inputs, type Table } from "./table.ts";
import { TABLES } from "./tables/index.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const FOLDER = join(PROJECT, "policies/rules");
const SITE = siteOf();

/** All that a rule says to all cases of its table; a text, to be compared. */
function answers(rule: Rule, table: Table, facts: Facts): string[] {
  const cases: Change[] = [
    () => undefined,
    ...Object.values(table.accepted ?? {}),
    ...Object.values(table.waits ?? {}),
    ...Object.values(broken(table)),
    ...[...(table.unknown ?? []), ...(table.pending ?? [])].map((path): Change => [path, UNKNOWN]),
  ];
  return cases.map((change) => {
    const ask = (wrap?: (inputs: Inputs) => Field): string => {
      try {
        return verdictsOf(rule, changed(table.base, change), facts, wrap)
          .map(({ kind, urn }) => `${kind} ${urn ?? ""}`)
          .join();
      } catch (error) {
        return String(error);
      }
    };
    return ask() || ask(throughTheEngine);
  });
}

function allAnswers(rule: Rule, table: Table): string[] {
  return [table, ...(table.also === undefined ? [] : [table.also])].flatMap((each) =>
    answers(rule, each, { site: each.site === undefined ? SITE : siteOf(each.site), now: NOW }),
  );
}

/** The rule that a file exports. */
async function load(file: string): Promise<Rule> {
  const module = (await import(pathToFileURL(file).href)) as Record<string, Rule>;
  const [rule] = Object.values(module).filter((each) => typeof each.name === "string" && each.name in TABLES);
  if (rule === undefined) throw new Error(`${file} exports no rule`);
  return rule;
}

/** A rule's text with the imports that it needs elsewhere. */
function moved(text: string): string {
  return text.replaceAll(
    /from "((?:\.\.\/)+)/g,
    (_, up: string) => `from "../../${up === "../../" ? "policies/" : ""}`,
  );
}

/** The files of the rules whose name has one of these words; all of them without. */
function files(words: readonly string[]): string[] {
  return ["any", "site"]
    .flatMap((part) => readdirSync(join(FOLDER, part)).map((name) => join(FOLDER, part, name)))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
}

const scores = new Map<string, Score>();
for (const file of files(process.argv.slice(2))) {
  const rule = await load(file);
  const table = TABLES[rule.name];
  if (table === undefined) throw new Error(`${rule.name} has no table`);
  const wanted = allAnswers(rule, table);
  const isKilled = async (mutant: string): Promise<boolean> =>
    allAnswers(await load(mutant), table).some((answer, at) => answer !== wanted[at]);
  scores.set(rule.name, await mutate(file, moved, isKilled));
}
report(scores);
