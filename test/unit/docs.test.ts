import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

test("the architecture's diagram names only what is there", () => {
  const named = [...read("docs/architecture.md").matchAll(/\["([^"]+)"\]/g)].map(([, label]) => label ?? "");
  const paths = named.map((label) => label.split(": ").at(-1) ?? "").filter((label) => !label.includes(" "));
  expect(paths.length).toBeGreaterThan(7);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("the README's commands are scripts of package.json, and its folders are there", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const commands = [...read("README.md").matchAll(/`npm run ([a-z]+)/g)].map(([, name]) => name ?? "");
  expect(commands.length).toBeGreaterThan(5);
  expect(commands.filter((name) => !(name in scripts))).toEqual([]);
  const house = /## Folders\n\n```text\n([^`]+)```/.exec(read("README.md"))?.[1] ?? "";
  const folders = [...house.matchAll(/^([a-z]+)\//gm)].map(([, name]) => name ?? "");
  const there = readdirSync(root, { withFileTypes: true })
    .filter(
      (entry) =>
        entry.isDirectory() &&
        !entry.name.startsWith(".") &&
        !["node_modules", "coverage", "docs"].includes(entry.name),
    )
    .map(({ name }) => name);
  expect(folders.sort()).toEqual(there.sort());
});

test("the README's preview is what the program prints", () => {
  const golden = read("test/unit/phases/__golden__/phase1.messages.txt").split("\n");
  const shown = /```text\n(What phase 1[\s\S]*?)\n```/.exec(read("README.md"))?.[1]?.split("\n") ?? [];
  // The tail of Pulumi's own, and the cuts.
  const ours = shown.filter((line) => !/^\s*\.\.\.$|^Resources:|to create$/.test(line));
  expect(ours.length).toBeGreaterThan(8);
  expect(ours.filter((line) => !golden.includes(line))).toEqual([]);
});
