/** Milliseconds until the first line about a task, and between two lines about it. */
const FIRST = 1_000;
const INTERVAL = 10_000;

/** Says a line about a task that takes more than a second, and one every 10 seconds until it ends, with its latest detail. */
export async function withProgress<T>(
  say: (line: string) => void,
  what: string,
  task: (detail: (text: string) => void) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let latest = "";
  const word = (): void => {
    say(`${what} ... ${seconds(start)} s${latest === "" ? "" : `, ${latest}`}`);
    timer = setTimeout(word, INTERVAL);
  };
  let timer = setTimeout(word, FIRST);
  try {
    return await task((text) => {
      latest = text;
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Whole seconds since a `performance.now()`. */
export function seconds(start: number): number {
  return Math.round((performance.now() - start) / 1000);
}
