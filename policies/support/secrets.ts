const NAME =
  /(password|passwd|passphrase|(^|[-_.])(pass|pw|pwd|auth)|secret|token|(api|access|private|secret)[-_]?key|credentials?)$/i;

/** Whether a name is that of a secret; `existingSecret` and `passwordFile` say where one is. */
export function namesSecret(name: string): boolean {
  return NAME.test(name) && !/^existing/i.test(name);
}

const VALUES = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  // Tokens by the prefixes of those who make them: AWS, GitHub, GitLab, Slack, Vault.
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bgh[pousr]_\w{36}/,
  /\bglpat-[\w-]{20}/,
  /\bxox[abprs]-[\w-]{10}/,
  /\bhv[sb]\.[\w-]{24}/,
  // A JSON Web Token.
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/,
  // A password in a URL; not one that is a variable.
  /\b[a-z][a-z0-9+]*:\/\/[^\s/:@'"]*:[^\s/:@'"$({<]+@/i,
];

/** Whether a text is, or has in it, what only a secret looks like. */
export function holdsSecret(text: string): boolean {
  return VALUES.some((value) => value.test(text));
}

const ARGUMENTS = [
  // NAME=value and --name value; a variable is not the value itself.
  /(^|[\s;"'])\w*(password|passwd|passphrase|secret|token|api_?key)\w*=(?!["']?\$|["']{2}|\s|$)/i,
  /\s--?(password|passwd|pass|secret|token|api-?key)[= ]+(?!["']?\$)[^\s-]/i,
  /\bsshpass\s+-p/,
  /\bcurl\b.*\s(-u|--user)[= ]*["']?[^\s:"'$]+:[^\s"'$]/,
  /\bauthorization: *(basic|bearer) +(?!["']?\$)\S/i,
];

/** Whether a command line has a secret in it. */
export function commandHoldsSecret(text: string): boolean {
  return holdsSecret(text) || ARGUMENTS.some((argument) => argument.test(text));
}
