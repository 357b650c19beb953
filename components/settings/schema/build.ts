// The few words that the schema is written in: zod types whose messages name the way out and whose every key has a
// description, from which the editors' JSON schema is made.
import * as z from "zod";

import { nearest } from "../faults.ts";
import { examplesOf, type Notation, Refusal } from "../values/notation.ts";

/** A fact that may not be known yet: written `unknown` until somebody has read it from the machine. */
export type Fact<T> = T | "unknown";

/** Tells a known fact from one that is still to be found. */
export function isKnown<T>(fact: Fact<T>): fact is Exclude<T, "unknown"> {
  return fact !== "unknown";
}

/** A value written as text in the given notation. */
export function text<T>(notation: Notation<T>, description: string) {
  return z
    .string({ error: expected(`${notation.what}, like ${examplesOf(notation)}`, description) })
    .transform((given, context): T => {
      try {
        return notation.read(given);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const params = { withhold: error.withhold };
        context.issues.push({ code: "custom", input: given, message: error.message, params });
        return z.NEVER;
      }
    })
    .meta({
      description,
      examples: [...notation.examples],
      ...(notation.pattern === undefined ? {} : { pattern: `^(?:${notation.pattern})$` }),
    });
}

/** As `text`, and a bare number is taken for its text: Kubernetes allows `cpu: 2`. */
export function textOrNumber<T>(notation: Notation<T>, description: string) {
  return z
    .preprocess((given) => (typeof given === "number" ? String(given) : given), text(notation, description))
    .meta({
      description,
      examples: [...notation.examples],
      type: ["string", "number"],
      ...(notation.pattern === undefined ? {} : { pattern: `^(?:${notation.pattern})$` }),
    });
}

/** As `text`, or the literal `unknown`. */
export function fact<T>(notation: Notation<T>, description: string) {
  return text<Fact<T>>(
    {
      what: `${notation.what} or \`unknown\``,
      examples: [...notation.examples, "unknown"] as [string, ...string[]],
      ...(notation.pattern === undefined ? {} : { pattern: `unknown|${notation.pattern}` }),
      read: (given) => (given === "unknown" ? given : notation.read(given)),
    },
    description,
  );
}

/** A whole number from `least` to `most`, both included. */
export function count(description: string, least: number, most: number) {
  const error = expected(`a whole number from ${least} to ${most}`, description);
  return z.int({ error }).min(least, { error }).max(most, { error }).meta({ description });
}

export function flag(description: string) {
  return z.boolean({ error: expected("true or false", description) }).meta({ description });
}

export function choice<const T extends readonly [string, ...string[]]>(description: string, options: T) {
  return z.enum(options, { error: expected(alternatives(options), description) }).meta({ description });
}

export function list<T extends z.ZodType>(description: string, item: T, least = 1) {
  const error = expected(least > 0 ? "a list with something in it" : "a list", description);
  return z.array(item, { error }).min(least, { error }).meta({ description });
}

/** Values by names of the user's choosing. */
export function named<T extends z.ZodType>(description: string, key: Notation<string>, value: T) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === "invalid_key"
      ? `is not ${key.what}; write it like ${examplesOf(key)}`
      : expected("a mapping of names to values", description)(issue);
  const keys = z
    .string()
    .refine((name) => accepts(key, name))
    .meta({ pattern: `^(?:${key.pattern ?? ".*"})$` });
  return z.record(keys, value, { error }).meta({ description });
}

/** Exactly these keys: another one is refused with the name that was probably meant. */
export function object<S extends z.core.$ZodShape>(description: string, shape: S, elsewhere: Elsewhere = {}) {
  const stranger = z.unknown().refine(() => false, {
    // A password under a misspelled name is still a password.
    params: { withhold: true },
    error: (issue) => {
      const key = String(issue.path?.at(-1));
      return elsewhere[key] ?? `is not known; ${nearest(key, Object.keys(shape))}`;
    },
  });
  const mapping = z
    .object(shape, { error: expected("a mapping", description) })
    .catchall(stranger)
    .meta({ description });
  // The catch-all refuses whatever it gets, so the result has the keys of the shape and no others.
  return mapping as unknown as z.ZodObject<S, z.core.$strict>;
}

/** Why a key is refused here, where the schema knows better than "unknown". */
type Elsewhere = Readonly<Record<string, string>>;

/** For one variant of a choice: the keys that only the other variants have, with the option to choose for them. */
export function keysOfOthers(
  discriminator: string,
  own: string,
  variants: Readonly<Record<string, readonly string[]>>,
): Elsewhere {
  const elsewhere: Record<string, string> = {};
  const known = new Set(variants[own]);
  for (const key of new Set(Object.values(variants).flat())) {
    const owners = Object.keys(variants).filter((name) => variants[name]?.includes(key));
    if (!known.has(key))
      elsewhere[key] = `does not belong to ${discriminator} \`${own}\`, only to ${alternatives(owners)}`;
  }
  return elsewhere;
}

/** The message for a choice between variants when the discriminator itself is missing or unknown. */
export function expectedVariant(options: readonly string[], description: string): z.core.$ZodErrorMap {
  return (issue) =>
    issue.code === "invalid_union" ? `must be ${alternatives(options)}` : expected("a mapping", description)(issue);
}

function expected(what: string, description: string): z.core.$ZodErrorMap {
  return (issue) => (issue.input === undefined ? `is missing: ${description}` : `must be ${what}`);
}

function alternatives(options: readonly string[]): string {
  const quoted = options.map((option) => `\`${option}\``);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1) ?? ""}`;
}

function accepts(notation: Notation<string>, given: string): boolean {
  try {
    notation.read(given);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
