import { ENTRY_POINT, OBSERVER } from "../paths.ts";

/** Who may call the entry point by sudo. */
export interface SudoRulesArgs {
  /** Account that applies: it may call every verb, without a password. */
  user: string;
  /** Whether there is an account that may only observe. */
  observer: boolean;
}

/**
 * `/etc/sudoers.d/twisterlab-edge`. The options are for the entry point alone and hold whatever the host's own rules say:
 * its environment is sudo's, with nothing kept of the caller's; it is called without a terminal; and what it is sent, which
 * may be a secret, is not recorded. Nothing of `use_pty` and `lecture`: the one has no effect without a terminal, the other
 * none without a password.
 */
export function renderSudoRules({ user, observer }: SudoRulesArgs): string {
  const lines = [
    "# twisterlab-edge: its entry point without a password, and nothing else. Written by its program: edit it there.",
    `Defaults!${ENTRY_POINT} env_reset, !env_keep, !requiretty, !log_input`,
    `${user} ALL=(root) NOPASSWD: ${ENTRY_POINT}`,
    ...(observer ? [`${OBSERVER} ALL=(root) NOPASSWD: ${ENTRY_POINT} observe`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
