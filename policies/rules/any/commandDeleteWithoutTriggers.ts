import { isCommand } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A command that undoes itself has no triggers. */
export const commandDeleteWithoutTriggers: AnyRule = {
  name: "command-delete-without-triggers",
  audience: "any",
  level: "mandatory",
  reason:
    "a trigger replaces the command, and the old `delete` then runs after the new `create`: it undoes the new state.",
  source: "pulumi-command: triggers replace, create before delete; no public linter has it",
  fix: "take `triggers` out and let a changed text run `update`.",
  example: { refused: "{ create, delete, triggers: [hash] }", accepted: "{ create, update, delete }" },
  *check(resource) {
    if (!isCommand(resource) || resource.inputs.at("delete").isAbsent) return;
    if (!resource.inputs.at("triggers").isAbsent) yield { what: "it has `delete` and `triggers`" };
  },
};
