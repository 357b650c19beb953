import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";
import { startHarness } from "./harness.ts";

// The npm package @pulumi/command is generated from the official plugin's schema: what it declares, the plugin under
// test has to have, and nothing else.
const sdk = dirname(fileURLToPath(import.meta.resolve("@pulumi/command/package.json")));

const harness = startHarness();
let schema: Schema;
let version: string;

beforeAll(async () => {
  const plugin = await harness.plugin();
  schema = (await plugin.schema()) as Schema;
  version = await plugin.version();
});

describe("versions", () => {
  // npm's tag `latest` of this package is 4.5.0, published by mistake in 2022: another provider altogether.
  it("of the npm package is pinned, installed, and asks for the plugin under test", () => {
    const program = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string> };
    const installed = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8")) as { version: string };
    expect(program.dependencies["@pulumi/command"]).toBe("1.2.1");
    expect(installed).toMatchObject({ version: "1.2.1", pulumi: { name: "command", version: "1.2.1" } });
    expect(version).toBe("1.2.1");
    expect(schema).toMatchObject({ name: "command", version: "1.2.1" });
  });
});

describe("tokens", () => {
  it("are those of the npm package", () => {
    expect(Object.keys(schema.resources).sort()).toEqual([
      "command:local:Command",
      "command:remote:Command",
      "command:remote:CopyFile",
      "command:remote:CopyToRemote",
    ]);
    expect(Object.keys(schema.functions)).toEqual(["command:local:run"]);
    expect(Object.keys(schema.types).sort()).toEqual([
      "command:local:Logging",
      "command:remote:Connection",
      "command:remote:Logging",
      "command:remote:ProxyConnection",
    ]);
    for (const token of Object.keys(schema.resources)) {
      expect(sdkFile(token, ".js")).toContain(`__pulumiType = '${token}'`);
    }
    expect(sdkFile("command:local:run", ".js")).toContain('"command:local:run"');
  });
});

const RESOURCES = [
  "command:local:Command",
  "command:remote:Command",
  "command:remote:CopyFile",
  "command:remote:CopyToRemote",
];

describe.each(RESOURCES)("%s", (token) => {
  const name = token.split(":")[2] ?? "";
  const resource = () => defined(schema.resources[token]);

  it("takes the inputs that the npm package declares, of the same types", () => {
    const { inputProperties, requiredInputs = [] } = resource();
    expect(members(sdkFile(token, ".d.ts"), `${name}Args`)).toEqual(
      declare(inputProperties, (property, input) => ({
        optional: !requiredInputs.includes(input),
        type: `pulumi.Input<${inputType(property)}>`,
      })),
    );
  });

  it("has the outputs that the npm package declares, of the same types", () => {
    const { properties, required = [] } = resource();
    expect(members(sdkFile(token, ".d.ts"), name)).toEqual(
      declare(properties, (property, output) => ({
        optional: false,
        type: `pulumi.Output<${plainType(property)}${required.includes(output) ? "" : " | undefined"}>`,
      })),
    );
  });

  it("marks as secret, and replaces for, what the npm package does", () => {
    const marked = (mark: "secret" | "replaceOnChanges") =>
      Object.entries(resource().properties).flatMap(([output, property]) => (property[mark] === true ? [output] : []));
    const code = sdkFile(token, ".js");
    expect(marked("secret")).toEqual(listIn(code, "additionalSecretOutputs"));
    expect(marked("replaceOnChanges").map((output) => `${output}[*]`)).toEqual(listIn(code, "replaceOnChanges"));
    expect(resource().deprecationMessage !== undefined).toBe(code.includes("is deprecated: "));
  });
});

describe("command:local:run", () => {
  const run = () => defined(schema.functions["command:local:run"]);

  it.each([
    ["RunArgs", () => run().inputs],
    ["RunResult", () => run().outputs],
  ] as const)("has the properties that the npm package declares as %s", (name, type) => {
    const { properties, required = [] } = type();
    expect(members(sdkFile("command:local:run", ".d.ts"), name)).toEqual(
      declare(properties, (property, member) => ({
        optional: !required.includes(member),
        type: plainType(property),
      })),
    );
  });
});

describe.each(["Connection", "ProxyConnection"])("type command:remote:%s", (name) => {
  const type = () => defined(schema.types[`command:remote:${name}`]);

  it("has the fields that the npm package declares, given and returned", () => {
    const { properties = {}, required = [] } = type();
    expect(members(readFileSync(join(sdk, "types/input.d.ts"), "utf8"), `${name}Args`)).toEqual(
      declare(properties, (property, field) => ({
        optional: !required.includes(field),
        type: `pulumi.Input<${inputType(property)}>`,
      })),
    );
    expect(members(readFileSync(join(sdk, "types/output.d.ts"), "utf8"), name)).toEqual(
      declare(properties, (property, field) => ({ optional: !required.includes(field), type: plainType(property) })),
    );
  });

  it("keeps keys and passwords secret", () => {
    const fields = Object.entries(type().properties ?? {});
    const secrets = fields.flatMap(([field, { secret }]) => (secret === true ? [field] : []));
    expect(secrets.sort()).toEqual(["password", "privateKey", "privateKeyPassword"]);
  });

  it("has the defaults that the npm package fills in", () => {
    const fields = Object.entries(type().properties ?? {});
    const defaults = fields.flatMap(([field, property]) =>
      property.default === undefined ? [] : [[field, property.default]],
    );
    const filler = `${name.charAt(0).toLowerCase()}${name.slice(1)}ArgsProvideDefaults`;
    const code = readFileSync(join(sdk, "types/input.js"), "utf8");
    const [, body = ""] = defined(new RegExp(`function ${filler}\\(val\\) \\{([^;]*);`).exec(code));
    const filled = [...body.matchAll(/^\s*(\w+): \(val\.\w+\) \?\? (.*),$/gm)];
    expect(Object.fromEntries(defaults)).toEqual(
      Object.fromEntries(filled.map(([, field, value]) => [field, JSON.parse(value ?? "")])),
    );
    expect(defaults).toHaveLength(4);
  });
});

