import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { urnOf, type Inputs, type Plain } from "../table.ts";

/** A small state, and what becomes of it. */
export interface Entry {
  name: string;
  /** The rule that must refuse it; none: it must pass. */
  rule?: string;
  /** Not to be looked at together with others. */
  alone?: boolean;
  resources: Plain[];
}

/** The states of a file of this folder. */
export function corpus(file: "bad.yaml" | "good.yaml"): Entry[] {
  const entries = parse(readFileSync(join(import.meta.dirname, file), "utf8"), { merge: true }) as (Omit<
    Entry,
    "resources"
  > & {
    objects?: Manifest[];
    resources?: Plain[];
  })[];
  return entries.map(({ objects = [], resources = [], ...entry }) => ({
    ...entry,
    resources: [...objects.map(resourceOf), ...resources],
  }));
}

interface Manifest extends Inputs {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  protect?: boolean;
}

function resourceOf({ protect = false, ...inputs }: Manifest): Plain {
  const { apiVersion, kind, metadata } = inputs;
  const type = `kubernetes:${apiVersion.includes("/") ? "" : "core/"}${apiVersion}:${kind}`;
  return { type, name: metadata.name, inputs, protect };
}

/** What `pulumi stack export` prints of a stack that has these resources. */
export function stateOf(resources: readonly Plain[]): string {
  const urns = new Map(resources.map(({ type, name }) => [name, urnOf(type, name)]));
  const stack = urnOf("pulumi:pulumi:Stack", "twisterlab-edge-edge-phase-1");
  const states = resources.map(({ type, name, inputs, protect = false, parent, dependsOn = [] }) => {
    const custom = !type.startsWith("twisterlab:");
    return {
      urn: urnOf(type, name),
      type,
      custom,
      ...(custom ? { id: name } : {}),
      inputs,
      outputs: inputs,
      protect,
      parent: urns.get(parent ?? "") ?? stack,
      dependencies: dependsOn.map((each) => urns.get(each)),
    };
  });
  const manifest = { time: "2026-11-27T00:00:00Z", magic: "", version: "" };
  const all = [{ urn: stack, type: "pulumi:pulumi:Stack", custom: false }, ...states];
  return JSON.stringify({ version: 3, deployment: { manifest, resources: all } });
}
