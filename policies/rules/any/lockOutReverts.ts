import { commandTexts, isCommand } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

const PENDING = "is not known yet; it is looked at in up, before it runs";

const LOCKS_OUT = [
  /\bnetplan\s+apply\b/,
  /(>|\btee\b|\bcp\b|\bmv\b|\binstall\b|\bsed\s+-i).*\/etc\/(netplan|ssh\/sshd_config|systemd\/network|nftables|ufw|fstab|sudoers)/,
  /\b(ufw\s+(enable|default|deny|reload)|nft\s+(-f|flush|add|delete)|ip6?tables(-restore)?\s)/,
  /\bsystemctl\s+(\S+\s+)*(stop|disable|mask|restart|reload)\s+(\S+\s+)*(ssh|sshd|systemd-networkd|networking|NetworkManager)\b/,
  /\bip\s+(link\s+set\s+\S+\s+down|addr(ess)?\s+(flush|del)|route\s+(flush|del))/,
];
const REVERTS = /\bsystemd-run\b.*--on-active|\bnetplan\s+try\b|\biptables-apply\b|\bshutdown\s+-r\s+\+\d|\bat\s+now\b/;

/** What can cut off its own connection is undone unless it is confirmed. */
export const lockOutReverts: AnyRule = {
  name: "lock-out-reverts",
  audience: "any",
  level: "mandatory",
  reason: "when it cuts off the connection that it came by, nobody can take it back from afar.",
  source: "deploy-rs, netplan try, iptables-apply: confirm or revert; for commands no public linter has it",
  fix: "arm the way back first, `systemd-run --on-active=90 ...`, and disarm it over a new connection.",
  example: { refused: "create: 'netplan apply'", accepted: "create: 'netplan try --timeout 90'" },
  *check(resource) {
    if (!isCommand(resource)) return;
    for (const field of commandTexts(resource)) {
      if (field.isUnknown) yield { what: `${field.path} ${PENDING}`, pending: true };
      else if (LOCKS_OUT.some((each) => each.test(field.text() ?? "")) && !REVERTS.test(field.text() ?? "")) {
        yield { what: `${field.path} changes the way in, and nothing takes it back` };
      }
    }
  },
};
