import { parametersOf, verbOf } from "../../support/site/hostItem.ts";
import { isCommand, type Resource } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** What could cut off the machine is undone by it unless it is confirmed. */
export const lockOutIsConfirmed: SiteRule = {
  name: "lock-out-is-confirmed",
  audience: "site",
  level: "mandatory",
  reason: "a file that cuts off the machine, or keeps it from booting, can only be taken back by the machine itself.",
  source: "deploy-rs (30 s to confirm), netplan try, Junos; no public linter has it",
  fix: "declare it as `guarded`: a second command confirms it over a new connection.",
  example: {
    refused: "new HostFile(name, { path: /etc/sudoers.d/x })",
    accepted: "new HostFile(name, { path: /etc/sudoers.d/x, guarded: true })",
  },
  *checkStack(stack) {
    for (const at of stack.filter(locksOut)) {
      const commands = stack.filter((each) => each.parent === at.urn && isCommand(each));
      const isConfirm = ({ inputs }: Resource) => verbOf(inputs.at("create").text() ?? "") === "confirm";
      const [confirm] = commands.filter(isConfirm);
      if (confirm === undefined) yield { at, what: "no command confirms it over a new connection" };
      for (const apply of commands.filter((each) => !isConfirm(each))) {
        const parameters = parametersOf(apply);
        if (parameters === undefined) yield { at: apply, what: "its parameters are not known yet", pending: true };
        else if (!(Number(parameters["confirm_within"]) > 0))
          yield { at: apply, what: "it is not undone when nobody confirms it" };
        if (confirm !== undefined && !confirm.dependencies.includes(apply.urn)) {
          yield { at: confirm, what: `it does not wait for ${apply.name}` };
        }
      }
    }
  },
};

const TYPES = ["twisterlab:host:MountOptions", "twisterlab:host:DataRoot"];
const PATHS = [
  /^\/etc\/(docker\/daemon\.json|fstab|crypttab|sudoers(\.d\/.*)?)$/,
  /^\/etc\/rancher\/.*\.ya?ml$/,
  /^\/etc\/(ssh\/sshd_config|netplan\/|systemd\/network\/|nftables|ufw\/|iptables\/|network\/)/,
];

function locksOut({ type, inputs }: Resource): boolean {
  if (TYPES.includes(type)) return true;
  return type === "twisterlab:host:HostFile" && PATHS.some((path) => path.test(inputs.at("path").text() ?? ""));
}