describe.each(["local", "remote"])("enumeration command:%s:Logging", (module) => {
  it("has the values that the npm package declares", () => {
    const values = defined(schema.types[`command:${module}:Logging`]).enum ?? [];
    const code = readFileSync(join(sdk, `types/enums/${module}/index.d.ts`), "utf8");
    const declared = [...code.matchAll(/readonly \w+: "(\w+)"/g)].map(([, value]) => value);
    expect(values.map(({ value }) => value).sort()).toEqual(declared.sort());
    expect(declared).toHaveLength(4);
  });
});

interface Property {
  type?: string;
  $ref?: string;
  items?: Property;
  additionalProperties?: Property;
  secret?: boolean;
  replaceOnChanges?: boolean;
  default?: unknown;
}

interface ObjectType {
  properties: Record<string, Property>;
  required?: string[];
}

interface Schema {
  resources: Record<
    string,
    ObjectType & { inputProperties: Record<string, Property>; requiredInputs?: string[]; deprecationMessage?: string }
  >;
  functions: Record<string, { inputs: ObjectType; outputs: ObjectType }>;
  types: Record<string, Partial<ObjectType> & { enum?: { value: string }[] }>;
}

interface Member {
  optional: boolean;
  type: string;
}

function defined<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) {
    throw new Error("The schema or the npm package lacks what the test compares.");
  }
  return value;
}

/** A file of the npm package: `command:remote:CopyFile` is in remote/copyFile. */
function sdkFile(token: string, extension: ".js" | ".d.ts"): string {
  const [, module = "", name = ""] = token.split(":");
  return readFileSync(join(sdk, module, name.charAt(0).toLowerCase() + name.slice(1) + extension), "utf8");
}

/** The properties that a class or an interface of a declaration file declares. */
function members(declarations: string, name: string): Record<string, Member> {
  const found: Record<string, Member> = {};
  const visit = (node: ts.Node): void => {
    if ((ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) && node.name?.text === name) {
      for (const member of node.members) {
        if ((ts.isPropertyDeclaration(member) || ts.isPropertySignature(member)) && member.type !== undefined) {
          const type = member.type.getText().replaceAll(/\s+/g, " ");
          found[member.name.getText()] = { optional: member.questionToken !== undefined, type };
        }
      }
    } else {
      ts.forEachChild(node, visit);
    }
  };
  visit(ts.createSourceFile("declarations.d.ts", declarations, ts.ScriptTarget.ESNext, true));
  return found;
}

function declare(
  properties: Record<string, Property>,
  member: (property: Property, name: string) => Member,
): Record<string, Member> {
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, member(property, name)]));
}

/** How the npm package writes the type of a property that is known. */
function plainType(property: Property): string {
  return typeText(
    property,
    (type) => type,
    (module, name) => `outputs.${module}.${name}`,
  );
}

/** How the npm package writes the type of a property that may not be known yet, less the outermost `pulumi.Input`. */
function inputType(property: Property): string {
  const element = (type: string) => (type === "any" ? type : `pulumi.Input<${type}>`);
  return typeText(property, element, (module, name) => `inputs.${module}.${name}Args`);
}

function typeText(
  property: Property,
  element: (type: string) => string,
  object: (module: string, name: string) => string,
): string {
  const inner = (of: Property | undefined) => element(typeText(defined(of), element, object));
  const { $ref, type } = property;
  if ($ref !== undefined) {
    const [, module = "", name = ""] = $ref.split(":");
    return BUILT_IN[$ref] ?? (name === "Logging" ? `enums.${module}.${name}` : object(module, name));
  }
  switch (type) {
    case "array":
      return `${inner(property.items)}[]`;
    case "object":
      return `{ [key: string]: ${inner(property.additionalProperties)}; }`;
    case "integer":
      return "number";
    default:
      return defined(type);
  }
}

const BUILT_IN: Record<string, string> = {
  "pulumi.json#/Any": "any",
  "pulumi.json#/Archive": "pulumi.asset.Archive",
  "pulumi.json#/Asset": "pulumi.asset.Asset | pulumi.asset.Archive",
};

/** The list of strings that a resource of the npm package passes to an option; empty when it does not. */
function listIn(code: string, option: string): string[] {
  const [, list = ""] = new RegExp(`${option}: \\[([^\\n]*)\\] \\};`).exec(code) ?? [];
  return [...list.matchAll(/"([^"]*)"/g)].map(([, item = ""]) => item);
}
