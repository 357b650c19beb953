import { isCommand } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A command that undoes itself says how it is changed. */
export const commandDeleteWithUpdate: AnyRule = {
  name: "command-delete-with-update",
  audience: "any",
  level: "mandatory",
  reason:
    "without `update` any change runs `create` over what is there, and what `delete` would bring back is the wrong state.",
  source: "pulumi-command: create runs again without update; no public linter has it",
  fix: "write `update`, the same idempotent text as `create` where there is nothing else to do.",
  example: { refused: "{ create, delete }", accepted: "{ create, update, delete }" },
  *check(resource) {
    if (!isCommand(resource) || resource.inputs.at("delete").isAbsent) return;
    const update = resource.inputs.at("update");
    if (!update.isUnknown && (update.text() ?? "").trim() === "") yield { what: "it has `delete` and no `update`" };
  },
};
