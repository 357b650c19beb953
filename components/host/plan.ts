import * as pulumi from "@pulumi/pulumi";

/** How what a host item wants compares with what was observed. */
export type ItemState = "in sync" | "will change" | "not measured";

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

/** Prints the plan of an item under the item's own name. */
export function announce(plan: ItemPlan, { why }: Reason, resource: pulumi.Resource): void {
  void pulumi.log.info(`${plan.state}: ${plan.sentence}; because ${why}`, resource);
}

/** Bytes as a reviewer reads them: GiB with one decimal, or MiB below one GiB. */
export function gib(bytes: number): string {
  const value = bytes / 2 ** 30;
  if (value < 1) {
    return `${Math.round(bytes / 2 ** 20)} MiB`;
  }
  return `${Number(value.toFixed(1))} GiB`;
}
