import { readLoginKey, type LoginKey } from "../components/host/connection.ts";
import { Failure } from "./failure.ts";
import type { Site } from "./site.ts";

/**
 * The SSH key that a site file names.
 * @throws Failure when it is there and cannot be used.
 */
export function loginKey({ settings }: Site): LoginKey {
  try {
    return readLoginKey(settings.host.ssh.keyFile, process.env["SSH_AUTH_SOCK"]);
  } catch (error) {
    throw new Failure((error as Error).message);
  }
}
