import type { Observation } from "./observation.ts";

/** How what a host item wants compares with what was observed. */
export type ItemState = "in sync" | "differs" | "not measured";

/** What a host item wants, what is there, and what applying it does. No secret is in any of it. */
export interface ItemPlan {
  state: ItemState;
  /** One sentence for a reviewer: what will happen, with both values where they differ. */
  sentence: string;
  /** What the site file asks for, in a few words. */
  wanted: string;
  /** What the host has, in a few words; `NOT_READ` when nobody could look. */
  observed: string;
  /** What is there rules it out: `up` refuses the whole run, before it touches anything; the sentence says why. Default false. */
  refused?: boolean;
  /** Things on the host that nobody declared and that a reviewer wants to know of. They are left alone. */
  notes?: readonly string[];
}

/** `observed` of an item that could not be looked at. */
export const NOT_READ = "not read";

/** What every host item is given beside what it does. */
export interface Reason {
  /** Why the phase wants it, as a reviewer reads it after "because". */
  why: string;
}

/** A service that is away while an item is applied. */
export interface Restart {
  service: "Docker" | "K3s" | "journald";
  /** Seconds that it is away at most: after them the change counts as failed, and is taken back. Left out: nobody can tell. */
  seconds?: number;
  /** What becomes of those who need it. */
  meanwhile: string;
}

/** An item as the report keeps it. */
export interface ReportedItem extends ItemPlan, Reason {
  name: string;
  /** How often it had to be applied: a number that goes up makes Pulumi run it again. */
  revision: number;
  /** Services that are away while it is applied; left out: none. */
  restarts?: readonly Restart[];
  /** How the change is taken back, or that it cannot be. */
  undo: string;
}

/** The plans of a phase's host items, in the order in which they will be carried out. */
export class PlanReport {
  readonly #items: ReportedItem[] = [];

  add(item: ReportedItem): void {
    this.#items.push(item);
  }

  get items(): readonly ReportedItem[] {
    return this.#items;
  }

  /** The items that `up` refuses, as lines; empty when it goes on. */
  get refusals(): string {
    return this.#items
      .filter(({ refused }) => refused === true)
      .map(({ name, sentence }) => `  - ${name}: ${sentence}`)
      .join("\n");
  }

  /** The items' revisions by their names, as the stack keeps them for a preview that cannot ask the host. */
  get revisions(): Record<string, number> {
    return Object.fromEntries(this.#items.map(({ name, revision }) => [name, revision]));
  }

  /** The report as a page: a numbered item, what will happen to it, why, and what else is worth knowing. */
  toString(): string {
    return this.#items
      .map(({ name, state, sentence, why, notes = [] }, index) =>
        [
          `${index + 1}. ${name} (${state}): ${sentence}`,
          `   because ${why}`,
          ...notes.map((note) => `   note: ${note}`),
        ].join("\n"),
      )
      .join("\n");
  }
}

/**
 * The plan of something that is done once (a measurement, a cleaning) and has no state to compare: done or not.
 * @param doing what it does, in one sentence.
 */
export function planRun(name: string, doing: string, observation: Observation): ItemPlan {
  const wanted = "done once";
  if ("blind" in observation) {
    return { state: "not measured", sentence: doing, wanted, observed: NOT_READ };
  }
  return observation.facts.items[name]?.revision === undefined
    ? { state: "differs", sentence: doing, wanted, observed: "not done yet" }
    : { state: "in sync", sentence: `was done on this host: ${doing}`, wanted, observed: "done" };
}

/** Bytes as a reviewer reads them: GiB with one decimal, or MiB below one GiB. */
export function gib(bytes: number): string {
  const value = bytes / 2 ** 30;
  if (value < 1) {
    return `${Math.round(bytes / 2 ** 20)} MiB`;
  }
  return `${Number(value.toFixed(1))} GiB`;
}
