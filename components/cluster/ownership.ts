import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { type ClusterApi, reasonOf } from "./clusterApi.ts";

/** Name that this program's fields are managed under. */
export const MANAGER = "twisterlab-edge";

/** Annotation of everything that this program makes on a cluster: the stack that it belongs to. */
export const STACK = "twisterlab-edge/stack";

/** What to ask a cluster, and what it may be asked for. */
export interface OwnershipArgs {
  /** Stack that the objects are made by. */
  stack: string;
  /** The cluster. */
  api: ClusterApi;
  /** Objects that may be taken over, `Deployment twisterlab/mcp-unified`. */
  takeOver: readonly string[];
}

/** What a look at the cluster found. */
export interface ClusterLook {
  /** What stands in the way of `up`, a line each. */
  readonly refusals: readonly string[];
  /** What a reviewer is to know, a line each. */
  readonly notes: readonly string[];
  /** Why the cluster could not be asked. */
  readonly blind?: string;
}

/** What was found about one object: nothing when it is not there, or is ours. */
type Finding = { refusal: string } | { note: string; there: KubernetesObject } | undefined;

/** An object as the program declares it. */
interface Declared {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/**
 * Keeps an object that was there before from being overwritten: the provider takes an existing one of the same name for its
 * own without a word. Every object that is made gets the name of its stack as an annotation, and is looked for on the
 * cluster twice: with all others before anything is applied, and by itself right before it is made. What is only patched must
 * be there, and keeps its owner.
 */
export class Ownership {
  readonly #args: OwnershipArgs;
  readonly #declared: Declared[] = [];
  readonly #patched: Declared[] = [];
  #hook: pulumi.ResourceHook | undefined;

  constructor(args: OwnershipArgs) {
    this.#args = args;
  }

