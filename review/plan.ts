import type { ReportedItem } from "../components/host/plan.ts";
import type { PlanFile } from "../phases/planFile.ts";
import { type DigestResource, type DigestStep, isStack, type Operation, UnreadablePlan } from "./digest.ts";
import { read, textAt } from "./values.ts";

/** What becomes of one resource: its steps together, with what it was and what it will be. */
export interface Change {
  readonly urn: string;
  /** `kubernetes:batch/v1:CronJob`. */
  readonly type: string;
  /** Types of the components that it is in, outermost first. */
  readonly within: readonly string[];
  /** Name of the resource in the program. */
  readonly name: string;
  readonly ops: ReadonlySet<Operation>;
  /** Undefined when it is new. */
  readonly old: DigestResource | undefined;
  /** Undefined when it goes. */
  readonly new: DigestResource | undefined;
  /** Paths that differ, as the provider writes them; of a component, whose diff is the engine's, none. */
  readonly differs: readonly string[];
  /** Those that make it another resource. */
  readonly replacedFor: readonly string[];
}

/** All that the rules judge. */
export interface ChangePlan {
  /** Stack that the plan is for. */
  readonly stack: string;
  /** Whether it is that of a destroy. */
  readonly destroys: boolean;
  readonly changes: readonly Change[];
  /** What the program says of the host; a destroy runs no program. */
  readonly items: readonly ReportedItem[];
  readonly cluster: PlanFile["cluster"];
  /** Flags, and variables of the environment, that let an operation go round the gate. */
  readonly bypasses: readonly string[];
}

/** One change a resource. */
export function changesOf(steps: readonly DigestStep[]): Change[] {
  const byUrn = Map.groupBy(steps, ({ urn }) => urn);
  return [...byUrn].map(([urn, own]): Change => {
    const { type, within, name } = partsOf(urn);
    const ops = new Set(own.map(({ op }) => op));
    const old = own.find(({ oldState }) => oldState !== undefined)?.oldState;
    const next = own.find(({ newState }) => newState !== undefined)?.newState;
    checkStates(urn, ops, old, next);
    const diffs = own.flatMap(({ detailedDiff }) => Object.entries(detailedDiff ?? {}));
    const reasons = own.flatMap(({ replaceReasons }) => replaceReasons ?? []);
    const forced = diffs.filter(([, { kind }]) => kind.endsWith("-replace")).map(([path]) => path);
    return {
      urn,
      type,
      within,
      name,
      ops,
      old,
      new: next,
      differs: [...new Set([...diffs.map(([path]) => path), ...own.flatMap(({ diffReasons }) => diffReasons ?? [])])],
      replacedFor: [...new Set(forced.length > 0 ? forced : reasons)],
    };
  });
}

/** What an operation needs to be judged must be there. */
function checkStates(urn: string, ops: ReadonlySet<Operation>, old?: DigestResource, next?: DigestResource): void {
  const needsOld = [...ops].some((op) => op !== "create" && op !== "read" && op !== "import");
  const needsNew = [...ops].some((op) => ["create", "update", "replace", "create-replacement", "same"].includes(op));
  if ((needsOld && old === undefined) || (needsNew && next === undefined)) {
    throw new UnreadablePlan(
      `${urn} is to ${[...ops].join(", ")}, and its ${needsOld && old === undefined ? "old" : "new"} state is not shown`,
    );
  }
}

/** `urn:pulumi:stack::project::outer$inner::name`. */
function partsOf(urn: string): { type: string; within: string[]; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  const chain = types.split("$");
  return { type: chain.at(-1) ?? "", within: chain.slice(0, -1), name: name.join("::") };
}

/** Operations after which what was there is no more. */
const DESTROYS: readonly Operation[] = [
  "delete",
  "replace",
  "delete-replaced",
  "discard",
  "discard-replaced",
  "remove-pending-replace",
];

export function isDestroyed({ ops }: Change): boolean {
  return DESTROYS.some((op) => ops.has(op));
}

export function isReplaced({ ops }: Change): boolean {
  return ops.has("replace") || ops.has("create-replacement") || ops.has("delete-replaced");
}

export function isDeleted(change: Change): boolean {
  return isDestroyed(change) && !isReplaced(change);
}

/** Whether it is there before and after, and is not the same: what a rule that compares the two looks at. */
export function isAltered(change: Change): boolean {
  return change.old !== undefined && change.new !== undefined && !isDeleted(change) && !change.ops.has("same");
}

/** Whether anything happens to it. */
export function isChanged({ ops }: Change): boolean {
  return [...ops].some((op) => op !== "same" && op !== "read");
}

/** The stack itself and what the engine keeps for its own use. */
export function isInternal({ type, urn }: Change): boolean {
  return isStack(urn) || type === "pulumi:pulumi:StackReference";
}

/** `CronJob` of `kubernetes:batch/v1:CronJob`; undefined of everything else. */
export function kindOf({ type }: Change): string | undefined {
  return type.startsWith("kubernetes:") ? type.split(":").at(-1) : undefined;
}

/** As people call it: `CronJob twisterlab/postgres-backup`, or the name in the program. */
export function called(change: Change): string {
  const kind = kindOf(change);
  const inputs = change.new?.inputs ?? change.old?.inputs;
  const name = textAt(inputs, "metadata.name");
  if (kind === undefined || name === undefined) {
    return change.name;
  }
  const namespace = textAt(inputs, "metadata.namespace");
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** What it was, and what it will be, at a path of its inputs. */
export function bothAt(change: Change, path: string) {
  return { old: read(change.old?.inputs, path), new: read(change.new?.inputs, path) };
}
