import { gib } from "../components/host/plan.ts";
import { isMapping } from "../components/settings/draft.ts";

/** How the engine writes a value that is not known yet, by its type (sdk/go/common/resource/plugin/rpc.go of 3.250.0). */
const UNKNOWN = new Set([
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** What stands at a place of a resource: a value, nothing, or something that is not shown to a reviewer. */
export type Reading =
  | { readonly is: "value"; readonly value: unknown }
  | { readonly is: "absent" }
  | { readonly is: "hidden"; readonly as: "[secret]" | "[unknown]" };

/** What stands at `path`, `spec.jobTemplate.spec` for instance. What holds it may be secret, or unknown, as a whole. */
export function read(values: unknown, path: string): Reading {
  const steps = path.split(".").filter((step) => step !== "");
  let inner = values;
  for (const step of steps) {
    const hidden = hiddenAs(inner);
    if (hidden !== undefined) {
      return { is: "hidden", as: hidden };
    }
    inner = Array.isArray(inner) ? inner[Number(step)] : isMapping(inner) ? inner[step] : undefined;
  }
  const hidden = hiddenAs(inner);
  if (hidden !== undefined) {
    return { is: "hidden", as: hidden };
  }
  return inner === undefined || inner === null ? { is: "absent" } : { is: "value", value: inner };
}

/** The value at `path`, where it is known and of that type; else undefined. */
export function numberAt(values: unknown, path: string): number | undefined {
  const reading = read(values, path);
  return reading.is === "value" && typeof reading.value === "number" ? reading.value : undefined;
}

export function textAt(values: unknown, path: string): string | undefined {
  const reading = read(values, path);
  return reading.is === "value" && typeof reading.value === "string" ? reading.value : undefined;
}

export function listAt(values: unknown, path: string): unknown[] {
  const reading = read(values, path);
  return reading.is === "value" && Array.isArray(reading.value) ? (reading.value as unknown[]) : [];
}

/** Whether a value is not shown, and why. */
export function hiddenAs(value: unknown): "[secret]" | "[unknown]" | undefined {
  if (value === "[secret]") {
    return "[secret]";
  }
  return typeof value === "string" && UNKNOWN.has(value) ? "[unknown]" : undefined;
}

/** Whether anything in a value, or it itself, is not shown. */
export function hiddenIn(value: unknown): "[secret]" | "[unknown]" | undefined {
  const hidden = hiddenAs(value);
  if (hidden !== undefined || typeof value !== "object" || value === null) {
    return hidden;
  }
  return Object.values(value)
    .map(hiddenIn)
    .find((inner) => inner !== undefined);
}

/** The length of a value on the page. */
const LONGEST = 100;

/** A value as a reviewer reads it: one line, cut off, what is secret or unknown by that word. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) {
    return "not set";
  }
  const text = typeof value === "string" ? value : JSON.stringify(veiled(value));
  const line = (hiddenAs(value) ?? text).replaceAll(/\s*\n\s*/g, " ⏎ ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 3)}...` : line;
}

/** As `shown`, and of the bytes and seconds in our components' arguments what they are. */
export function shownAt(field: string, value: unknown): string {
  const name = field.split(".").at(-1) ?? "";
  if (typeof value !== "number") {
    return shown(value);
  }
  if (/size$|^reserve$|^maxUse$/i.test(name)) {
    return `${value} (${gib(value)})`;
  }
  return /^(retention|maxAge|maxDrillAge|minimumAge)$/.test(name)
    ? `${value} (${Number((value / 86_400).toFixed(1))} days)`
    : shown(value);
}

export function shownReading(reading: Reading, field = ""): string {
  return reading.is === "value" ? shownAt(field, reading.value) : reading.is === "hidden" ? reading.as : "not set";
}

/** Every leaf of a value, by its path. */
export function leaves(value: unknown, path = ""): Map<string, unknown> {
  const entries: [string, unknown][] = Array.isArray(value)
    ? value.map((item, index) => [`${path}[${index}]`, item])
    : isMapping(value)
      ? Object.entries(value).map(([key, item]) => [path === "" ? key : `${path}.${key}`, item])
      : [];
  return entries.length === 0
    ? new Map(value === undefined ? [] : [[path, value]])
    : new Map(entries.flatMap(([inner, item]) => [...leaves(item, inner)]));
}

function veiled(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(veiled);
  }
  return isMapping(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, veiled(item)]))
    : (hiddenAs(value) ?? value);
}
