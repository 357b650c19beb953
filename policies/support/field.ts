/** What stands for a value that is not known yet, in the inputs that rules see. */
export const UNKNOWN = Symbol("unknown");

/** Thrown when a rule asks for what cannot be decided: whoever runs the rule makes a refusal of it, never silence. */
export class Undecided extends Error {
  override readonly name = "Undecided";

  /** @param why what keeps it from being decided, to be read after the field. */
  constructor(field: string, why: string) {
    super(`${field} ${why}`);
  }
}

/**
 * A value of a resource with its path. Asking for one that is not known, or is of another kind than it must be, throws
 * Undecided; one that is not there is undefined.
 */
export class Field {
  readonly raw: unknown;
  /** `spec.template.spec.containers[0].image`. */
  readonly path: string;

  constructor(raw: unknown, path = "") {
    this.raw = raw;
    this.path = path;
  }

  /** The value as it is. */
  get value(): unknown {
    if (this.raw === UNKNOWN) {
      throw new Undecided(this.path === "" ? "the resource" : this.path, "is not known yet");
    }
    return this.raw ?? undefined;
  }

  get isUnknown(): boolean {
    return this.raw === UNKNOWN;
  }

  get isAbsent(): boolean {
    return this.raw === undefined || this.raw === null;
  }

  /** The field at a path below this one; there also when nothing stands at it. */
  at(...keys: (string | number)[]): Field {
    return keys.reduce<Field>((field, key) => field.#below(key), this);
  }

  text(): string | undefined {
    return this.#as("a text", (value): value is string => typeof value === "string");
  }

  number(): number | undefined {
    return this.#as("a number", (value): value is number => typeof value === "number");
  }

  flag(): boolean | undefined {
    return this.#as("true or false", (value): value is boolean => typeof value === "boolean");
  }

  /** Items of a list; none when there is no list. */
  list(): Field[] {
    const items = this.#as("a list", (value): value is unknown[] => Array.isArray(value)) ?? [];
    return items.map((item, index) => new Field(item, `${this.path}[${index}]`));
  }

  /** Entries of a mapping; none when there is no mapping. */
  entries(): [string, Field][] {
    return Object.keys(this.#as("a mapping", isMapping) ?? {}).map((key) => [key, this.#below(key)]);
  }

  /** A mapping of names to texts, as labels are. */
  texts(): Record<string, string> {
    return Object.fromEntries(this.entries().map(([key, field]) => [key, field.text() ?? ""]));
  }

  /** Every text below this field, what is not known left out. */
  *everyText(): Iterable<Field & { readonly raw: string }> {
    if (typeof this.raw === "string") {
      yield this as Field & { readonly raw: string };
    } else if (Array.isArray(this.raw)) {
      for (const item of this.list()) yield* item.everyText();
    } else if (isMapping(this.raw)) {
      for (const [, field] of this.entries()) yield* field.everyText();
    }
  }

  #below(key: string | number): Field {
    const { value } = this;
    const path = typeof key === "number" ? `${this.path}[${key}]` : this.#join(key);
    if (value !== undefined && typeof value !== "object") {
      throw new Undecided(this.path, "is neither a mapping nor a list");
    }
    return new Field((value as Record<string | number, unknown> | undefined)?.[key], path);
  }

  #join(key: string): string {
    if (!/^[\w-]+$/.test(key)) return `${this.path}["${key}"]`;
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  #as<T>(what: string, is: (value: unknown) => value is T): T | undefined {
    const { value } = this;
    if (value === undefined || is(value)) return value;
    throw new Undecided(this.path, `is not ${what}`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
