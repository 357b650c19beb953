import { bothAt, called, type Change, type ChangePlan } from "./plan.ts";
import { shownReading, type Reading } from "./values.ts";

/** Something that a rule found in a plan. */
export interface Finding {
  /** URN of the resource; of the rule `bypass`, the flag. */
  resource: string;
  /** As people call it. */
  called: string;
  field?: string;
  /** What stood there, and what will; secrets as `[secret]`. */
  old?: string;
  new?: string;
  /** What is wrong with it. */
  why: string;
  /** What to do instead. */
  wayOut: string;
  /** The rule could not see what it needs: refused all the same. */
  undecided?: true;
  /** No approval helps: `up` itself would stop there. */
  final?: true;
}

/** A rule about changes. One file each; see CONTRIBUTING.md. */
export interface Rule {
  /** Name, as an approval writes it. */
  readonly name: string;
  /** What it refuses, in one line. */
  readonly refuses: string;
  /** Why. */
  readonly reason: string;
  /** Where that is known from. */
  readonly source: string;
  /** A change that it refuses, and one that it lets pass. */
  readonly example: { readonly refused: string; readonly accepted: string };
  readonly check: (plan: ChangePlan) => Finding[];
}

export function finding(change: Change, words: Omit<Finding, "resource" | "called">): Finding {
  return { resource: change.urn, called: called(change), ...words };
}

/** What a field was and will be, for a finding. */
export function fieldOf(field: string, { old, new: next }: { old: Reading; new: Reading }) {
  return { field, old: shownReading(old, field), new: shownReading(next, field) };
}

/** The finding that a rule cannot see what it needs. */
export function undecided(change: Change, path: string, what: string): Finding {
  return finding(change, {
    ...fieldOf(path, bothAt(change, path)),
    why: `cannot decide whether ${what}: it is not shown`,
    wayOut: "look at it where it can be seen, and approve it with what was found as the reason",
    undecided: true,
  });
}

/** A number that must not fall, or must not rise. */
export interface Limit {
  path: string;
  /** What it is when it does, as a sentence says it: `backups are kept for less time`. */
  worse: string;
  wayOut: string;
  /** It must not rise. Default false: it must not fall. */
  ceiling?: true;
}

/** Findings for each number of a changed resource that is worse, that is no more, or that nobody can see. */
export function worsened(change: Change, limits: readonly Limit[]): Finding[] {
  if (change.old === undefined || change.new === undefined) {
    return [];
  }
  return limits.flatMap(({ path, worse, wayOut, ceiling }) => {
    const both = bothAt(change, path);
    if (both.old.is === "absent") {
      return [];
    }
    if (both.old.is === "hidden" || both.new.is === "hidden") {
      return change.ops.has("same") ? [] : [undecided(change, path, worse)];
    }
    const [before, after] = [toNumber(both.old), toNumber(both.new)];
    if (before === undefined || (after === undefined && both.new.is === "value")) {
      return shownReading(both.old) === shownReading(both.new) ? [] : [undecided(change, path, worse)];
    }
    return after === undefined || (ceiling === true ? after > before : after < before)
      ? [finding(change, { ...fieldOf(path, both), why: worse, wayOut })]
      : [];
  });
}

/** A number, or the text of one. */
export function toNumber(reading: Reading): number | undefined {
  if (reading.is !== "value" || reading.value === "") {
    return undefined;
  }
  const number = typeof reading.value === "boolean" ? Number.NaN : Number(reading.value);
  return Number.isFinite(number) ? number : undefined;
}
