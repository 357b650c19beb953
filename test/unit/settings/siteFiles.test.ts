// Whole site files: those that must be taken, and those that must be refused with every fault named at once.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { describe, expect, test } from "vitest";

import { type Fault, SettingsError } from "../../../components/settings/faults.ts";
import { readSiteFile } from "../../../components/settings/siteFile.ts";

const folder = join(import.meta.dirname, "fixtures");
const filesIn = (kind: "valid" | "invalid") => readdirSync(join(folder, kind)).map((name) => join(folder, kind, name));

describe("valid site files", () => {
  test.each(filesIn("valid"))("%s", (file) => {
    const site = readSiteFile(file);
    expect(`Pulumi.${site.site.name}.yaml`).toBe(basename(file));
  });
});

describe("invalid site files name all their faults and no others", () => {
  test.each(filesIn("invalid"))("%s", (file) => {
    const expected = expectedFaults(file);
    const { faults, message } = errorOf(file);
    const told = faults.map(({ key, reason }, index) => {
      const wanted = expected[index];
      // What is expected stands in for the whole sentence that contains it, so that the lists read alike when they differ.
      return { key, reason: wanted?.key === key && reason.includes(wanted.reason) ? wanted.reason : reason };
    });
    expect(told).toEqual(expected);
    for (const { key, reason } of faults) {
      expect(message).toContain(key);
      expect(message).toContain(reason);
    }
  });
});

test("secrets and keys that stand in the wrong place are not repeated", () => {
  const messages = filesIn("invalid").map((file) => errorOf(file).message);
  const all = messages.join("\n");
  for (const secret of ["Harbor12345", "not-a-real-key", "v1:AAAA"]) expect(all).not.toContain(secret);
});

/** The faults that the comment at the head of the file announces. */
function expectedFaults(file: string): Pick<Fault, "key" | "reason">[] {
  const head = readFileSync(file, "utf8").split("\nconfig:")[0] ?? "";
  const faults = [...head.matchAll(/^# {3}(?<key>.+?) \| (?<reason>.+)$/gm)];
  return faults.map(({ groups }) => ({ key: groups?.["key"] ?? "", reason: groups?.["reason"] ?? "" }));
}

function errorOf(file: string): SettingsError {
  try {
    readSiteFile(file);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error(`${file} was taken`);
}
