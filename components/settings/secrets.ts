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
  readonly use: SecretUse;
  /** How it is made; undefined for one that somebody else makes, and gives us. */
  readonly generated?: GeneratedText | GeneratedKey;
}

export type SecretUse = "registry" | "ownRegistry" | "harbor" | "replication" | "backupCopy" | "backupCopyInBucket";

/** A password. */
export interface GeneratedText {
  /** Characters. */
  readonly length: number;
  /** Each class has at least one character in it. */
  readonly alphabet: readonly [string, ...string[]];
}

/** A private key; see components/certificateAuthority.ts. */
export interface GeneratedKey {
  readonly key: "authority" | "server" | "token";
}

const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const digits = "0123456789";

/** 32 characters of 62 are 190 bits. Harbor wants 8 to 128 of an account's, with a capital, a small letter and a digit. */
function password<const N extends number>(length: N) {
  return { length, alphabet: [lower, upper, digits] as const } satisfies GeneratedText;
}

/** Every secret there is. A new one needs no more than a line here. */
export const secretSpecs = [
  {
    name: "registryPullPassword",
    purpose:
      "Password of the registry account that K3s pulls images with; a registry that is not ours must be told of it.",
    phase: 1,
    use: "registry",
    generated: password(32),
  },
  {
    name: "registryPushPassword",
    purpose: "Password of the registry account that CI pushes images with.",
    phase: 1,
    use: "ownRegistry",
    generated: password(32),
  },
  {
    name: "siteAuthority",
    purpose:
      "The site's certificate authority, with its private key. Every client trusts it: made anew, it is told to all of them again.",
    phase: 1,
    use: "ownRegistry",
    generated: { key: "authority" },
  },
  {
    name: "registryServerKey",
    purpose: "Private key that the registry proves itself by.",
    phase: 1,
    use: "ownRegistry",
    generated: { key: "server" },
  },
  {
    name: "registryHttpSecret",
    purpose: "Key that the registry signs the state of an upload with.",
    phase: 1,
    use: "ownRegistry",
    generated: password(16),
  },
  {
    name: "harborAdminPassword",
    purpose: "Password of Harbor's administrator, `admin`.",
    phase: 1,
    use: "harbor",
    generated: password(32),
  },
  {
    name: "harborSecretKey",
    purpose:
      "Key that Harbor encrypts what it is told of other registries with. It never changes: without it a backup of its database is not whole.",
    phase: 1,
    use: "harbor",
    // Exactly 16, and so are those below where the chart says so: values.yaml of goharbor/harbor-helm 1.19.
    generated: password(16),
  },
  {
    name: "harborDatabasePassword",
    purpose: "Password of Harbor's database.",
    phase: 1,
    use: "harbor",
    generated: password(32),
  },
  {
    name: "harborRegistryPassword",
    purpose: "Password by which Harbor reaches the registry in it.",
    phase: 1,
    use: "harbor",
    generated: password(32),
  },
  {
    name: "harborCoreSecret",
    purpose: "Secret by which the parts of Harbor know its core.",
    phase: 1,
    use: "harbor",
    generated: password(16),
  },
  {
    name: "harborJobSecret",
    purpose: "Secret by which the parts of Harbor know its job service.",
    phase: 1,
    use: "harbor",
    generated: password(16),
  },
  {
    name: "harborXsrfKey",
    purpose: "Key that protects Harbor's pages from forged requests.",
    phase: 1,
    use: "harbor",
    generated: password(32),
  },
  {
    name: "harborTokenKey",
    purpose: "Private key that Harbor signs the tokens of its registry with.",
    phase: 1,
    use: "harbor",
    generated: { key: "token" },
  },
  {
    name: "replicationPassword",
    purpose: "Password of the account that images are copied to another registry with, as that one gives it.",
    phase: 1,
    use: "replication",
  },
  {
    name: "backupCopyPassword",
    purpose:
      "Password that the copy of the backups is encrypted with. KEEP IT WHERE YOU KEEP PASSWORDS, OUTSIDE THE MACHINE: without it nobody can ever read the copy.",
    phase: 0,
    use: "backupCopy",
    generated: password(32),
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
export function generateSecret({ alphabet, length }: GeneratedText): string {
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
