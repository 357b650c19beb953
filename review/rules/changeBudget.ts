import type { Restart } from "../../components/host/plan.ts";
import { RESTARTS } from "../../components/host/restarts.ts";
import { type Change, type ChangePlan, isChanged, isReplaced } from "../plan.ts";
import type { Finding, Rule } from "../rule.ts";
import { textAt } from "../values.ts";

/** Replacements in one plan: more than this nobody reads one by one. Research C27. */
const REPLACEMENTS = 3;

/** Items in one plan that restart something: each is followed by its own check, and yet the second meets what the first left. */
const RESTARTING = 1;

export const changeBudget: Rule = {
  name: "change-budget",
  refuses: `more than ${REPLACEMENTS} replacements in one plan, or changes of more than ${RESTARTING} item that restart a service`,
  reason: "of many changes at once nobody can tell which one it was",
  // What holds data is refused one by one by `stateful-destroy`. Items that are new do not count: to apply a phase for the first
  // time is what its page is for.
  source: "OPA's blast radius for Terraform; research C26, C27",
  example: {
    refused: "daemon.json and registries.yaml change in one plan: Docker and K3s are both restarted",
    accepted: "one of them changes",
  },
  check: (plan) => {
    const replaced = plan.changes.filter(isReplaced);
    const restarting = plan.destroys
      ? []
      : plan.changes.filter(
          (change) => isChanged(change) && !change.ops.has("create") && restartsOf(change, plan).length > 0,
        );
    return [
      ...over(plan, replaced, REPLACEMENTS, "are replaced"),
      ...over(plan, restarting, RESTARTING, "restart a service"),
    ];
  },
};

/** Services that are away while a host item is changed, or taken back. */
export function restartsOf(change: Change, { items }: Pick<ChangePlan, "items">): readonly Restart[] {
  if (!isChanged(change)) {
    return [];
  }
  if (change.type === "twisterlab:host:DataRoot") {
    return items.find(({ name }) => name === change.name)?.restarts ?? [dataRoot(change)];
  }
  if (change.type !== "twisterlab:host:HostFile" && !isAgain(change)) {
    return [];
  }
  const reported = items.find(({ name }) => name === change.name.replace(/-apply$/, ""))?.restarts;
  const activate = textAt((change.new ?? change.old)?.inputs, "activate");
  const known = activate === undefined ? undefined : RESTARTS[activate];
  return reported ?? (known === undefined ? [] : [known]);
}

/** A command that runs again for what drifted on the host, while its component stays the same. */
function isAgain({ type, within, name }: Change): boolean {
  return type === "command:remote:Command" && name.endsWith("-apply") && within.at(-1) === "twisterlab:host:HostFile";
}

function dataRoot(change: Change): Restart {
  const docker = textAt(change.old?.inputs, "path") === "/var/lib/docker";
  return { service: docker ? "Docker" : "K3s", meanwhile: "stands still while its data goes back" };
}

function over({ stack, changes }: ChangePlan, found: readonly Change[], limit: number, what: string): Finding[] {
  const names = [...new Set(found.map(({ name }) => name.replace(/-apply$/, "")))];
  const root = changes.find(({ type }) => type === "pulumi:pulumi:Stack")?.urn ?? stack;
  return names.length <= limit
    ? []
    : [
        {
          resource: root,
          called: stack,
          field: what,
          old: `at most ${limit}`,
          new: String(names.length),
          why: `${names.length} at once ${what}: ${names.join(", ")}`,
          wayOut: "one after the other, each looked at before the next",
        },
      ];
}
