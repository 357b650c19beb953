import { existsSync } from "node:fs";
import { join } from "node:path";
import { UnreadablePlan } from "./digest.ts";

/** The folder of the policy pack, in the checkout. */
const FOLDER = "policies";

/**
 * The policy pack that every review runs with.
 * @throws UnreadablePlan when it is not there: Pulumi would ask nobody, and refuse nothing.
 */
export function policyPack(checkout: string): string {
  const folder = join(checkout, FOLDER);
  if (!existsSync(join(folder, "PulumiPolicy.yaml"))) {
    throw new UnreadablePlan(`there is no policy pack in ${FOLDER}/`);
  }
  return folder;
}