  /**
   * To be among the `transformations` of everything with objects on the cluster.
   * @throws Error for an object whose name or namespace is not a plain text: it could not be looked for.
   */
  readonly transformation: pulumi.ResourceTransformation = ({ type, name: resource, props, opts }) => {
    if (!/^kubernetes:.+:/.test(type)) {
      return undefined;
    }
    const { apiVersion, kind, metadata } = props as { apiVersion: unknown; kind: unknown; metadata?: Metadata };
    const { name, namespace } = metadata ?? {};
    if (!isText(apiVersion) || !isText(kind) || !isText(name) || !(namespace === undefined || isText(namespace))) {
      throw new Error(`${resource}: kind, name and namespace must be plain texts, so that it can be looked for`);
    }
    const object = declared(apiVersion, kind, name, namespace);
    if (type.endsWith("Patch")) {
      this.#patched.push(object);
      return undefined;
    }
    this.#declared.push(object);
    this.#hook ??= new pulumi.ResourceHook("claim", ({ newInputs }) => this.claim(newInputs as Declared));
    const annotations = {
      ...(metadata?.annotations as object | undefined),
      [STACK]: this.#args.stack,
      // What somebody changed by hand is mended: the field is his since, and the provider would stop at it.
      "pulumi.com/patchForce": "true",
      "pulumi.com/patchFieldManager": MANAGER,
    };
    return {
      props: { ...props, metadata: { ...metadata, annotations } },
      opts: { ...opts, hooks: { ...opts.hooks, beforeCreate: [this.#hook, ...(opts.hooks?.beforeCreate ?? [])] } },
    };
  };

  /** Whether anything is to be on the cluster at all. */
  get declared(): boolean {
    return this.#declared.length + this.#patched.length > 0;
  }

  /** Everything that is to be there, as people call it. */
  get objects(): string[] {
    return [...new Set([...this.#declared, ...this.#patched].map(objectName))];
  }

  /** Looks for everything that was declared so far. Never throws: not to see is a result. */
  async look(): Promise<ClusterLook> {
    if (!this.declared) {
      return { refusals: [], notes: [] };
    }
    try {
      const findings = await this.#args.api.inTime(this.#ask());
      return {
        refusals: findings.flatMap((finding) => (finding && "refusal" in finding ? [finding.refusal] : [])),
        notes: findings.flatMap((finding) => (finding && "note" in finding ? [finding.note] : [])),
      };
    } catch (error) {
      return { refusals: [], notes: [], blind: reasonOf(error) };
    }
  }

  /**
   * Right before an object is made: it is not there, or is ours. One that may be taken over gets this program as the manager
   * of all its fields: by the rules of server-side apply those that it does not set go then. Left with their managers, they
   * would stay, and make one object of two.
   * @throws Error when it is another's, or when the cluster does not answer.
   */
  async claim({ apiVersion, kind, metadata: { name, namespace } }: Declared): Promise<void> {
    const object = declared(apiVersion, kind, name, namespace);
    let finding: Finding;
    try {
      finding = await this.#args.api.inTime(this.#find(object));
    } catch (error) {
      throw new Error(`${objectName(object)} was not looked for, and so not made: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    if (finding !== undefined && "refusal" in finding) {
      throw new Error(finding.refusal);
    }
    if (finding !== undefined) {
      await manage(await this.#args.api.open(), object, finding.there);
    }
  }

  async #ask(): Promise<Finding[]> {
    const api = await this.#args.api.open();
    const objects = this.#declared;
    const made = new Set(objects.map(objectName));
    const patched = this.#patched.filter((object) => !made.has(objectName(object)));
    const own = new Set(objects.flatMap(({ kind, metadata }) => (kind === "Namespace" ? [metadata.name] : [])));
    const namespaces = new Set(objects.flatMap(({ metadata: { namespace } }) => namespace ?? []));
    return Promise.all([
      ...objects.map((object) => this.#find(object)),
      ...patched.map((object) => findNeeded(api, object)),
      ...[...namespaces]
        .filter((name) => !own.has(name))
        .map((name) => findNeeded(api, { apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ]);
  }

  async #find(object: Declared): Promise<Finding> {
    const there = await read(await this.#args.api.open(), object);
    const called = objectName(object);
    const owner = there?.metadata?.annotations?.[STACK];
    if (there === undefined || owner === this.#args.stack) {
      return undefined;
    }
    if (owner !== undefined) {
      return { refusal: `${called} belongs to the stack ${owner}` };
    }
    return this.#args.takeOver.includes(called)
      ? {
          there,
          note: `${called} was there before and is taken over, as cluster.takeOver says: what this program does not set of it goes`,
        }
      : {
          refusal: `${called} is there already and not this program's: rename or remove it, or let it be taken over by naming it under cluster.takeOver`,
        };
  }
}

function declared(apiVersion: string, kind: string, name: string, namespace: string | undefined): Declared {
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}

/** As people call an object, and as the site file does: `Deployment twisterlab/mcp-unified`. */
export function objectName({ kind, metadata: { name, namespace } }: Omit<Declared, "apiVersion">): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

type Metadata = Record<"name" | "namespace" | "annotations", unknown>;

function isText(value: unknown): value is string {
  return typeof value === "string";
}

async function findNeeded(api: KubernetesObjectApi, object: Declared): Promise<Finding> {
  return (await read(api, object)) === undefined
    ? { refusal: `${objectName(object)} is not there, and is not this program's to make` }
    : undefined;
}

/** The object on the cluster; undefined when it is not there, or when the cluster has none of its kind. */
async function read(api: KubernetesObjectApi, { apiVersion, kind, metadata }: Declared) {
  try {
    const wanted: object = { apiVersion, kind, metadata: { namespace: "", ...metadata } };
    return await api.read(wanted as Parameters<KubernetesObjectApi["read"]>[0]);
  } catch (error) {
    if ((error as { code?: unknown }).code === 404 || reasonOf(error).includes("Unrecognized API version and kind")) {
      return undefined;
    }
    throw error;
  }
}

/** Gives all fields of an object to this program, but for those that controllers write into its status. */
async function manage(api: KubernetesObjectApi, object: Declared, there: KubernetesObject): Promise<void> {
  const { PatchStrategy } = await import("@kubernetes/client-node");
  const managedFields = there.metadata?.managedFields ?? [];
  const [status, spec] = [
    managedFields.filter(({ subresource }) => subresource !== undefined),
    managedFields.filter(({ subresource }) => subresource === undefined),
  ];
  const fieldsV1 = spec.map((entry) => (entry.fieldsV1 ?? {}) as Fields).reduce(union, {});
  const ours = {
    manager: MANAGER,
    operation: "Apply",
    apiVersion: object.apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1,
  };
  // As it was seen: one that somebody changes at the same moment is refused, and seen anew by the next run.
  const resourceVersion = there.metadata?.resourceVersion;
  const metadata = { ...object.metadata, resourceVersion, managedFields: [...status, ours] };
  const patch: object = { apiVersion: object.apiVersion, kind: object.kind, metadata };
  await api.patch(patch, undefined, undefined, MANAGER, undefined, PatchStrategy.MergePatch);
}

/** Sets of fields, as Kubernetes writes them: objects within objects. */
interface Fields {
  [field: string]: Fields;
}

function union(one: Fields, other: Fields): Fields {
  return Object.entries(other).reduce<Fields>(
    (all, [field, inner]) => ({ ...all, [field]: union(all[field] ?? {}, inner) }),
    one,
  );
}
