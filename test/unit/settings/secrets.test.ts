import fc from "fast-check";
import { expect, test } from "vitest";

import { generateSecret, secretsOfPhase, secretSpecs } from "../../../components/settings/secrets.ts";

test("a generated secret has its length, its characters and one of each class", () => {
  const classes = fc.uniqueArray(fc.constantFrom("abc", "XYZ", "0123456789", "-_."), { minLength: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 8, max: 64 }), classes, (length, [first = "", ...others]) => {
      const alphabet = [first, ...others] as const;
      const value = generateSecret({ name: "test", purpose: "Test.", phase: 0, length, alphabet });
      expect(value).toHaveLength(length);
      for (const characters of alphabet) expect(value).toMatch(new RegExp(`[${characters}]`));
      expect(alphabet.join("")).toEqual(expect.stringContaining(value.charAt(0)));
    }),
  );
});

test("two generated secrets differ", () => {
  const [spec] = secretSpecs;
  expect(new Set(Array.from({ length: 100 }, () => generateSecret(spec))).size).toBe(100);
});

test("a phase needs its own secrets and those of the phases before it", () => {
  expect(secretsOfPhase(0)).toEqual([]);
  expect(secretsOfPhase(1).map(({ name }) => name)).toEqual(["registryPullPassword"]);
  expect(secretsOfPhase(5)).toEqual(secretSpecs);
});
