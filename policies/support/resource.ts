import type { Field } from "./field.ts";

/** A resource as a program declares it: of a policy pack's request, of a plan, or of a state. */
export interface Resource {
  readonly urn: string;
  /** Pulumi's type token, `kubernetes:batch/v1:CronJob`. */
  readonly type: string;
  readonly name: string;
  /** What the program asks for; of a component, its arguments. */
  readonly inputs: Field;
  readonly protect: boolean;
  /** URN of its parent. */
  readonly parent?: string;
  /** URNs of the resources that it waits for. Only known once all resources are. */
  readonly dependencies: readonly string[];
}

/** What kind of Kubernetes object a resource is. */
export interface Kind {
  /** `apps/v1`. */
  readonly apiVersion: string;
  /** `Deployment`, also for a `DeploymentPatch`. */
  readonly kind: string;
  /** It sets some fields of another's object: what it does not say is not its business. */
  readonly patch: boolean;
}

/** Undefined for what is no Kubernetes object. */
export function kindOf({ type }: Resource): Kind | undefined {
  const [, apiVersion, name] = /^kubernetes:([^:]+):(\w+)$/.exec(type) ?? [];
  if (apiVersion === undefined || name === undefined || apiVersion.startsWith("helm.sh/") || name === "Provider") {
    return undefined;
  }
  const patch = name.endsWith("Patch") && name !== "Patch";
  return { apiVersion, kind: patch ? name.slice(0, -"Patch".length) : name, patch };
}

/** Whether it is an object of one of these kinds, in whatever version. */
export function isKind(resource: Resource, ...kinds: string[]): boolean {
  const kind = kindOf(resource);
  return kind !== undefined && kinds.includes(kind.kind);
}

/** What a person calls it: `CronJob twisterlab/postgres-backup`, `remote.Command root-volume-apply`. */
export function title(resource: Resource): string {
  const kind = kindOf(resource);
  const metadata = resource.inputs.raw as { metadata?: { name?: unknown; namespace?: unknown } } | undefined;
  if (kind === undefined || typeof metadata?.metadata?.name !== "string") {
    const [, module, last] = resource.type.split(":");
    return `${module === "remote" || module === "local" ? `${module}.` : ""}${last ?? resource.type} ${resource.name}`;
  }
  const { name, namespace } = metadata.metadata;
  return `${kind.kind} ${typeof namespace === "string" ? `${namespace}/` : ""}${name}`;
}

/** Namespace of an object. @throws Undecided while it is not known. */
export function namespaceOf({ inputs }: Resource): string {
  return inputs.at("metadata", "namespace").text() ?? "default";
}

/** Kinds of the provider @pulumi/command. */
export function isCommand({ type }: Resource): boolean {
  return type === "command:remote:Command" || type === "command:local:Command";
}

export function isRemote({ type }: Resource): boolean {
  return type.startsWith("command:remote:");
}

/** The texts that a command runs, by their inputs: create, update, delete. */
export function commandTexts({ inputs }: Resource): Field[] {
  return ["create", "update", "delete"].map((key) => inputs.at(key)).filter((field) => !field.isAbsent);
}

/**
 * URNs of everything that a resource waits for, over any number of steps. A child is declared only after its parent, so it waits
 * for what its parent waits for.
 */
export function waitsFor(resource: Resource, stack: readonly Resource[]): ReadonlySet<string> {
  const byUrn = new Map(stack.map((each) => [each.urn, each]));
  const seen = new Set<string>();
  const queue = [resource];
  for (let each = queue.pop(); each !== undefined; each = queue.pop()) {
    const parent = each.parent === undefined ? undefined : byUrn.get(each.parent);
    if (parent !== undefined) queue.push(parent);
    for (const urn of each.dependencies.filter((one) => !seen.has(one))) {
      seen.add(urn);
      const dependency = byUrn.get(urn);
      if (dependency !== undefined) queue.push(dependency);
    }
  }
  return seen;
}
