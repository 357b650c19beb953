import { existsSync } from "node:fs";
import { join } from "node:path";

/** The folder of the policy pack, in the checkout. */
const FOLDER = "policies";

/**
 * The seam between the plan gate and the policy pack: its folder, once there is one. From then on each review runs with it, and
 * is refused when it does not run.
 */
export function policyPack(checkout: string): string | undefined {
  const folder = join(checkout, FOLDER);
  return existsSync(folder) ? folder : undefined;
}
