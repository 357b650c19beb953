import { isCommand, waitsFor, type Resource } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** What restarts a service comes one after the other. */
export const restartsInOrder: SiteRule = {
  name: "restarts-in-order",
  audience: "site",
  level: "mandatory",
  reason: "two services that restart at once leave a machine of which nobody can say which of them broke it.",
  source: "our own",
  fix: "let one wait for the other by `dependsOn`.",
  example: {
    refused: "two items that restart Docker and K3s, side by side",
    accepted: "the second with dependsOn: the first",
  },
  *checkStack(stack) {
    const items = stack.filter(restarts).map((item) => ({
      item,
      commands: stack.filter((each) => each.parent === item.urn && isCommand(each)),
    }));
    const isAfter = (later: readonly Resource[], earlier: readonly Resource[]) =>
      later.every((command) => {
        const before = waitsFor(command, stack);
        return earlier.every(({ urn }) => before.has(urn));
      });
    for (const [index, { item: at, commands }] of items.entries()) {
      for (const other of items.slice(0, index)) {
        if (isAfter(commands, other.commands) || isAfter(other.commands, commands)) continue;
        yield { at, what: `it and ${other.item.name} may run at the same time` };
      }
    }
  },
};

const TYPES = ["twisterlab:host:MountOptions", "twisterlab:host:DataRoot"];

function restarts({ type, inputs }: Resource): boolean {
  if (TYPES.includes(type)) return true;
  return (
    type === "twisterlab:host:HostFile" &&
    ["docker", "k3s", "k3s-kubelet", "k3s-servicelb"].includes(inputs.at("activate").text() ?? "")
  );
}
