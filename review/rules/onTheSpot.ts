import type { Rule } from "../rule.ts";

/** What the program itself refuses because of what it found on the host and on the cluster. */
export const onTheSpot: Rule = {
  name: "on-the-spot",
  refuses: "what cannot be applied to what is there: the host's items and the cluster's objects say so themselves",
  reason: "what is there already is another's, or holds data",
  source: "components/host, components/cluster/ownership.ts",
  example: {
    refused: "a CronJob of the same name is there, made by somebody else",
    accepted: "the same, named under cluster.takeOver",
  },
  check: ({ items, cluster }) => [
    ...items
      .filter(({ refused }) => refused === true)
      .map(({ name, sentence, wanted, observed }) => ({
        resource: name,
        called: name,
        field: "host",
        old: observed,
        new: wanted,
        why: sentence,
        wayOut: "see the sentence; the host is changed by hand, or the site file follows it",
        final: true as const,
      })),
    ...cluster.refusals.map((refusal) => {
      // `CronJob twisterlab/redis-drill is there already, ...`
      const resource = refusal.split(" ").slice(0, 2).join(" ");
      return {
        resource,
        called: resource,
        field: "cluster",
        why: refusal,
        wayOut: "see the sentence",
        final: true as const,
      };
    }),
  ],
};
