import { distance } from "fastest-levenshtein";

/** One thing wrong with the settings. */
export interface Fault {
  /** `twisterlab-edge:phase1.storage.size`, or the name of an environment variable. */
  readonly key: string;
  /** What was given, shortened; absent where nothing was given or where it may be a secret. */
  readonly value?: string;
  /** What is wrong and the way out, to be read after the key. */
  readonly reason: string;
}

/** All that is wrong with the settings, in one message. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly faults: readonly Fault[];

  /** @param source file, or other place, where the faults are to be mended. */
  constructor(source: string, faults: readonly Fault[]) {
    const lines = faults.map(({ key, value, reason }) => `${key}${value === undefined ? "" : ` = ${value}`} ${reason}`);
    super(
      lines.length === 1
        ? `${source}: ${lines.join()}`
        : `${source} has ${lines.length} faults:\n  ${lines.join("\n  ")}`,
    );
    this.faults = faults;
  }
}

/** A path into a section as Pulumi writes it: `phase1.dataRoots[0].disk`. */
export function keyOf(section: string, path: readonly PropertyKey[]): string {
  const steps = path.map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return /^[\w-]+$/.test(String(step)) ? `.${String(step)}` : `["${String(step)}"]`;
  });
  return `${section}${steps.join("")}`;
}

/** What was given, for a message: one line, short, and nothing that looks like key material. */
export function show(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value);
  if (text.includes("PRIVATE KEY") || text.includes('"secure"')) return "(withheld)";
  return text.length > 60 ? `${text.slice(0, 56)}...` : text;
}

/** The way out of a misspelled name: the nearest known one, or all of them when none is near. */
export function nearest(given: string, known: readonly string[]): string {
  const [best] = known
    .map((name) => ({ name, steps: distance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.steps - b.steps);
  if (best === undefined) return "nothing is known here";
  if (best.steps <= Math.max(2, Math.floor(best.name.length / 3))) return `did you mean \`${best.name}\`?`;
  return `known here: ${known.map((name) => `\`${name}\``).join(", ")}`;
}
