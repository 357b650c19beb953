import { describe, expect, test } from "vitest";
import type { ItemState } from "../../../components/host/plan.ts";
import { nextRevision } from "../../../components/host/revision.ts";
import { blind, seen } from "../../support/observed.ts";

interface Case {
  state: ItemState;
  /** Revision in the host's record; undefined: no record. */
  recorded?: number;
  /** Revision that the stack kept; undefined: it has none. */
  kept?: number;
  read?: false;
  revision: number;
}

/** The revision that the plan gives to the item `file`. */
function plan({ state, recorded, kept, read }: Case): number {
  const record = { armed: false, ...(recorded === undefined ? {} : { revision: recorded }) };
  return nextRevision(
    "file",
    { state, sentence: "", wanted: "", observed: "" },
    {
      observation: read === false ? blind : seen({ items: { other: { armed: false, revision: 40 }, file: record } }),
      keptRevisions: { other: 50, ...(kept === undefined ? {} : { file: kept }) },
    },
  );
}

test.each<[string, Case]>([
  ["a fresh host: the item is applied for the first time", { state: "differs", revision: 1 }],
  ["a host that is as wanted before anything was applied", { state: "in sync", revision: 1 }],
  ["in sync, as recorded and kept: nothing to run", { state: "in sync", recorded: 3, kept: 3, revision: 3 }],
  ["differs: it is run again", { state: "differs", recorded: 3, kept: 3, revision: 4 }],
  ["differs, and was never recorded here", { state: "differs", kept: 3, revision: 4 }],
  ["an up that was killed: the record is ahead", { state: "in sync", recorded: 4, kept: 3, revision: 4 }],
  ["the same, and it differs again", { state: "differs", recorded: 4, kept: 3, revision: 5 }],
  ["a lost record of an item in sync: nothing to run", { state: "in sync", kept: 3, revision: 3 }],
  ["a record that is behind, and it differs", { state: "differs", recorded: 1, kept: 3, revision: 4 }],
  ["not measured on a host that was read", { state: "not measured", recorded: 3, kept: 2, revision: 3 }],
  ["blind: as the stack kept it", { state: "not measured", read: false, kept: 3, revision: 3 }],
  ["blind, and nothing was kept", { state: "not measured", read: false, revision: 1 }],
])("%s", (_, item) => {
  expect(plan(item)).toBe(item.revision);
});

describe("an item that counts for itself", () => {
  const sources = { observation: seen({ items: { file: { armed: false, revision: 9 } } }), keptRevisions: { file: 2 } };
  const inSync = { state: "in sync", sentence: "", wanted: "", observed: "" } as const;

  test("goes by its own record", () => {
    expect(nextRevision("file", inSync, sources, 5)).toBe(5);
    expect(nextRevision("file", { ...inSync, state: "differs" }, sources, 5)).toBe(6);
  });
});
