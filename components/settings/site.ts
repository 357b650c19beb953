import type * as z from "zod";

import { type DeepReadonly, deepFreeze, isMapping, partly, plain } from "./draft.ts";
import { type Fault, keyOf, nearest, SettingsError, show } from "./faults.ts";
import { brokenRules } from "./rules.ts";
import { project, pulumiKeys, type Sections, sections } from "./schema/index.ts";
import { type SecretName, secretSpecs } from "./secrets.ts";
import { type UnknownFact, unknownFacts } from "./unknowns.ts";
import { keyFile, localPath } from "./values/name.ts";
import { type Notation, Refusal } from "./values/notation.ts";

/** A site file's content, typed and checked, frozen through and through. */
export type Site = DeepReadonly<Omit<Sections, "secrets">> & {
  /** The file it comes from. */
  readonly file: string;
  /** Secrets that the file has, by name; their values are not here. */
  readonly givenSecrets: readonly SecretName[];
  /** Facts that nobody has told us yet. */
  readonly unknowns: readonly UnknownFact[];
};

/** Where values come from, and what the environment says on top. */
export interface Origin {
  /** The file to name in messages. */
  readonly file: string;
  /** The site that the file or the stack is named after, to be compared with `site.name`. */
  readonly site?: string | undefined;
  /** Goes before `host.ssh.keyFile`: TWISTERLAB_SSH_KEY_FILE. */
  readonly sshKeyFile?: string | undefined;
  /** Goes before `host.ssh.observerKeyFile`: TWISTERLAB_OBSERVER_KEY_FILE. */
  readonly observerKeyFile?: string | undefined;
}

/**
 * Types and checks the values of a site file, by their full keys (`twisterlab-edge:host`).
 *
 * Reads nothing but its arguments. A secret has the form that it has in the file, `{secure: ...}`.
 * @throws SettingsError with every fault.
 */
export function parseSite(values: Readonly<Record<string, unknown>>, origin: Origin): Site {
  const faults = strangers(values);
  const given = { ...values };
  const overrides = keyFileOverrides(origin, faults);

  const draft = {} as Sections;
  for (const [key, schema] of Object.entries(pulumiKeys)) check(schema, given[key], key, faults);
  for (const [name, schema] of Object.entries(sections)) {
    const key = `${project}:${name}`;
    const before = faults.length;
    const value = check(schema, given[key], key, faults);
    Object.defineProperty(draft, name, faults.length === before ? plain(value) : partly(schema, given[key]));
  }
  faults.push(...brokenRules(draft, origin));
  if (faults.length > 0) throw new SettingsError(origin.file, faults);

  const { secrets, ...rest } = draft;
  const host = { ...rest.host, ssh: { ...rest.host.ssh, ...overrides } };
  return deepFreeze({
    ...rest,
    host,
    file: origin.file,
    givenSecrets: secretSpecs.map(({ name }) => name).filter((name) => name in secrets),
    unknowns: unknownFacts(draft),
  });
}

/** Keys that nobody reads: Pulumi itself takes any. */
function strangers(values: Readonly<Record<string, unknown>>): Fault[] {
  const known = [...Object.keys(sections).map((name) => `${project}:${name}`), ...Object.keys(pulumiKeys)];
  return Object.keys(values)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const namespace = key.split(":")[0] ?? key;
      const reason = ["kubernetes", "command"].includes(namespace)
        ? `has no effect: the program's providers follow \`${project}:cluster\` and \`${project}:host\``
        : `is not known; ${nearest(key, known)}`;
      return { key, reason };
    });
}

function check(schema: z.ZodType, value: unknown, key: string, faults: Fault[]): unknown {
  if (key !== `${project}:secrets` && isMapping(value) && "secure" in value) {
    faults.push({
      key,
      reason: `is encrypted; only what stands under \`${project}:secrets\` is kept secret, write this in clear`,
    });
    return undefined;
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const withheld = key === `${project}:secrets` || (issue.code === "custom" && issue.params?.["withhold"] === true);
    const shown = withheld ? undefined : show(at(value, issue.path));
    faults.push({
      key: keyOf(key, issue.path),
      ...(shown === undefined ? {} : { value: shown }),
      reason: issue.message,
    });
  }
  return undefined;
}

/** Key files that the environment names. */
function keyFileOverrides({ sshKeyFile, observerKeyFile }: Origin, faults: Fault[]) {
  const read = (variable: string, given: string | undefined, notation: Notation<string>): string | undefined => {
    if (given === undefined || given === "") return undefined;
    try {
      return notation.read(given);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      faults.push({ key: variable, value: JSON.stringify(given), reason: error.message });
      return undefined;
    }
  };
  const apply = read("TWISTERLAB_SSH_KEY_FILE", sshKeyFile, keyFile);
  const observer = read("TWISTERLAB_OBSERVER_KEY_FILE", observerKeyFile, localPath);
  return {
    ...(apply === undefined ? {} : { keyFile: apply }),
    ...(observer === undefined ? {} : { observerKeyFile: observer }),
  };
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}
