import { parseDigest } from "../../review/digest.ts";
import { changesOf, type ChangePlan } from "../../review/plan.ts";
import type { Finding } from "../../review/rule.ts";
import { judge, type RuledFinding } from "../../review/rules/index.ts";

/** Inputs of a resource. */
export type Inputs = Record<string, unknown>;

/** What happens to one resource, as the tests write it. */
export interface Written {
  /** `batch/v1:CronJob`, `twisterlab:host:LogicalVolume`, `command:remote:Command`. */
  type: string;
  name: string;
  /** Types of the components that it is in. */
  within?: string[];
  old?: Inputs;
  new?: Inputs;
  /** Default: by what is there of old and new. */
  op?: "same" | "create" | "update" | "delete" | "replace" | "discard";
  /** Path that a replacement is for. */
  replacedFor?: string;
  /** Paths that the provider says differ. */
  differs?: string[];
  protect?: { old?: boolean; new?: boolean };
  retainOnDelete?: boolean;
}

const STACK = "edge-phase-1";
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A type as Pulumi writes it. */
export function pulumiType(type: string): string {
  return type.includes("/") ? `kubernetes:${type}` : type;
}

/** Whether a provider has it; what is no resource of a provider is a component. */
export function isCustom(type: string): boolean {
  return !/^twisterlab:|^helm\.sh\/v\d:Chart$/.test(type);
}

export function urnOf({ type, name, within = [] }: Written): string {
  return `urn:pulumi:${STACK}::twisterlab-edge::${[...within, pulumiType(type)].join("$")}::${name}`;
}

const ROOT = `urn:pulumi:${STACK}::twisterlab-edge::pulumi:pulumi:Stack::twisterlab-edge-${STACK}`;

/** The steps of `pulumi preview --json --show-sames --show-replacement-steps`, as engine 3.250.0 prints them. */
export function digestOf(written: readonly Written[], { outputs = {} }: { outputs?: Inputs } = {}): Digest {
  const stack = { urn: ROOT, custom: false, type: "pulumi:pulumi:Stack" };
  const steps = [
    { op: "same", urn: ROOT, oldState: { ...stack, outputs }, newState: stack, detailedDiff: null },
    ...written.flatMap(stepsOf),
  ];
  const counted = steps.map(({ op }) => op).filter((op) => !/-replace(ment|d)$|^read$/.test(op) || op === "replace");
  const changeSummary: Record<string, number> = {};
  for (const op of counted) {
    changeSummary[op] = (changeSummary[op] ?? 0) + 1;
  }
  return { steps, duration: 1, changeSummary };
}

export interface Digest {
  steps: object[];
  duration: number;
  changeSummary: Record<string, number>;
  [more: string]: unknown;
}

function stepsOf(written: Written): { op: string }[] {
  const { old, new: next, protect, retainOnDelete, replacedFor, differs = [] } = written;
  const urn = urnOf(written);
  const state = (inputs: Inputs | undefined, when: "old" | "new") =>
    inputs === undefined
      ? {}
      : {
          [`${when}State`]: {
            urn,
            custom: isCustom(written.type),
            type: pulumiType(written.type),
            inputs,
            ...(protect?.[when] === true ? { protect: true } : {}),
            ...(retainOnDelete === true ? { retainOnDelete } : {}),
          },
        };
  const op = written.op ?? (old === undefined ? "create" : next === undefined ? "delete" : "update");
  const detailedDiff = Object.fromEntries([
    ...differs.map((path) => [path, { kind: "update", inputDiff: true }]),
    ...(replacedFor === undefined ? [] : [[replacedFor, { kind: "update-replace", inputDiff: true }]]),
  ]) as object;
  const both = { urn, ...state(old, "old"), ...state(next, "new"), detailedDiff };
  if (op !== "replace") {
    return [{ op, ...both }];
  }
  const before = { op: "delete-replaced", urn, ...state(old, "old"), detailedDiff: null };
  return [before, { op: "replace", ...both }, { op: "create-replacement", ...both }];
}

/** What a plan has beside its steps. */
export type More = Partial<ChangePlan> & { outputs?: Inputs };

/** A plan as the rules see it, from written steps that go through the JSON that the engine prints. */
export function planOf(written: readonly Written[], more: More = {}): ChangePlan {
  const { outputs, ...rest } = more;
  const steps = parseDigest(JSON.stringify(digestOf(written, outputs === undefined ? {} : { outputs })), "v3.250.0");
  return {
    stack: STACK,
    destroys: false,
    changes: changesOf(steps),
    items: [],
    cluster: { refusals: [], notes: [], objects: [] },
    bypasses: [],
    ...rest,
  };
}

/** What the rules find in it. */
export function findingsOf(written: readonly Written[], more?: More): RuledFinding[] {
  return judge(planOf(written, more));
}

/** All of a finding but the words for people: what it is about, what it saw, and whether it can be approved. */
export function factsOf({ resource, field, old, new: next, undecided, final }: Finding): string {
  const what = [resource.split("::").slice(-2).join(" "), field, `${old ?? ""} -> ${next ?? ""}`];
  return [...what, undecided === true ? "undecided" : "", final === true ? "final" : ""].filter(Boolean).join(" | ");
}

/** A change that no rule may object to. */
export interface GoodChange {
  name: string;
  steps: Written[];
  more?: More;
}

/** A change that must be refused, and the rules that must say so. */
export interface BadChange extends GoodChange {
  rules: string[];
}

/** A resource that is there before and after, and is not the same. */
export function changed(type: string, old: Inputs, next: Inputs): Written {
  return { type, name: "changed", old, new: next };
}

/** An object of Kubernetes. */
export function object(kind: string, name: string, more: Inputs = {}): Inputs {
  return { kind, metadata: { name, namespace: "twisterlab" }, ...more };
}

/** A workload's spec, with one container. */
export function pods(image: string, labels: Inputs = { app: "x" }, env: Inputs = {}): Inputs {
  return {
    template: {
      metadata: { labels },
      spec: {
        containers: [{ name: "main", image, env: Object.entries(env).map(([name, value]) => ({ name, value })) }],
      },
    },
  };
}

/** The spec of a CronJob. */
export function cronJob(schedule: string, image = "postgres:16-alpine", env: Inputs = {}): Inputs {
  return { schedule, jobTemplate: { spec: pods(image, { app: "x" }, env) } };
}
