import { randomInt } from "node:crypto";

import * as z from "zod";

import { object } from "./schema/build.ts";

/** A secret that the program needs; `npm run secrets` makes it, or takes the value that somebody has. */
export interface SecretSpec {
  readonly name: string;
  /** What it is for, as people read it. */
  readonly purpose: string;
  /** First phase that uses it. */
  readonly phase: 0 | 1 | 2 | 3 | 4 | 5;
  /** What of a site file uses it; see `neededSecrets`. */
  readonly use: "registry" | "backupCopy" | "backupCopyInBucket";
  /** How it is made; undefined for one that somebody else makes, and gives us. */
  readonly generated?: Generated;
}

export interface Generated {
  /** Characters. */
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
    use: "registry",
    // Harbor wants 8 to 128 characters with a capital, a small letter and a digit for a robot's secret.
    generated: { length: 32, alphabet: [lower, upper, digits] },
  },
  {
    name: "backupCopyPassword",
    purpose:
      "Password that the copy of the backups is encrypted with. KEEP IT WHERE YOU KEEP PASSWORDS, OUTSIDE THE MACHINE: without it nobody can ever read the copy.",
    phase: 0,
    use: "backupCopy",
    // 190 bits.
    generated: { length: 32, alphabet: [lower, upper, digits] },
  },
  {
    name: "backupCopyAccessKey",
    purpose: "Access key of the account that the backups' bucket belongs to, as its provider gives it.",
    phase: 0,
    use: "backupCopyInBucket",
  },
  {
    name: "backupCopySecretKey",
    purpose: "Secret key of the account that the backups' bucket belongs to, as its provider gives it.",
    phase: 0,
    use: "backupCopyInBucket",
  },
] as const satisfies readonly SecretSpec[];

export type SecretName = (typeof secretSpecs)[number]["name"];

/** A new value for a secret, from the system's random numbers. */
export function generateSecret({ alphabet, length }: Generated): string {
  const all = alphabet.join("");
  for (;;) {
    const value = Array.from({ length }, () => all.charAt(randomInt(all.length))).join("");
    // Drawing again keeps every allowed value equally likely, which putting a digit in by hand would not.
    if (alphabet.every((characters) => Array.from(value).some((one) => characters.includes(one)))) return value;
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
