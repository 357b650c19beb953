import { describe, expect, test } from "vitest";
import { BackupCopy, planCopyPreparation, type CopyTarget } from "../../../components/host/backupCopy.ts";
import type { Observation } from "../../../components/host/observation.ts";
import { renderBackupCopySettings } from "../../../components/host/render/backupCopy.ts";
import { Secret } from "../../../components/settings/values/secret.ts";
import { declareItems } from "../../support/hostItems.ts";
import { blind, closedFileFact, fileFact, seen } from "../../support/observed.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";
const FOLDER = "/var/lib/twisterlab-edge/backup-copy";
const ssh: CopyTarget = {
  repository: "sftp:edge@nas:/backups",
  ssh: { user: "edge", host: "nas", port: 2222, hostKey: HOST_KEY },
};
const bucket: CopyTarget = {
  repository: "s3:https://s3.example.org/bucket",
  bucket: { accessKey: new Secret("the-access-key"), secretKey: new Secret("the-secret-key") },
};
const folder: CopyTarget = { repository: "/other/copy", mount: "/other" };

const declare = (
  target: CopyTarget,
  observation: Observation = blind,
  password: Secret | undefined = new Secret("pw"),
) =>
  declareItems((host) => {
    const args = { path: "/data/backups", kinds: ["postgres", "k3s"], hostName: "edge", hour: 5, retention: 2_592_000 };
    new BackupCopy("backup-copy", { ...args, target, password, why: "fire takes both" }, host);
  }, observation);

test("it is made each day at its hour, once the repository was opened with the settings", async () => {
  const { resource, items } = await declare(ssh);
  expect(items.map(({ name }) => name)).toEqual([
    "backup-copy-prepare",
    "backup-copy-settings",
    "backup-copy-service",
    "backup-copy-timer",
  ]);
  expect(resource("backup-copy-prepare-apply")?.inputs).toMatchObject({
    create: "sudo -n /usr/local/sbin/twisterlab-edge backup-copy prepare --revision 1",
    delete: "sudo -n /usr/local/sbin/twisterlab-edge backup-copy forget",
    stdin: "item: backup-copy-prepare\nssh_key: yes\n\n",
  });
  expect(resource("backup-copy-settings")?.dependsOn).toEqual(["backup-copy-prepare-apply"]);
  expect(resource("backup-copy-service")?.dependsOn).toEqual(["backup-copy-settings-apply"]);
  const service = resource("backup-copy-service-apply")?.inputs["stdin"];
  expect(service).toContain("ExecStart=/usr/local/sbin/twisterlab-edge backup-copy\n");
  expect(service).toContain("StandardInputText=retention: 2592000\\nkinds: postgres k3s\\n\n");
  expect(service).toContain("\nTimeoutStartSec=240min\nNice=19\nIOSchedulingClass=idle\n");
  expect(resource("backup-copy-timer-apply")?.inputs["stdin"]).toContain("\nOnCalendar=*-*-* 05:00:00\n");
  expect(items[3]?.sentence).toContain(
    "at 05:00 /data/backups is copied to sftp:edge@nas:/backups, and the newest backup of postgres, k3s read back from there; " +
      "copies older than 30 days are removed, never the last one",
  );
});

