import { createInterface } from "node:readline/promises";

/** Asks on the terminal; only `yes`, or `y`, means yes. */
export async function agreed(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await answer(`${question} [y/N] `));
}

/** Asks on the terminal for a word that nobody types by habit. */
export async function typed(question: string, word: string): Promise<boolean> {
  return (await answer(`${question} Type ${word} to go on: `)) === word;
}

async function answer(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}
