import { bothAt, isReplaced } from "../plan.ts";
import { fieldOf, finding, undecided, type Rule } from "../rule.ts";

export const rollbackAfterReplace: Rule = {
  name: "rollback-after-replace",
  refuses: "replacing a command that has an undo",
  reason: "a replacement runs the new command first and the OLD undo after it, which takes the new change back again",
  source: "@pulumi/command 1.2.1: `triggers` always replace; the engine creates before it deletes; research C10",
  example: { refused: "a command with delete gets other triggers", accepted: "its text changes, and update runs" },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      if (!/^command:(remote|local):Command$/.test(change.type) || !isReplaced(change)) {
        return [];
      }
      const both = bothAt(change, "delete");
      if (both.old.is === "hidden") {
        return [undecided(change, "delete", "an undo runs after the replacement")];
      }
      const cause = change.replacedFor[0] ?? "triggers";
      return both.old.is === "absent" || both.old.value === ""
        ? []
        : [
            finding(change, {
              ...fieldOf(cause, bothAt(change, cause.replace(/\[.*$/, ""))),
              why: "is replaced, and the undo of before would run after the new command",
              wayOut: "take the `triggers` out: any other change runs `update`; a revision in its text does as well",
            }),
          ];
    }),
};
