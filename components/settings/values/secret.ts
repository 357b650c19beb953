/**
 * A secret text. It shows itself to nobody who does not ask for it by name: in a message, in JSON and in Pulumi's inputs
 * it is `[secret]`.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: only to compare it, or to hand it to `pulumi.secret`. */
  reveal(): string {
    return this.#text;
  }

  /** A text made from this one, as secret as it. */
  map(make: (text: string) => string): Secret {
    return new Secret(make(this.#text));
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}
