import * as pulumi from "@pulumi/pulumi";
import { unknownValue } from "./host/connection.ts";
import type { Secret } from "./settings/values/secret.ts";

/** A secret as the input of a resource: encrypted in the state, and not known yet as long as nobody has it. */
export function secretInput(secret: Secret | undefined): pulumi.Output<string> {
  return pulumi.secret(secret?.reveal() ?? unknownValue());
}