describe("the settings", () => {
  const common = { backups: "/data/backups", host: "edge", password: "pw" };

  test("are secret as a whole, and shown without their secrets", async () => {
    for (const target of [ssh, bucket, folder]) {
      const { resource } = await declare(target);
      expect(resource("backup-copy-settings-apply")?.inputs["stdin"]).toBe("[secret]");
      const shown = resource("backup-copy-settings")?.inputs;
      expect(shown).toMatchObject({ path: `${FOLDER}/settings`, mode: "600", validate: "backup-copy" });
      expect(shown?.["content"]).toContain("password: [secret]");
      expect(JSON.stringify(shown)).not.toMatch(/the-access-key|the-secret-key|"password: pw"/);
    }
  });

  test("have what each kind of target needs", () => {
    expect(
      renderBackupCopySettings({
        ...common,
        repository: "sftp:edge@nas:/b",
        ssh: { user: "edge", host: "nas", port: 22, hostKey: HOST_KEY },
      }),
    ).toBe(
      `backups: /data/backups\nhost: edge\nrepository: sftp:edge@nas:/b\npassword: pw\nssh_user: edge\nssh_host: nas\nssh_port: 22\nhost_key: ${HOST_KEY}\n\n`,
    );
    expect(
      renderBackupCopySettings({ ...common, repository: "s3:https://s/b", bucket: { accessKey: "a", secretKey: "s" } }),
    ).toContain("repository: s3:https://s/b\npassword: pw\naccess_key: a\nsecret_key: s\n\n");
    expect(renderBackupCopySettings({ ...common, repository: "/other/copy", mount: "/other" })).toContain(
      "repository: /other/copy\npassword: pw\nmount: /other\n\n",
    );
  });

  test("are found as they are on the host, by their hash", async () => {
    const text = renderBackupCopySettings({ ...common, repository: "/other/copy", mount: "/other" });
    const state = async (fact: ReturnType<typeof closedFileFact> | null) =>
      (await declare(folder, seen({ files: { [`${FOLDER}/settings`]: fact } }))).items[1];
    expect(await state(closedFileFact(text))).toMatchObject({ state: "in sync" });
    expect(await state(closedFileFact(text.replace("pw", "other")))).toMatchObject({
      state: "differs",
      observed: "has another content ([secret])",
    });
    expect((await state(null))?.sentence).toContain(
      "is not there yet; the repository /other/copy is opened with it, and made",
    );
  });

  test.each([
    ["the password", folder, undefined],
    [
      "a key of the bucket",
      { ...bucket, bucket: { accessKey: new Secret("a"), secretKey: undefined } },
      new Secret("pw"),
    ],
    [
      "the target's host key",
      { ...ssh, ssh: { user: "edge", host: "nas", port: 22, hostKey: undefined } },
      new Secret("pw"),
    ],
  ] as const)("are not known as long as %s is not", async (_, target, password) => {
    const report = await declareItems(
      (host) => {
        const args = { path: "/data/backups", kinds: ["k3s"], hostName: "edge", hour: 5, retention: 3600, why: "so" };
        new BackupCopy("backup-copy", { ...args, target, password }, host);
      },
      seen({ files: { [`${FOLDER}/settings`]: closedFileFact("x") } }),
    );
    expect(report.items[1]).toMatchObject({ state: "not measured" });
  });
});

describe("the host's key for a target behind SSH", () => {
  const plan = (files: Record<string, ReturnType<typeof fileFact> | null>) =>
    planCopyPreparation("backup-copy-prepare", ssh, seen({ files }));
  const [key, publicKey] = [`${FOLDER}/id_ed25519`, `${FOLDER}/id_ed25519.pub`];
  const line = "ssh-ed25519 AAAA twisterlab-edge-backup-copy";

  test("is shown where it is there, with the place that it goes to", () => {
    expect(plan({ [key]: closedFileFact("private"), [publicKey]: fileFact(`${line}\n`) })).toMatchObject({
      state: "in sync",
      sentence: `the host's key for the copy is ${line}; it goes into the authorized_keys of edge@nas`,
    });
  });

  test("is made where either half is not, and up stops once", () => {
    for (const files of [
      { [key]: null, [publicKey]: null },
      { [key]: null, [publicKey]: fileFact(line) },
      { [key]: closedFileFact("private"), [publicKey]: null },
    ]) {
      expect(plan(files)).toMatchObject({
        state: "differs",
        observed: "not there yet",
        sentence: expect.stringContaining("The next item stops up once, and shows the public half") as string,
      });
    }
  });

  test("is not known of a host that was not read, or that says nothing of it", () => {
    expect(planCopyPreparation("x", ssh, blind)).toMatchObject({ state: "not measured" });
    expect(plan({})).toMatchObject({ state: "not measured" });
  });

  test("is needed by no other target", () => {
    const done = seen({ items: { "backup-copy-prepare": { armed: false, revision: 1 } } });
    expect(planCopyPreparation("backup-copy-prepare", folder, seen({})).state).toBe("differs");
    expect(planCopyPreparation("backup-copy-prepare", bucket, done).state).toBe("in sync");
  });
});
