import * as pulumi from "@pulumi/pulumi";

import { isMapping } from "./draft.ts";
import { SettingsError } from "./faults.ts";
import { project } from "./schema/index.ts";
import { type SecretName, secretSpecs } from "./secrets.ts";
import { parseSite, type Site } from "./site.ts";
import { parseStackName, type Phase } from "./stackName.ts";
import { unknownFacts } from "./unknowns.ts";
import { Secret } from "./values/secret.ts";

export { type Fault, SettingsError } from "./faults.ts";
export { type Fact, isKnown } from "./schema/build.ts";
export type { SecretName } from "./secrets.ts";
export type { Site } from "./site.ts";
export type { Phase } from "./stackName.ts";
export type { UnknownFact } from "./unknowns.ts";
export type { IpRange } from "./values/address.ts";
export type { Duration } from "./values/duration.ts";
export type { Quantity } from "./values/quantity.ts";
export type { Size } from "./values/size.ts";

/** All that the program is told from outside: the site, the phase of this stack, and the secrets. */
export interface Settings extends Site {
  readonly phase: Phase;
  /** Socket of the running ssh-agent (SSH_AUTH_SOCK); undefined when none runs. */
  readonly agentSocket: string | undefined;
  /** Owner of the host's lease that this run goes by (TWISTERLAB_LEASE_OWNER); undefined: the program's own process. */
  readonly leaseOwner: string | undefined;
  /** File that a preview writes its plan of the host items to (TWISTERLAB_PLAN_FILE); undefined: nobody waits for it. */
  readonly planFile: string | undefined;
  /** Undefined where the site file has none yet. */
  readonly secrets: Readonly<Record<SecretName, Secret | undefined>>;
}

/**
 * Reads the stack's name, its configuration and the environment: nothing else in the program does.
 *
 * @throws SettingsError with every fault at once.
 */
export function loadSettings(): Settings {
  const { site: named, phase } = parseStackName(pulumi.getStack());
  const config = pulumi.runtime.allConfig();
  const file = process.env["PULUMI_OPTION_CONFIG_FILE"] ?? `Pulumi.${named}.yaml`;
  if (!Object.keys(config).some((key) => key.startsWith(`${project}:`))) {
    const reason = `is empty; put PULUMI_OPTION_CONFIG_FILE=Pulumi.${named}.yaml into the environment or add \`--config-file Pulumi.${named}.yaml\``;
    throw new SettingsError(`Stack ${pulumi.getStack()}`, [{ key: "configuration", reason }]);
  }
  const encrypted = secretKeys();
  const values = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, structured(value)]));
  const site = parseSite(withoutSecrets(values, encrypted), {
    file,
    site: named,
    sshKeyFile: process.env["TWISTERLAB_SSH_KEY_FILE"],
    observerKeyFile: process.env["TWISTERLAB_OBSERVER_KEY_FILE"],
  });
  return Object.freeze({
    ...site,
    phase,
    agentSocket: process.env["SSH_AUTH_SOCK"],
    leaseOwner: process.env["TWISTERLAB_LEASE_OWNER"],
    planFile: process.env["TWISTERLAB_PLAN_FILE"],
    unknowns: unknownFacts(site, phase),
    secrets: secretTexts(values),
  });
}

/** Keys that Pulumi decrypted for the program. */
function secretKeys(): ReadonlySet<string> {
  const keys: unknown = JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]");
  return new Set(Array.isArray(keys) ? keys.map((key) => String(key).replace(":config:", ":")) : []);
}

/** Pulumi hands a structured value over as its JSON text. */
function structured(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/**
 * The values in the form that they have in the file, where what was encrypted is no longer readable.
 *
 * Pulumi says of a whole key that something in it was encrypted, not what: a secret in clear beside an encrypted one
 * goes unseen here and is found by readSiteFile.
 */
function withoutSecrets(values: Record<string, unknown>, encrypted: ReadonlySet<string>): Record<string, unknown> {
  const veil = { secure: "(decrypted)" };
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      if (!encrypted.has(key)) return [key, value];
      if (key !== secretsKey || !isMapping(value)) return [key, veil];
      // What was encrypted is a text afterwards.
      const secrets = Object.entries(value).map(([name, secret]) => [name, typeof secret === "string" ? veil : secret]);
      return [key, Object.fromEntries(secrets) as unknown];
    }),
  );
}

function secretTexts(values: Record<string, unknown>): Settings["secrets"] {
  const given = values[secretsKey];
  const secrets = secretSpecs.map(({ name }) => {
    const value = isMapping(given) ? given[name] : undefined;
    return [name, typeof value === "string" ? new Secret(value) : undefined] as const;
  });
  return Object.freeze(Object.fromEntries(secrets) as Record<SecretName, Secret | undefined>);
}

const secretsKey = `${project}:secrets`;
