import { bothAt, type Change, isAltered } from "../plan.ts";
import { fieldOf, finding, undecided, type Rule } from "../rule.ts";
import { textAt } from "../values.ts";

/** The parts of a command's text that only say how often it ran, or in whose name. */
const COUNTERS = / --revision \d+| -- [0-9a-f]{64} \S+ \d+$/g;

export const rollbackRemoved: Rule = {
  name: "rollback-removed",
  refuses: "taking away the undo of a command, or changing it while the command stays the same",
  reason: "what an earlier run has changed can then no longer be taken back, and nobody notices before it is needed",
  source: "@pulumi/command runs the `delete` that the state has; research C09",
  example: { refused: "a command with delete loses it", accepted: "its create, update and delete change together" },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      if (!/^command:(remote|local):Command$/.test(change.type) || !isAltered(change)) {
        return [];
      }
      const both = bothAt(change, "delete");
      if (both.old.is === "absent" || (both.old.is === "value" && both.old.value === "")) {
        return [];
      }
      if (both.old.is === "hidden" || both.new.is === "hidden") {
        return [undecided(change, "delete", "the command keeps its undo")];
      }
      if (both.new.is === "absent" || both.new.value === "") {
        const why = "the command has no undo any more: what it has changed so far stays";
        return [
          finding(change, { ...fieldOf("delete", both), why, wayOut: "keep the `delete`, or undo first and approve" }),
        ];
      }
      return !isAnother(change, "delete") || isAnother(change, "create")
        ? []
        : [
            finding(change, {
              ...fieldOf("delete", both),
              why: "another undo for the same command: it never saw what the old one was to take back",
              wayOut: "leave the `delete`; or change it together with the command, and see that it undoes both",
            }),
          ];
    }),
};

/** Whether a text of the command is known to be another one, and not only for how often it ran. */
function isAnother({ old, new: next }: Change, path: string): boolean {
  const [before, after] = [old, next].map((state) => textAt(state?.inputs, path)?.replaceAll(COUNTERS, ""));
  return before !== undefined && after !== undefined && before !== after;
}
