import { Undecided, type Field } from "./field.ts";

/** An image's parts. */
export interface Image {
  /** Registry and path, whole: `docker.io/library/redis`. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

// https://github.com/opencontainers/distribution-spec: the digest comes after @, the tag after the colon behind the last slash.
const WRITTEN = /^((?:[\w.-]+(?::\d+)?\/)?[a-z0-9._/-]+)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/** @throws Undecided for what is not there, not known, or no image's name. */
export function parseImage(field: Field): Image {
  const text = field.text() ?? "";
  const [, name, tag, digest] = WRITTEN.exec(text) ?? [];
  if (name === undefined) throw new Undecided(field.path, `is no image: ${JSON.stringify(text)}`);
  const [first = "", ...rest] = name.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const whole = hasRegistry ? name : `docker.io/${rest.length > 0 ? "" : "library/"}${name}`;
  return { name: whole, tag, digest };
}

/** Leading number of a tag, `16` of `16.4-alpine`; undefined for a tag without. */
export function majorOf({ tag }: Image): number | undefined {
  const [, major] = /^v?(\d+)(?:[.-]|$)/.exec(tag ?? "") ?? [];
  return major === undefined ? undefined : Number(major);
}
