import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";

const PROJECT = resolve(import.meta.dirname, "../..");

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
/** Nor does what it says to people of something that it found. */
const SAID = ["why", "wayOut", "worse", "meanwhile", "called"];

/** Every place in a text where one thing can be another. */
function mutantsOf(source: ts.SourceFile): Mutant[] {
  const mutants: Mutant[] = [];
  const add = (node: ts.Node, text: string): void => {
    const start = node.getStart(source);
    mutants.push({ start, end: node.getEnd(), text, line: source.getLineAndCharacterOfPosition(start).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isPropertyAssignment(node) && WORDS.includes(node.name.getText(source))) return;
    if ((ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) && SAID.includes(node.name.getText(source)))
      return;
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
    // A text of three words or more is for people, and so is what lists are joined with.
    if (ts.isStringLiteral(node) && node.text !== "" && node.text !== ", " && node.text.split(" ").length < 3)
      add(node, `"mutant"`);
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

/** What became of the mutants of one file. */
export interface Score {
  killed: number;
  /** Those that nobody noticed, a line each. */
  survived: string[];
}

/**
 * Changes a file in one place at a time, and asks of each mutant whether it is noticed.
 * @param moved the text with the imports that it needs in a folder two below the project.
 * @param isKilled whether the mutant in this file is told from the original.
 */
export async function mutate(
  file: string,
  moved: (text: string) => string,
  isKilled: (mutant: string) => Promise<boolean>,
): Promise<Score> {
  const text = readFileSync(file, "utf8");
  // In a folder that git, types and lint pass over; a name for each mutant, since a module is only loaded once.
  mkdirSync(join(PROJECT, "coverage"), { recursive: true });
  const scratch = mkdtempSync(join(PROJECT, "coverage/mutants-"));
  const score: Score = { killed: 0, survived: [] };
  try {
    const mutants = mutantsOf(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true));
    for (const [index, { start, end, text: other, line }] of mutants.entries()) {
      const mutant = join(scratch, `${index}.ts`);
      writeFileSync(mutant, moved(text.slice(0, start) + other + text.slice(end)));
      // One that does not even load is noticed.
      if (await isKilled(mutant).catch(() => true)) {
        score.killed += 1;
      } else {
        const was = text.slice(start, end).replaceAll(/\s+/g, " ").slice(0, 60);
        score.survived.push(`  line ${line}: ${was} -> ${other}`);
      }
    }
    return score;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Share of the mutants that must be noticed. */
const LEAST = 0.9;

/** Prints what survived, and the share; the process is to fail when that is too little. */
export function report(scores: ReadonlyMap<string, Score>): void {
  for (const [name, { survived }] of scores) {
    if (survived.length > 0) {
      console.log([name, ...survived].join("\n"));
    }
  }
  const sum = (count: (score: Score) => number): number =>
    [...scores.values()].reduce((all, one) => all + count(one), 0);
  const killed = sum((score) => score.killed);
  const all = killed + sum((score) => score.survived.length);
  const share = killed / all;
  console.log(`${killed} of ${all} mutants killed: ${(share * 100).toFixed(1)} %, at least ${LEAST * 100} % wanted`);
  process.exitCode = share >= LEAST ? 0 : 1;
}
