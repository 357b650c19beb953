// The schema that editors check site files with: the committed one is up to date, and it agrees with the program.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { siteJsonSchema } from "../../../components/settings/jsonSchema.ts";

const root = join(import.meta.dirname, "../../..");
const fixtures = join(import.meta.dirname, "fixtures");
const schema = siteJsonSchema();
const accepts = new Ajv({ allErrors: true, strict: false }).compile(schema);

const faultsOf = (file: string): string[] => {
  accepts(parse(readFileSync(file, "utf8")));
  return (accepts.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`);
};

test("site.schema.json is what the program's schema gives (`node cli/schema.ts` writes it)", () => {
  expect(JSON.parse(readFileSync(join(root, "site.schema.json"), "utf8"))).toEqual(schema);
});

test("EdgeServer's site file names the schema and passes it", () => {
  const file = join(root, "Pulumi.edge.yaml");
  expect(readFileSync(file, "utf8").split("\n")[0]).toBe("# yaml-language-server: $schema=./site.schema.json");
  expect(faultsOf(file)).toEqual([]);
});

test.each(readdirSync(join(fixtures, "valid")))("valid/%s passes", (name) => {
  expect(faultsOf(join(fixtures, "valid", name))).toEqual([]);
});

test.each([
  ["unknown-keys", "must NOT have additional properties"],
  ["missing-keys", "must have required property 'hostKey'"],
  ["wrong-kinds", "must be boolean"],
  ["size-without-unit", "must match pattern"],
  ["storage-options-mixed", "must match exactly one schema in oneOf"],
  ["secret-in-clear", "must be object"],
  ["node-ports", "must be >= 30000"],
  ["names", "/twisterlab-edge:disks property name must be valid"],
])("invalid/Pulumi.%s.yaml is marked in the editor", (name, fault) => {
  expect(faultsOf(join(fixtures, "invalid", `Pulumi.${name}.yaml`)).join("\n")).toContain(fault);
});

describe("every key", () => {
  const keys: { path: string; description: unknown }[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [name, inner] of Object.entries(node)) {
      if (name === "properties") {
        for (const [key, value] of Object.entries(
          inner as Record<string, { description?: unknown; const?: unknown }>,
        )) {
          // A constant says of itself what it is.
          if (value.const === undefined) keys.push({ path: `${path}.${key}`, description: value.description });
        }
      }
      visit(inner, name === "properties" ? path : `${path}.${name}`);
    }
  };
  visit(schema, "");

  test("has a description", () => {
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.filter(({ description }) => typeof description !== "string" || description === "")).toEqual([]);
  });
});
