import { type Notation, Refusal } from "./notation.ts";

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
