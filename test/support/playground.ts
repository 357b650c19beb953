/** Starts something to play with, describes it, and ends it at Ctrl-C. */
export async function playground<T extends { stop(): Promise<void> }>(
  start: () => Promise<T>,
  describe: (started: T) => string,
  gone: string,
): Promise<void> {
  const stopped = new Promise((resolve) => {
    process.once("SIGINT", resolve).once("SIGTERM", resolve);
  });
  const started = await start();
  process.stdout.write(describe(started));
  // The promise alone would not keep the process alive.
  const alive = setInterval(() => undefined, 60_000);
  await stopped;
  clearInterval(alive);
  await started.stop();
  process.stdout.write(`${gone}\n`);
}
