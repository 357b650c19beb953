import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isMapping } from "../components/settings/draft.ts";
import { type Change, isChanged, isInternal } from "./plan.ts";
import { leaves } from "./values.ts";

/** What a plan was made from. Each of them changes with anything that could change what is applied. */
export interface Origin {
  /** Hash of the program and the site file. */
  program: string;
  /** Hash of the state: any `up` makes another one, and so does any edit. */
  state: string;
}

/**
 * The name of a plan, for approvals and for `--reviewed`: of its steps with every changed value, of the program and the site
 * file, and of the state. Two reviews of the same have the same; after an `up` there is no second plan with that name.
 */
export function planHash(changes: readonly Change[], origin: Origin): string {
  const steps = changes
    .filter((change) => isChanged(change) && !isInternal(change))
    .map((change) => [change.urn, change.type, [...change.ops].sort(), protection(change), changedValues(change)])
    .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
  return sha256(canonical([steps, origin.program, origin.state]));
}

function protection({ old, new: next }: Change): unknown[] {
  return [old, next].map((state) => [state?.protect === true, state?.retainOnDelete === true]);
}

/** Each path whose value differs, with a hash of both values. */
function changedValues(change: Change): [string, string, string][] {
  const [old, next] = [leaves(change.old?.inputs ?? {}), leaves(change.new?.inputs ?? {})];
  return [...new Set([...old.keys(), ...next.keys()])]
    .map((path): [string, string, string] => [path, canonical(old.get(path)), canonical(next.get(path))])
    .filter(([path, before, after]) => before !== after || change.differs.includes(path))
    .map(([path, before, after]): [string, string, string] => [path, sha256(before), sha256(after)])
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Everything that decides what the program declares, by its path from the checkout. */
const PROGRAM = ["index.ts", "package-lock.json", "Pulumi.yaml", "phases", "components", "policies"];

/**
 * Hash of the program and the site file by their content, whatever git says of them.
 * @param folder the checkout.
 */
export function programHash(folder: string, siteFile: string): string {
  const files = PROGRAM.flatMap((path) => filesOf(folder, path)).sort();
  const named = [
    ...files.map((path): [string, string] => [path, join(folder, path)]),
    [basename(siteFile), siteFile] as const,
  ];
  return sha256(canonical(named.map(([path, file]) => [path, sha256(readFileSync(file))])));
}

function filesOf(folder: string, path: string): string[] {
  const whole = join(folder, path);
  if (!existsSync(whole)) {
    return [];
  }
  return statSync(whole).isDirectory()
    ? readdirSync(whole).flatMap((name) => (name === "node_modules" ? [] : filesOf(folder, `${path}/${name}`)))
    : [path];
}

/** A value as one text, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (value === undefined) {
    return "";
  }
  return JSON.stringify(value, (_, inner: unknown) =>
    isMapping(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
