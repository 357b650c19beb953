import { randomInt } from "node:crypto";

import * as z from "zod";

import { object } from "./schema/build.ts";

/** A secret that the program needs and `npm run secrets` makes. */
export interface SecretSpec {
  readonly name: string;
  /** What it is for, as people read it. */
  readonly purpose: string;
  /** First phase that uses it. */
  readonly phase: 0 | 1 | 2 | 3 | 4 | 5;
  /** Characters that are generated. */
  readonly length: number;
  /** Each class has at least one character in it. */
  readonly alphabet: readonly [string, ...string[]];
}

const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const digits = "0123456789";

/** Every secret there is. A new one needs no more than a line here. */
export const secretSpecs = [
  {
    name: "registryPullPassword",
    purpose: "Password of the registry account that K3s pulls images with; set it as that account's secret in Harbor.",
    phase: 1,
    // Harbor wants 8 to 128 characters with a capital, a small letter and a digit for a robot's secret.
    length: 32,
    alphabet: [lower, upper, digits],
  },
] as const satisfies readonly SecretSpec[];

export type SecretName = (typeof secretSpecs)[number]["name"];

/** The secrets that a phase uses, those of the phases before it included. */
export function secretsOfPhase(phase: number): readonly (typeof secretSpecs)[number][] {
  return secretSpecs.filter((spec) => spec.phase <= phase);
}

/** A new value for a secret, from the system's random numbers. */
export function generateSecret(spec: SecretSpec): string {
  const all = spec.alphabet.join("");
  for (;;) {
    const value = Array.from({ length: spec.length }, () => all.charAt(randomInt(all.length))).join("");
    // Drawing again keeps every allowed value equally likely, which putting a digit in by hand would not.
    if (spec.alphabet.every((characters) => Array.from(value).some((one) => characters.includes(one)))) return value;
  }
}

/** The `secrets` key: encrypted values only. */
export const secrets = object(
  "Secrets, encrypted by Pulumi; `npm run secrets` makes those that are missing.",
  Object.fromEntries(secretSpecs.map(({ name, purpose }) => [name, encrypted(purpose).exactOptional()])) as Record<
    SecretName,
    ReturnType<typeof encrypted> extends infer E extends z.ZodType ? z.ZodExactOptional<E> : never
  >,
);

function encrypted(purpose: string) {
  const error = "stands there in clear; change it where it is used, take it out of the file and run `npm run secrets`";
  return z
    .strictObject(
      { secure: z.string({ error }).min(1, { error }).meta({ description: "The value, encrypted." }) },
      { error },
    )
    .meta({ description: purpose });
}
