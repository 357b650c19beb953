import type { Restart } from "../../components/host/plan.ts";
import { RESTARTS } from "../../components/host/restarts.ts";
import { type Change, type ChangePlan, isChanged, isReplaced } from "../plan.ts";
import type { Finding, Rule } from "../rule.ts";
import { textAt } from "../values.ts";

/** Replacements in one plan: more than this nobody reads one by one. Research C27. */
const REPLACEMENTS = 3;

/** Items in one plan that restart something: each is followed by its own check, and yet the second meets what the first left. */
const RESTARTING = 1;

/** Components whose items restart a service. */
const HAS_RESTARTS = /^twisterlab:host:(HostFile|DataRoot)$/;

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
  // The command of an item runs again, for what drifted on the host, while its component stays the same.
  if (!isChanged(change) || !HAS_RESTARTS.test(isApply(change) ? (change.within.at(-1) ?? "") : change.type)) {
    return [];
  }
  return items.find(({ name }) => name === itemOf(change))?.restarts ?? takenBack(change);
}

function isApply({ type, name }: Change): boolean {
  return type === "command:remote:Command" && name.endsWith("-apply");
}

function itemOf({ name }: Change): string {
  return name.replace(/-apply$/, "");
}

/** What restarts for an item that the program does not have any more: its component alone tells. */
function takenBack({ type, old, new: next }: Change): Restart[] {
  const inputs = (next ?? old)?.inputs;
  if (type === "twisterlab:host:DataRoot") {
    const docker = textAt(inputs, "path") === "/var/lib/docker";
    return [{ service: docker ? "Docker" : "K3s", meanwhile: "stands still while its data goes back" }];
  }
  const restart = RESTARTS[textAt(inputs, "activate") ?? ""];
  return restart === undefined ? [] : [restart];
}

function over({ stack, changes }: ChangePlan, found: readonly Change[], limit: number, what: string): Finding[] {
  const names = [...new Set(found.map(itemOf))];
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
