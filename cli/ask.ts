import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";

/** Asks on the terminal; only `yes`, or `y`, means yes. */
export async function agreed(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await answer(`${question} [y/N] `));
}

/** Asks on the terminal for a word that nobody types by habit. */
export async function typed(question: string, word: string): Promise<boolean> {
  return (await answer(`${question} Type ${word} to go on: `)) === word;
}

/** A value that nobody may see: typed on the terminal, which does not show it, or all that standard input has. */
export async function unseen(what: string): Promise<string> {
  if (!process.stdin.isTTY) {
    return text(process.stdin);
  }
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(`${what}\nIts value, which does not show: `);
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

async function answer(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}
