/** How what a host item wants compares with what was observed. */
export type ItemState = "in sync" | "differs" | "not measured";

/** One line of a preview: what will happen to a host item, and why. */
export interface ItemPlan {
  state: ItemState;
  /** One sentence for a reviewer, without a secret. */
  sentence: string;
}

/** What every host item is given beside what it does. */
export interface Reason {
  /** Why the phase wants it, as a reviewer reads it after "because". */
  why: string;
}

/** The plans of a phase's host items, in the order in which they will be carried out. */
export class PlanReport {
  readonly #items: (ItemPlan & Reason & { name: string })[] = [];

  add(name: string, plan: ItemPlan, { why }: Reason): void {
    this.#items.push({ name, ...plan, why });
  }

  /** The report as a page: a numbered item, what will happen to it, and why. */
  toString(): string {
    return this.#items
      .map(
        ({ name, state, sentence, why }, index) => `${index + 1}. ${name} (${state}): ${sentence}\n   because ${why}`,
      )
      .join("\n");
  }
}

/** Bytes as a reviewer reads them: GiB with one decimal, or MiB below one GiB. */
export function gib(bytes: number): string {
  const value = bytes / 2 ** 30;
  if (value < 1) {
    return `${Math.round(bytes / 2 ** 20)} MiB`;
  }
  return `${Number(value.toFixed(1))} GiB`;
}
