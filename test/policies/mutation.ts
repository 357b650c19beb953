// How many faults in the rules their tables would find: each rule's file is changed in one place at a time, and the changed rule is
// asked all that its table has. A mutant that no case tells from the original has survived.
//
// Not by a mutation tool with the test runner behind it: a rule is asked in milliseconds, the runner takes seconds to begin.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import type { Field } from "../../policies/support/field.ts";
import { UNKNOWN } from "../../policies/support/field.ts";
import type { Facts, Rule } from "../../policies/support/site/rule.ts";
import { broken, verdictsOf } from "./judging.ts";
import { changed, NOW, siteOf, throughTheEngine, type Change, type Inputs, type Table } from "./table.ts";
import { TABLES } from "./tables/index.ts";

const LEAST = 0.9;
const PROJECT = resolve(import.meta.dirname, "../..");
const FOLDER = join(PROJECT, "policies/rules");
const SITE = siteOf();

/** One change of a text. */
interface Mutant {
  start: number;
  end: number;
  text: string;
  line: number;
}

const BINARY: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: "!==",
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: "===",
  [ts.SyntaxKind.LessThanToken]: "<=",
  [ts.SyntaxKind.LessThanEqualsToken]: "<",
  [ts.SyntaxKind.GreaterThanToken]: ">=",
  [ts.SyntaxKind.GreaterThanEqualsToken]: ">",
  [ts.SyntaxKind.AmpersandAmpersandToken]: "||",
  [ts.SyntaxKind.BarBarToken]: "&&",
  [ts.SyntaxKind.PlusToken]: "-",
  [ts.SyntaxKind.MinusToken]: "+",
  [ts.SyntaxKind.AsteriskToken]: "/",
  [ts.SyntaxKind.SlashToken]: "*",
};
const METHODS: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  startsWith: "endsWith",
  filter: "slice",
};
/** What a rule says of itself decides nothing. */
const WORDS = ["name", "audience", "level", "reason", "source", "fix", "example", "what"];

/** Every place in a rule where one thing can be another. */
function mutantsOf(source: ts.SourceFile): Mutant[] {
  const mutants: Mutant[] = [];
  const add = (node: ts.Node, text: string): void => {
    const start = node.getStart(source);
    mutants.push({ start, end: node.getEnd(), text, line: source.getLineAndCharacterOfPosition(start).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isPropertyAssignment(node) && WORDS.includes(node.name.getText(source))) return;
    if (ts.isBinaryExpression(node)) {
      const other = BINARY[node.operatorToken.kind];
      if (other !== undefined) add(node.operatorToken, other);
      if (node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken && ts.isNumericLiteral(node.right))
        add(node.right, "1e9");
    }
    if (ts.isIfStatement(node)) {
      add(node.expression, "true");
      add(node.expression, "false");
    }
    if (ts.isConditionalExpression(node)) add(node.condition, `!(${node.condition.getText(source)})`);
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText(source));
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "false");
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "true");
    if (ts.isNumericLiteral(node)) add(node, `(${node.text} + 1)`);
    // A text of three words or more is for people.
    if (ts.isStringLiteral(node) && node.text !== "" && node.text.split(" ").length < 3) add(node, `"mutant"`);
    if (ts.isRegularExpressionLiteral(node)) add(node, "/(?!)/");
    if (ts.isYieldExpression(node)) add(node, "undefined");
    if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) add(node, "[]");
    const method = ts.isPropertyAccessExpression(node) ? METHODS[node.name.text] : undefined;
    if (method !== undefined && ts.isPropertyAccessExpression(node)) add(node.name, method);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

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

let [killed, survived] = [0, 0];
for (const file of files(process.argv.slice(2))) {
  const text = readFileSync(file, "utf8");
  const rule = await load(file);
  const table = TABLES[rule.name];
  if (table === undefined) throw new Error(`${rule.name} has no table`);
  const wanted = allAnswers(rule, table);
  // In a folder that git, types and lint pass over, two below the project; a name for each mutant, since a module is only loaded once.
  mkdirSync(join(PROJECT, "coverage"), { recursive: true });
  const scratch = mkdtempSync(join(PROJECT, "coverage/mutants-"));
  const left: string[] = [];
  try {
    for (const [index, { start, end, text: other, line }] of mutantsOf(
      ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true),
    ).entries()) {
      const mutant = join(scratch, `${index}.ts`);
      writeFileSync(mutant, moved(text.slice(0, start) + other + text.slice(end)));
      const isKilled = await load(mutant).then(
        (changedRule) => {
          const told = allAnswers(changedRule, table);
          return told.some((answer, at) => answer !== wanted[at]);
        },
        // It does not even load.
        () => true,
      );
      if (isKilled) killed += 1;
      else left.push(`  line ${line}: ${text.slice(start, end).replaceAll(/\s+/g, " ").slice(0, 60)} -> ${other}`);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  survived += left.length;
  if (left.length > 0) console.log([rule.name, ...left].join("\n"));
}
const share = killed / (killed + survived);
console.log(
  `${killed} of ${killed + survived} mutants killed: ${(share * 100).toFixed(1)} %, at least ${LEAST * 100} % wanted`,
);
process.exitCode = share >= LEAST ? 0 : 1;
