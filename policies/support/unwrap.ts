import { UnknownValueError } from "@pulumi/policy";
import { Field, UNKNOWN } from "./field.ts";

/**
 * What a policy is handed, as a Field: a plain copy in which UNKNOWN stands for what cannot be known in a preview. The SDK throws
 * when such a value is read, and takes that for a reason to let a mandatory policy pass.
 */
export function fieldOf(props: Record<string, unknown>): Field {
  return new Field(copy(props));
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => copy(read(value, index)));
  return Object.fromEntries(Object.keys(value).map((key) => [key, copy(read(value, key))]));
}

function read(holder: object, key: string | number): unknown {
  try {
    return (holder as Record<string | number, unknown>)[key];
  } catch (error) {
    if (error instanceof UnknownValueError) return UNKNOWN;
    throw error;
  }
}
