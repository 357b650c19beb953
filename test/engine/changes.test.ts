import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Captured } from "../../cli/capture.ts";
import { parseDigest } from "../../review/digest.ts";
import { type Change, changesOf } from "../../review/plan.ts";
import { judge } from "../../review/rules/index.ts";
import { BAD_CHANGES, GOOD_CHANGES } from "../review/changes/index.ts";
import { type GoodChange, isCustom, type More, pulumiType, planOf, UNKNOWN } from "../review/plans.ts";
import type { Inputs, Written } from "../review/plans.ts";
import { plainPulumi } from "../support/plainPulumi.ts";

// The corpus of changes on the real engine and its plugins: what was there is imported as a state, a program declares what is to be,
// and one preview says what becomes of it. So the steps, the fields that differ and those that replace are theirs, and not ours.

const PROJECT = resolve(import.meta.dirname, "../..");
const STACK = "edge-phase-1";

/** What the engine itself stops at: a preview with one of these shows nothing of the others. */
const isStopped = ({ steps }: GoodChange): boolean =>
  steps.some(({ protect, new: inputs }) => protect?.old === true && inputs === undefined);
const stopped = BAD_CHANGES.filter(isStopped);
/** Nothing that a program says makes an engine do it. */
const isWritten = ({ steps }: GoodChange): boolean =>
  steps.some(({ op, replacedFor }) => op === "replace" && replacedFor === undefined);
const bad = BAD_CHANGES.filter((each) => !isStopped(each) && !isWritten(each));
const cases: readonly GoodChange[] = [...bad, ...GOOD_CHANGES];

/** Type of the component around all of a case: two cases may have a resource of the same name. */
const around = (index: number): string => `test:case:C${index}`;

let folder: string;
let preview: (cases: readonly GoodChange[]) => Promise<Captured>;
let changes: Change[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-changes-"));
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "Pulumi.yaml"), "name: twisterlab-edge\nruntime: nodejs\nmain: index.cjs\n");
  writeFileSync(join(folder, "package.json"), '{ "name": "changes", "main": "index.cjs" }');
  writeFileSync(join(folder, "index.cjs"), PROGRAM);
  const plain = await plainPulumi(folder, folder, { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "false" });
  const pulumi = (...words: string[]): Promise<Captured> => plain([...words, "--non-interactive"]);
  const succeed = async (...words: string[]): Promise<string> => wordsOf(await pulumi(...words));
  await succeed("stack", "init", STACK);
  const [, salt] = /^encryptionsalt: (.*)$/m.exec(readFileSync(join(folder, `Pulumi.${STACK}.yaml`), "utf8")) ?? [];
  preview = async (wanted) => {
    const deployment = {
      secrets_providers: { type: "passphrase", state: { salt } },
      resources: withSecrets(stateOf(wanted)),
    };
    writeFileSync(join(folder, "cases.json"), JSON.stringify(wanted.map(({ steps }) => steps.map(declared))));
    writeFileSync(join(folder, "state.json"), JSON.stringify({ version: 3, deployment }));
    await succeed("stack", "import", "--file", "state.json", "--stack", STACK);
    return pulumi("preview", "--json", "--show-sames", "--show-replacement-steps", "--stack", STACK);
  };
  changes = changesOf(parseDigest(wordsOf(await preview(cases)), (await succeed("version")).trim()));
}, 300_000);

/** @throws Error when it has failed. */
function wordsOf({ code, stdout, stderr }: Captured): string {
  if (code !== 0) {
    throw new Error(`pulumi ended with ${code}:\n${stdout}\n${stderr}`);
  }
  return stdout;
}

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The rules that object to a case. */
function objections(name: string, more: More = {}): string[] {
  const index = cases.findIndex((each) => each.name === name);
  const own = changes.filter(({ urn }) => new RegExp(`[:$]${around(index)}[:$]`).test(urn));
  const root = planOf([], more);
  const rules = judge({ ...root, changes: [...root.changes, ...own] }).map(({ rule }) => rule);
  return [...new Set(rules)].sort();
}

describe("on the real engine", () => {
  test.each(bad)("refused: $name", ({ name, rules, more }) => {
    expect(objections(name, more)).toEqual([...rules].sort());
  });

  test.each(stopped)("stopped by the engine itself: $name", async (each) => {
    const { code, stdout } = await preview([each]);
    expect(code).not.toBe(0);
    expect(stdout).toContain("it is protected");
  });

  test.each(GOOD_CHANGES)("accepted: $name", ({ name, more }) => {
    expect(objections(name, more)).toEqual([]);
  });
});

/** What the program is told of a resource. */
function declared(step: Written): object {
  const { type, name, within = [], new: inputs, protect, retainOnDelete } = step;
  return {
    type: pulumiType(type),
    name,
    within,
    custom: isCustom(type),
    inputs: inputs && real(step, inputs),
    protect: protect?.new ?? false,
    retainOnDelete,
  };
}

const ROOT = `urn:pulumi:${STACK}::twisterlab-edge::pulumi:pulumi:Stack::twisterlab-edge-${STACK}`;
const providerOf = (plugin: string): string =>
  `urn:pulumi:${STACK}::twisterlab-edge::pulumi:providers:${plugin}::${plugin}`;

