import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { withProgress } from "../../../toolchain/progress.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("says something after a second and then every 10 seconds, until the task ends", async () => {
  const said: string[] = [];
  const task = withProgress(
    (line) => said.push(line),
    "engine: building",
    async (detail) => {
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      detail("7 of 9");
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      return "done";
    },
  );
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await task).toBe("done");
  expect(said).toEqual([
    "engine: building ... 1 s",
    "engine: building ... 11 s, 7 of 9",
    "engine: building ... 21 s, 7 of 9",
  ]);
});

it("says nothing about a short task, and nothing more about a failed one", async () => {
  const said: string[] = [];
  await expect(
    withProgress(
      (line) => said.push(line),
      "engine: downloading",
      () => Promise.reject(new Error("refused")),
    ),
  ).rejects.toThrow("refused");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said).toEqual([]);
});
