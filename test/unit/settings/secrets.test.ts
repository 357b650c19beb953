import fc from "fast-check";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

import { readSiteFile } from "../../../components/settings/siteFile.ts";
import { neededSecrets } from "../../../components/settings/neededSecrets.ts";
import { generateSecret, secretSpecs } from "../../../components/settings/secrets.ts";

test("a generated secret has its length, its characters and one of each class", () => {
  const classes = fc.uniqueArray(fc.constantFrom("abc", "XYZ", "0123456789", "-_."), { minLength: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 8, max: 64 }), classes, (length, [first = "", ...others]) => {
      const alphabet = [first, ...others] as const;
      const value = generateSecret({ length, alphabet });
      expect(value).toHaveLength(length);
      for (const characters of alphabet) expect(value).toMatch(new RegExp(`[${characters}]`));
      expect(alphabet.join("")).toEqual(expect.stringContaining(value.charAt(0)));
    }),
  );
});

test("two generated secrets differ", () => {
  const [spec] = secretSpecs;
  expect(new Set(Array.from({ length: 100 }, () => generateSecret(spec.generated))).size).toBe(100);
});

describe("a site needs", () => {
  const needed = (site: string, phase?: number) => {
    const file = new URL(`fixtures/valid/Pulumi.${site}.yaml`, import.meta.url);
    return neededSecrets(readSiteFile(fileURLToPath(file)), phase).map(({ name }) => name);
  };

  test("the secrets of what it has, in its phase and those before it", () => {
    expect(needed("as-recorded", 0)).toEqual([]);
    expect(needed("as-recorded", 1)).toEqual(["registryPullPassword"]);
    expect(needed("as-recorded")).toEqual(["registryPullPassword"]);
  });

  test("what the registry needs that it makes", () => {
    const distribution = [
      "registryPullPassword",
      "registryPushPassword",
      "siteAuthority",
      "registryServerKey",
      "registryHttpSecret",
    ];
    const harbor = ["Admin", "Secret", "Database", "Registry", "Core", "Job", "Xsrf", "Token"];
    expect(needed("registry-distribution")).toEqual(distribution);
    expect(needed("registry-harbor").slice(0, 5)).toEqual(distribution);
    expect(needed("registry-harbor").slice(5)).toEqual([
      ...harbor.map((each) => expect.stringMatching(`^harbor${each}(Password|Key|Secret)$`) as string),
      "replicationPassword",
    ]);
  });

  test("a password for the copy of its backups", () => {
    expect(needed("copy-by-ssh", 0)).toEqual(["backupCopyPassword"]);
    expect(needed("copy-on-disk", 0)).toEqual(["backupCopyPassword"]);
  });

  test("the bucket's keys for a copy in one, which nobody can generate", () => {
    expect(needed("copy-in-bucket", 0)).toEqual(["backupCopyPassword", "backupCopyAccessKey", "backupCopySecretKey"]);
    const given = secretSpecs.filter((spec) => !("generated" in spec)).map(({ name }) => name);
    expect(given).toEqual(["replicationPassword", "backupCopyAccessKey", "backupCopySecretKey"]);
  });
});
