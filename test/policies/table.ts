import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { parse } from "yaml";
import { parseSite, type Site } from "../../components/settings/site.ts";
import { Field, UNKNOWN } from "../../policies/support/field.ts";
import type { Resource } from "../../policies/support/resource.ts";
import { fieldOf } from "../../policies/support/unwrap.ts";
import { FROZEN_SITE_FILE } from "../support/mocks.ts";

/** A resource as a table writes it. */
export interface Plain {
  type: string;
  name: string;
  inputs: Inputs;
  protect?: boolean;
  /** Names of resources. */
  parent?: string;
  dependsOn?: string[];
}

export type Inputs = Record<string, unknown>;

/** What is changed in a stack that a rule accepts: a path in the inputs of its first resource with a value, or any change. */
export type Change = readonly [path: string, value: unknown] | ((stack: Plain[]) => void);

/** How a rule is tried. */
export interface Table {
  /** A stack that it accepts; the first resource is the one that is broken. */
  base: () => Plain[];
  /** Each alone makes the rule refuse. */
  refused: Record<string, Change>;
  /** Each alone leaves it accepting. */
  accepted?: Record<string, Change>;
  /** Paths that make it refuse when they are not known. */
  unknown?: string[];
  /** Paths that make it wait for `up` when they are not known, and nothing else. */
  pending?: string[];
  /** Changes that make it wait for `up`, and nothing else. */
  waits?: Record<string, Change>;
  /** Paths that make it refuse when nothing stands there. */
  absent?: string[];
  /** Tries what is refused in the init and ephemeral containers of a Deployment, and of a CronJob, as well. */
  pods?: true | "not jobs";
  /** Changes the site file's configuration first. */
  site?: (config: Record<string, Record<string, unknown>>) => void;
  /** The same of another site, or from another base. */
  also?: Table;
}

export const NOW = new Date("2026-11-27T12:00:00Z");

/** EdgeServer's site, with a change perhaps. */
export function siteOf(change: Table["site"] = () => undefined): Site {
  const { config } = parse(readFileSync(new URL(`../../${FROZEN_SITE_FILE}`, import.meta.url), "utf8")) as {
    config: Record<string, Record<string, unknown>>;
  };
  change(config);
  return parseSite(config, { file: "Pulumi.edge.yaml", site: "edge" });
}

/** The resources of a stack, as a rule sees them. */
export function stackOf(
  plain: readonly Plain[],
  wrap: (inputs: Inputs) => Field = (inputs) => new Field(inputs),
): Resource[] {
  const urns = new Map(plain.map(({ type, name }) => [name, urnOf(type, name)]));
  const urn = (name: string) => urns.get(name) ?? urnOf("test:index:None", name);
  return plain.map(({ type, name, inputs, protect = false, parent, dependsOn = [] }) => ({
    urn: urnOf(type, name),
    type,
    name,
    inputs: wrap(inputs),
    protect,
    dependencies: dependsOn.map(urn),
    ...(parent === undefined ? {} : { parent: urn(parent) }),
  }));
}

export function urnOf(type: string, name: string): string {
  return `urn:pulumi:edge-phase-1::twisterlab-edge::${type}::${name}`;
}

/** The stack of a table after a change. */
export function changed(base: () => Plain[], change: Change): Plain[] {
  const stack = structuredClone(base());
  if (typeof change === "function") change(stack);
  else put(stack[0]?.inputs ?? {}, change[0], change[1]);
  return stack;
}

/** Sets what stands at a path, `spec.containers[0].image`; undefined takes it away. */
export function put(inputs: Inputs, path: string, value: unknown): void {
  const steps = [...path.matchAll(/\["([^"]+)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, key]) => quoted ?? key ?? Number(index),
  );
  const last = steps.pop() ?? "";
  let holder = inputs as Record<string | number, unknown>;
  for (const step of steps) {
    holder[step] ??= {};
    holder = holder[step] as typeof holder;
  }
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else holder[last] = value;
}

// The SDK's own, which its types do not show.
const sdk = createRequire(import.meta.url);
const { deserializeProperties } = sdk("@pulumi/policy/deserialize.js") as {
  deserializeProperties: (wire: unknown, keepSecrets: boolean) => Record<string, unknown>;
};
const { unknownCheckingProxy } = sdk("@pulumi/policy/proxy.js") as {
  unknownCheckingProxy: (props: Record<string, unknown>) => Record<string, unknown>;
};

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Inputs on the way that they take to a policy: through the engine's request, every text in them a secret. */
export function throughTheEngine(inputs: Inputs): Field {
  return fieldOf(propsOf(inputs));
}

/** Inputs as the SDK hands them to a policy: reading what is not known throws. */
export function propsOf(inputs: Inputs): Record<string, unknown> {
  const wire = struct.Struct.fromJavaScript(wrapped(inputs) as Parameters<typeof struct.Struct.fromJavaScript>[0]);
  return unknownCheckingProxy(deserializeProperties(wire, false));
}

function wrapped(value: unknown): unknown {
  if (value === UNKNOWN) return UNKNOWN_TEXT;
  if (typeof value === "string") return { [SIGNATURE]: SECRET, value };
  if (Array.isArray(value)) return value.map(wrapped);
  if (typeof value !== "object" || value === null) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(given.map(([key, inner]) => [key, wrapped(inner)]));
}
