import { type Notation, Refusal, word } from "./notation.ts";

// The grammar of the OCI distribution specification: [host[:port]/]path[:tag][@digest].
const part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const path = `${part}(?:/${part})*`;
const host = String.raw`(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d))(?::\d{1,5})?`;
const tag = String.raw`[\w][\w.-]{0,127}`;
const reference = `(?:${host}/)?${path}(?::${tag})?(?:@sha256:[0-9a-f]{64})?`;
const whole = new RegExp(`^${reference}$`);

/** A container image, `postgres:16-alpine`; a tag or digest may be left out, `latest` may not be written. */
export const imageReference: Notation<string> = {
  what: "a container image",
  examples: ["postgres:16-alpine", "twisterlab/mcp-unified"],
  pattern: reference,
  read: (text) => {
    if (/[A-Z]/.test(text.replace(/[:@][^/]*$/, "").replace(/^[^/]*\.[^/]*\//, ""))) {
      throw new Refusal("has capital letters in its name, which no registry accepts");
    }
    if (!whole.test(text)) throw new Refusal("is not a container image; write it like `postgres:16-alpine`");
    if (text.endsWith(":latest"))
      throw new Refusal("names no version: `latest` is another image tomorrow; write the tag that runs");
    return text;
  },
};

/** A container image with its tag: what can be looked for by name among the images of a machine. */
export const taggedImage: Notation<string> = {
  what: "a container image with its tag",
  examples: ["twisterlab/mcp-unified:2026-02-08"],
  pattern: `(?:${host}/)?${path}:${tag}`,
  read: (text) => {
    const image = imageReference.read(text);
    if (image.includes("@")) throw new Refusal("has a digest in its name; write the tag here, and the ID under `id`");
    if (!/:[^/]*$/.test(image)) throw new Refusal("has no tag; write it like `twisterlab/mcp-unified:2026-02-08`");
    return image;
  },
};

/** An image's ID, the digest of its configuration. */
export const imageId = word("an image's ID", [`sha256:${"0123456789abcdef".repeat(4)}`], "sha256:[0-9a-f]{64}", {
  hint: (text) =>
    /^(sha256:)?[0-9a-f]{12,63}$/.test(text) ? "is cut short; `docker images --no-trunc` shows all of it" : undefined,
});

/** The whole name of an image, as containerd knows it: `redis:7-alpine` is `docker.io/library/redis:7-alpine`. */
export function fullImageName(image: string): string {
  const [first = "", ...rest] = image.split("/");
  if (rest.length > 0 && (/[.:]/.test(first) || first === "localhost")) return image;
  return rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`;
}

/** An image's name as part of the name of an item: `redis-7-alpine`. */
export function imageSlug(image: string): string {
  return fullImageName(image)
    .replace(/^docker\.io\/(library\/)?/, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-");
}
