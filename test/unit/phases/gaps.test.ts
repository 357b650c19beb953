import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSiteFile } from "../../../components/settings/siteFile.ts";
import type { SecretName } from "../../../components/settings/secrets.ts";
import { findGaps } from "../../../phases/gaps.ts";

/** What phase 0 was not told of the copy of its backups, on a site of the fixtures. */
const gaps = (site: string, given: readonly SecretName[] = [], phase: 0 | 1 = 0) => {
  const file = fileURLToPath(new URL(`../settings/fixtures/valid/Pulumi.${site}.yaml`, import.meta.url));
  return findGaps(readSiteFile(file), phase, given, { missing: "there is none" }).filter(({ what }) =>
    /copy/i.test(what),
  );
};

describe("a copy of the backups", () => {
  test("asks for nothing on a site without", () => {
    expect(gaps("as-recorded")).toEqual([]);
  });

  test("waits for its password and for the key of the server that it goes to", () => {
    expect(gaps("copy-by-ssh")).toEqual([
      {
        what: expect.stringMatching(/^twisterlab-edge:secrets\.backupCopyPassword: .*KEEP IT/) as string,
        howToFind: "npm run secrets",
        blocks: true,
      },
      {
        what: expect.stringMatching(/^twisterlab-edge:phase0\.backups\.copy\.hostKey: /) as string,
        howToFind: "cat /etc/ssh/ssh_host_ed25519_key.pub, at the target itself",
        blocks: true,
      },
    ]);
    const [hostKey] = gaps("copy-by-ssh", ["backupCopyPassword"], 1);
    expect(hostKey).toMatchObject({ blocks: false });
  });

  test("waits for the bucket's keys, which somebody has to give", () => {
    expect(gaps("copy-in-bucket", ["backupCopyPassword"]).map(({ howToFind }) => howToFind)).toEqual([
      "npm run secrets -- --set backupCopyAccessKey",
      "npm run secrets -- --set backupCopySecretKey",
    ]);
    expect(gaps("copy-in-bucket", ["backupCopyPassword", "backupCopyAccessKey", "backupCopySecretKey"])).toEqual([]);
  });
});
