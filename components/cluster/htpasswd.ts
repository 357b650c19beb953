import { createHmac } from "node:crypto";
import bcrypt from "bcryptjs";

/**
 * What each guess costs whoever has the hash: 2^10 rounds. A generated password of 190 bits cannot be guessed at any cost; a
 * registry that is asked often should not be slow.
 */
const COST = 10;

/**
 * A line of an htpasswd file, with bcrypt, the only form that a registry reads
 * (https://distribution.github.io/distribution/about/configuration/#htpasswd). The salt comes from the password, so that each run makes the same line:
 * another one would be a change in each preview. It tells nothing, because the passwords are generated and long.
 */
export function htpasswdLine(user: string, password: string): string {
  const salt = createHmac("sha256", password).update(`htpasswd ${user}`).digest().subarray(0, 16);
  const hash = bcrypt.hashSync(password, `$2b$${COST}$${bcrypt.encodeBase64(salt, salt.length)}`);
  // Apache's tools, and what reads their files, know the same hash by this name.
  return `${user}:${hash.replace("$2b$", "$2y$")}`;
}
