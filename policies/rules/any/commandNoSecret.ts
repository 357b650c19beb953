import { commandTexts, isCommand } from "../../support/resource.ts";
import { commandHoldsSecret } from "../../support/secrets.ts";
import type { AnyRule } from "../../support/rule.ts";

const PENDING = "is not known yet; it is looked at in up, before it runs";

/** No command line has a secret in it. */
export const commandNoSecret: AnyRule = {
  name: "command-no-secret",
  audience: "any",
  level: "mandatory",
  reason: "a command line is shown by `ps` on the host, in error texts and in logs.",
  source: "CIS 5.4.1 for pods; for commands no public linter has it",
  fix: "hand it over by `stdin`, as a secret, and read it there.",
  example: {
    refused: "create: 'mysql --password=hunter2'",
    accepted: "create: 'mysql --defaults-file=/dev/stdin', stdin: secret",
  },
  *check(resource) {
    if (!isCommand(resource)) return;
    for (const field of commandTexts(resource)) {
      if (field.isUnknown) yield { what: `${field.path} ${PENDING}`, pending: true };
      else if (commandHoldsSecret(field.text() ?? "")) yield { what: `${field.path} has a secret in its text` };
    }
  },
};
