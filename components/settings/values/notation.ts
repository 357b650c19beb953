/**
 * How a value is written in the site file, and what it becomes in the program.
 *
 * `read` is the authority; `pattern` (without anchors) is what an editor checks while somebody types, and may let
 * through what `read` then refuses, never the other way round.
 */
export interface Notation<T> {
  /** With its article, as it stands in a message: "a size". */
  readonly what: string;
  readonly examples: readonly [string, ...string[]];
  readonly pattern?: string;
  /** @throws Refusal with what is wrong and how to write it instead. */
  readonly read: (text: string) => T;
}

/** The sentence behind a refused value: what is wrong with it and the way out, without the value itself. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** The value may have a secret in it, and is not shown with the sentence. Default false. */
  readonly withhold: boolean;

  constructor(message: string, { withhold = false }: { withhold?: boolean } = {}) {
    super(message);
    this.withhold = withhold;
  }
}

/** "`150 GiB`", or "`0 2 * * *` or `15 2 * * *`". */
export function examplesOf(notation: Pick<Notation<unknown>, "examples">): string {
  return notation.examples.map((example) => `\`${example}\``).join(" or ");
}

/** A notation whose value is its text: all that `wanted` accepts, said in one sentence when it does not. */
export function word(
  what: string,
  examples: readonly [string, ...string[]],
  pattern: string,
  limits: { readonly longest?: number; readonly hint?: (text: string) => string | undefined } = {},
): Notation<string> {
  const whole = new RegExp(`^(?:${pattern})$`);
  const longest = limits.longest ?? 253;
  return {
    what,
    examples,
    pattern,
    read: (text) => {
      const hint = limits.hint?.(text);
      if (hint !== undefined) throw new Refusal(hint);
      if (text.length > longest) throw new Refusal(`is longer than the ${longest} characters of ${what}`);
      if (!whole.test(text)) throw new Refusal(`is not ${what}; write it like ${examplesOf({ examples })}`);
      return text;
    },
  };
}
