import { gt, valid } from "semver";
import * as z from "zod";
import { PULUMI_VERSION } from "../toolchain/versions.ts";

/** A preview that is not understood to the last step: nothing is concluded from it, and nothing applied. */
export class UnreadablePlan extends Error {
  override readonly name = "UnreadablePlan";

  constructor(what: string) {
    super(`The plan cannot be judged: ${what}. Nothing may be applied from it; run the review again.`);
  }
}

/** Every operation of the engine, see resource/deploy/step.go of 3.250.0. One that is not here is not understood. */
const OPERATIONS = [
  "same",
  "create",
  "update",
  "delete",
  "replace",
  "create-replacement",
  "delete-replaced",
  "read",
  "read-replacement",
  "refresh",
  "discard",
  "discard-replaced",
  "remove-pending-replace",
  "import",
  "import-replacement",
  "diff",
  "extend-parameterize",
] as const;

export type Operation = (typeof OPERATIONS)[number];

/**
 * Operations that the engine's summary counts one by one. The physical steps of a replacement are in its `replace`, a refresh is
 * none, and a read only counts when it found something new (engine/update.go, `previewActions`).
 */
const COUNTED = ["same", "create", "update", "delete", "replace", "import", "discard"] as const satisfies Operation[];

const values = z.record(z.string(), z.unknown());

/** A resource as the state has it. The engine adds fields from version to version; only these are used. */
const resource = z.looseObject({
  urn: z.string(),
  type: z.string(),
  id: z.string().optional(),
  inputs: values.optional(),
  outputs: values.optional(),
  parent: z.string().optional(),
  protect: z.boolean().optional(),
  retainOnDelete: z.boolean().optional(),
});

const step = z.strictObject({
  op: z.enum(OPERATIONS),
  urn: z.string().regex(/^urn:pulumi:[^:]+::[^:]+::.+::.+$/),
  provider: z.string().optional(),
  oldState: resource.optional(),
  newState: resource.optional(),
  diffReasons: z.array(z.string()).nullish(),
  replaceReasons: z.array(z.string()).nullish(),
  detailedDiff: z.record(z.string(), z.strictObject({ kind: z.string(), inputDiff: z.boolean() })).nullish(),
});

const digest = z.strictObject({
  config: z.record(z.string(), z.string()).optional(),
  steps: z.array(step).min(1),
  diagnostics: z.array(z.looseObject({ message: z.string().optional(), severity: z.string().optional() })).optional(),
  duration: z.number().optional(),
  changeSummary: z.record(z.enum(OPERATIONS), z.number().int()).or(z.partialRecord(z.enum(OPERATIONS), z.number())),
  maybeCorrupt: z.literal(false).optional(),
});

export type DigestStep = z.infer<typeof step>;
export type DigestResource = z.infer<typeof resource>;

/**
 * The steps of `pulumi preview --json --show-sames --show-replacement-steps`, without those of the refresh that came before the
 * program: what somebody changed by hand is no change of ours.
 * @param engine version of the engine that printed it, `v3.250.0`.
 * @throws UnreadablePlan for anything that is not exactly that: empty, cut off, two documents, an operation or a field that is
 *   not known, steps that the summary does not count, a state that may be corrupt, an engine that is newer than the pinned one.
 */
export function parseDigest(text: string, engine: string): DigestStep[] {
  if (valid(engine) === null) {
    throw new UnreadablePlan(`the engine does not tell its version (${engine || "none"})`);
  }
  if (gt(engine, PULUMI_VERSION)) {
    throw new UnreadablePlan(`it is of engine ${engine}, and the rules know ${PULUMI_VERSION}`);
  }
  if (text.trim() === "") {
    throw new UnreadablePlan("it is empty");
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UnreadablePlan("it is not one JSON document: cut off, or more than one");
  }
  const parsed = digest.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the whole"}: ${message}`);
    throw new UnreadablePlan(faults.slice(0, 5).join("; "));
  }
  const { steps, changeSummary } = parsed.data;
  const own = afterRefresh(steps);
  for (const op of COUNTED) {
    const [shown, counted] = [
      own.filter((each) => each.op === op && !isDefaultProvider(each)).length,
      changeSummary[op],
    ];
    if (shown !== (counted ?? 0)) {
      throw new UnreadablePlan(`it shows ${shown} steps "${op}", and its summary counts ${counted ?? 0}`);
    }
  }
  return own;
}

/** The first step that is not a refresh is the program's: it begins with the stack itself. */
function afterRefresh(steps: readonly DigestStep[]): DigestStep[] {
  const refreshes = steps.some(({ op }) => op === "refresh");
  const begin = steps.findIndex(({ op, urn }) => op !== "refresh" && isStack(urn));
  if (begin < 0) {
    throw new UnreadablePlan("it has no step for the stack itself");
  }
  // A destroy ends with the stack.
  return refreshes && steps[begin]?.op !== "delete" ? steps.slice(begin) : steps.filter(({ op }) => op !== "refresh");
}

export function isStack(urn: string): boolean {
  return urn.includes("::pulumi:pulumi:Stack::");
}

function isDefaultProvider({ urn }: DigestStep): boolean {
  return /::pulumi:providers:[^:]+::default(_|$)/.test(urn);
}
