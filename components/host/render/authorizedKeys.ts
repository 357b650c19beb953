import { ENTRY_POINT } from "../paths.ts";

/**
 * `authorized_keys` of the account that may only observe: whatever its key asks for (a shell, another command, sftp), the
 * host runs `observe`; no forwarding, no terminal.
 * @param key public key as `ssh-ed25519 AAAA...`.
 */
export function renderAuthorizedKeys(key: string): string {
  return `restrict,command="sudo -n ${ENTRY_POINT} observe" ${key}\n`;
}