/** The state in which everything is as it was. */
function stateOf(wanted: readonly GoodChange[]): object[] {
  const providers = ["kubernetes", "command"].map((plugin) => ({
    urn: providerOf(plugin),
    custom: true,
    id: plugin,
    type: `pulumi:providers:${plugin}`,
    parent: ROOT,
    inputs: PROVIDERS[plugin],
    outputs: PROVIDERS[plugin],
  }));
  return [
    { urn: ROOT, custom: false, type: "pulumi:pulumi:Stack" },
    ...providers,
    ...wanted.flatMap(({ steps }, index) => {
      const seen = new Set<string>();
      return steps.flatMap((step) => (step.old === undefined ? [] : resourcesOf(step, step.old, index, seen)));
    }),
  ];
}

const PROVIDERS: Readonly<Record<string, Inputs>> = {
  kubernetes: { renderYamlToDirectory: "rendered" },
  command: {},
};

function resourcesOf(step: Written, inputs: Inputs, index: number, seen: Set<string>): object[] {
  const { type, name, within = [], protect, retainOnDelete } = step;
  const outer = [around(index), ...within];
  const urnOf = (depth: number): string =>
    `urn:pulumi:${STACK}::twisterlab-edge::${outer.slice(0, depth).join("$")}::around-${depth}`;
  const components = outer
    .map((each, at) => ({ urn: urnOf(at + 1), custom: false, type: each, parent: at === 0 ? ROOT : urnOf(at) }))
    .filter(({ urn }) => !seen.has(urn) && seen.add(urn));
  const custom = isCustom(type);
  const plugin = type.startsWith("command:") ? "command" : "kubernetes";
  return [
    ...components,
    {
      urn: `urn:pulumi:${STACK}::twisterlab-edge::${[...outer, pulumiType(type)].join("$")}::${name}`,
      type: pulumiType(type),
      custom,
      inputs: real(step, inputs),
      outputs: { ...real(step, inputs), ...OUTPUTS[plugin]?.(real(step, inputs)) },
      parent: urnOf(outer.length),
      ...(custom ? { id: name, provider: `${providerOf(plugin)}::${plugin}` } : {}),
      ...(protect?.old === true ? { protect: true } : {}),
      ...(retainOnDelete === true ? { retainOnDelete } : {}),
    },
  ];
}

/** What the plugins keep beside the inputs, and compare with. */
const OUTPUTS: Readonly<Record<string, (inputs: Inputs) => Inputs>> = {
  kubernetes: (inputs) => ({ __inputs: inputs, __initialApiVersion: inputs["apiVersion"] }),
  command: () => ({ stdout: "", stderr: "" }),
};

/** Inputs as the plugins want them, where the corpus leaves out what no rule looks at. */
function real({ type, name }: Written, inputs: Inputs): Inputs {
  if (inputs["connection"] === "[secret]") {
    return { ...inputs, connection: "[connection]" };
  }
  const [, apiVersion = "", kind = ""] = /^kubernetes:(?:core\/)?(.+):(.+)$/.exec(pulumiType(type)) ?? [];
  return kind === "" ? inputs : { apiVersion, kind, metadata: { name }, ...inputs };
}

/** What is behind the corpus' words for what is hidden. */
const HIDDEN: Readonly<Record<string, unknown>> = {
  "[secret]": "hidden",
  // With what the plugin adds by itself.
  "[connection]": { host: "192.0.2.1", port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 },
};

/** Each hidden value as a state has it before it is encrypted. */
function withSecrets(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "string" && inner in HIDDEN
        ? { [SIGNATURE]: SECRET, plaintext: JSON.stringify(HIDDEN[inner]) }
        : inner,
    ),
  );
}

// sdk/go/common/resource/properties.go.
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Declares the cases, each resource in the components that it is in. */
const PROGRAM = String.raw`
const pulumi = require("@pulumi/pulumi");
const cases = require("./cases.json");

const hidden = ${JSON.stringify(HIDDEN)};
const provider = {};
for (const [plugin, inputs] of Object.entries(${JSON.stringify(PROVIDERS)})) {
  provider[plugin] = new (class extends pulumi.ProviderResource {})(plugin, plugin, inputs);
}
// Only known once it has run.
const later = new pulumi.CustomResource("command:remote:Command", "later",
  { connection: { host: "192.0.2.1" }, create: "true", stdout: undefined }, { provider: provider.command });

function inputsOf(value) {
  if (value === "${UNKNOWN}") return later.stdout;
  if (typeof value === "string" && value in hidden) return pulumi.secret(hidden[value]);
  if (Array.isArray(value)) return value.map(inputsOf);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inputsOf(inner)]));
}

for (const [index, steps] of cases.entries()) {
  const components = new Map();
  const component = (chain) => {
    if (chain.length === 0) return undefined;
    const key = chain.join("$");
    if (!components.has(key)) {
      const parent = component(chain.slice(0, -1));
      components.set(key, new pulumi.ComponentResource(chain.at(-1), "around-" + chain.length, {}, { parent }));
    }
    return components.get(key);
  };
  for (const { type, name, within, custom, inputs, protect, retainOnDelete } of steps) {
    if (inputs === undefined) continue;
    const options = { parent: component(["test:case:C" + index, ...within]), protect, retainOnDelete };
    if (custom) {
      options.provider = provider[type.split(":")[0]];
      // As the class of @pulumi/command does.
      if (type.startsWith("command:")) options.replaceOnChanges = ["triggers[*]"];
      new pulumi.CustomResource(type, name, inputsOf(inputs), options);
    } else {
      new pulumi.ComponentResource(type, name, inputsOf(inputs), options);
    }
  }
}
`;
