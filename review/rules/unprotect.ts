import { isDestroyed, isDeleted, isInternal } from "../plan.ts";
import { finding, type Rule } from "../rule.ts";

export const unprotect: Rule = {
  name: "unprotect",
  refuses: "taking the protection off something, and more so together with anything that is deleted or replaced",
  reason: "Pulumi unprotects and replaces in one run without a word, so what was protected is gone with the same yes",
  source: "engine 3.250.0 asks for the protection of the old and the new state; research C03",
  example: {
    refused: "a Namespace loses protect, and another object is replaced in the same plan",
    accepted: "nothing loses protect; or the loss alone, in a plan of its own, approved",
  },
  check: ({ changes }) => {
    const destroyed = changes.filter((change) => isDestroyed(change) && !isInternal(change));
    return changes.flatMap((change) => {
      if (change.old?.protect !== true || (change.new?.protect === true && !isDestroyed(change))) {
        return [];
      }
      const field = { field: "protect", old: "true", new: change.new === undefined ? "deleted" : "false" };
      if (isDeleted(change)) {
        return [
          finding(change, {
            ...field,
            why: "is protected, and is deleted",
            wayOut: "leave it in the site file; to give it up, see Going back in the README",
            final: true,
          }),
        ];
      }
      return [
        destroyed.length > 0
          ? finding(change, {
              ...field,
              why: `loses its protection in a plan that deletes or replaces ${destroyed.length} resources`,
              wayOut: "unprotect in a plan of its own, apply it, and make the other change after that",
              final: true,
            })
          : finding(change, {
              ...field,
              why: "loses its protection: after this, deleting it takes one word",
              wayOut: "leave it protected, or approve it",
            }),
      ];
    });
  },
};
