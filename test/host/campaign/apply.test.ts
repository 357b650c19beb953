import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprint, managedBox, type ManagedBox } from "../support/managedBox.ts";

/** The main path: a fresh EdgeServer, phases 0 and 1 applied, what they did re-read without our scripts, and taken back. */
let edge: ManagedBox;

beforeAll(async () => {
  // The benchmark reads for a minute and changes nothing.
  edge = await managedBox({ changes: [[["twisterlab-edge:phase1", "diskBenchmark"], undefined]] });
});

afterAll(async () => {
  await edge.stop();
});

const UNCHANGED = /(\d+) unchanged/;
const changes = (output: string): string[] => output.match(/\d+ (to create|to update|to delete|to replace)/g) ?? [];

describe("a fresh host", () => {
  test("previews change nothing on it", async () => {
    const before = await fingerprint(edge);
    for (const phase of [0, 1]) {
      expect(changes(await edge.succeed("preview", phase))).toEqual([expect.stringMatching(/^\d+ to create$/)]);
    }
    expect(await fingerprint(edge)).toBe(before);
  });

  test("shows every item as drift", async () => {
    const { code, items } = await edge.drift(1);
    expect(code).toBe(20);
    expect(items.filter(({ state }) => state !== "differs").map(({ name }) => name)).toEqual([]);
  });
});

describe.each([0, 1])("phase %i", (phase) => {
  test("is applied", async () => {
    const output = await edge.succeed("up", phase);
    expect(changes(output)).toEqual([expect.stringMatching(/^\d+ created$/)]);
  });

  test("is in sync afterwards", async () => {
    const { code, items } = await edge.drift(phase);
    expect(items.filter(({ state }) => state !== "in sync")).toEqual([]);
    expect(code).toBe(0);
  });

  test("has nothing to do the second time, and the preview of a managed host changes nothing on it", async () => {
    const before = await fingerprint(edge);
    const preview = await edge.succeed("preview", phase);
    expect(changes(preview)).toEqual([]);
    expect(preview).toMatch(UNCHANGED);
    expect(await fingerprint(edge)).toBe(before);
    expect(changes(await edge.succeed("up", phase))).toEqual([]);
  });
});
