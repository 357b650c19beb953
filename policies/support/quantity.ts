import type { Field } from "./field.ts";
import { Undecided } from "./field.ts";

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A Kubernetes quantity, in cores or bytes; undefined when it is not there.
 * @throws Undecided for what is no quantity.
 */
export function quantity(field: Field): number | undefined {
  const { value } = field;
  if (value === undefined) return undefined;
  if (typeof value !== "string" && typeof value !== "number") throw new Undecided(field.path, "is no quantity");
  const [, amount, exponent, unit = ""] =
    /^(\d+(?:\.\d*)?|\.\d+)(?:(?:[eE]([+-]?\d+))|(\w*))$/.exec(String(value)) ?? [];
  const factor = exponent === undefined ? FACTORS[unit] : 10 ** Number(exponent);
  if (amount === undefined || factor === undefined) throw new Undecided(field.path, "is no quantity");
  return Number(amount) * factor;
}

/** Thousandths of a core, rounded up as Kubernetes does: a sum of them is exact. */
export function millicores(field: Field): number | undefined {
  const cores = quantity(field);
  return cores === undefined ? undefined : Math.ceil(Number((cores * 1000).toFixed(6)));
}
