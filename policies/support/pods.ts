import type { Field } from "./field.ts";
import { kindOf, type Resource } from "./resource.ts";

/** What an object says of its pods. */
export interface Pods {
  /** The pod's spec. */
  readonly spec: Field;
  /** Labels that the pods get. */
  readonly labels: Field;
  /** Only some fields are set, of another's object: what is not said is not refused. */
  readonly patch: boolean;
  /** They run to an end, and are made again by a job. */
  readonly job: boolean;
}

/** Kinds whose pods stand below `spec.template`. */
const CONTROLLERS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"];

/** The pods that an object makes; none for what makes no pods. Of kinds that are not known here, its shape says so. */
export function podsOf(resource: Resource): Pods[] {
  const kind = kindOf(resource);
  if (kind === undefined) return [];
  const { inputs } = resource;
  const of = (holder: Field, job: boolean): Pods[] => [
    { spec: holder.at("spec"), labels: holder.at("metadata", "labels"), patch: kind.patch, job },
  ];
  if (kind.kind === "Pod") return of(inputs, false);
  if (kind.kind === "PodTemplate") return of(inputs.at("template"), false);
  if (kind.kind === "CronJob") return of(inputs.at("spec", "jobTemplate", "spec", "template"), true);
  if (CONTROLLERS.includes(kind.kind)) return of(inputs.at("spec", "template"), kind.kind === "Job");
  const { spec } = inputs.raw as { spec?: { template?: { spec?: { containers?: unknown } } } };
  return Array.isArray(spec?.template?.spec?.containers) ? of(inputs.at("spec", "template"), false) : [];
}

/** A container, and what its pod says for it. */
export interface Container {
  readonly field: Field;
  readonly spec: Field;
  /** "container postgres". */
  readonly title: string;
  /** Runs as long as the pod does: neither an init nor an ephemeral one. */
  readonly main: boolean;
}

/** All containers of a pod: those that stay, init and ephemeral ones. */
export function containersOf({ spec }: Pods): Container[] {
  return (["containers", "initContainers", "ephemeralContainers"] as const).flatMap((list) =>
    spec
      .at(list)
      .list()
      .map((field) => ({
        field,
        spec,
        title: `${list === "containers" ? "" : list === "initContainers" ? "init " : "ephemeral "}container ${String(field.at("name").raw)}`,
        main: list === "containers",
      })),
  );
}

/** Every container of everything that a resource makes, with its pods. */
export function* eachContainer(resource: Resource): Iterable<Container & { pods: Pods }> {
  for (const pods of podsOf(resource)) {
    for (const container of containersOf(pods)) yield { ...container, pods };
  }
}

/** A field of a container's security context; where it has none, that of its pod's. */
export function security({ field, spec }: Container, ...keys: string[]): Field {
  const own = field.at("securityContext", ...keys);
  return own.isAbsent ? spec.at("securityContext", ...keys) : own;
}

/** `spec.containers[0].image is "redis"`. */
export function shown(field: Field): string {
  return field.isAbsent ? `${field.path} is not set` : `${field.path} is ${JSON.stringify(field.raw)}`;
}
