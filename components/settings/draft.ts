import * as z from "zod";

/** Thrown when a rule asks for a value that is itself at fault. */
export class NotParsed extends Error {}

/**
 * What of a section can be read although some of it is at fault, so that one run finds the broken rules too.
 *
 * Asking for one of its faulty values throws NotParsed: the rule that does so cannot say anything today.
 */
export function partly(schema: z.core.$ZodType, value: unknown): PropertyDescriptor {
  if (!isMapping(value)) return absent;
  const parts = {};
  for (const [name, part] of partsOf(schema, value)) {
    const result = z.safeParse(part, value[name]);
    Object.defineProperty(parts, name, result.success ? plain(result.data) : partly(part, value[name]));
  }
  return Object.keys(parts).length === 0 ? absent : plain(parts);
}

function partsOf(schema: z.core.$ZodType, value: Record<string, unknown>): [string, z.core.$ZodType][] {
  if (schema instanceof z.ZodObject) return Object.entries<z.core.$ZodType>(schema.shape);
  if (schema instanceof z.ZodRecord) return Object.keys(value).map((name) => [name, schema.valueType]);
  return [];
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const absent: PropertyDescriptor = {
  enumerable: true,
  get: () => {
    throw new NotParsed();
  },
};

export function plain(value: unknown): PropertyDescriptor {
  return { enumerable: true, value };
}

export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
