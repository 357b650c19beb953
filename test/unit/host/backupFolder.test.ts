import { describe, expect, test } from "vitest";
import { BACKUP_GROUP } from "../../../components/backupGroup.ts";
import { BackupFolder, planBackupFolder } from "../../../components/host/backupFolder.ts";
import type { BlockDevice, EntryFact, HostFacts } from "../../../components/host/facts.ts";
import { declareItems } from "../../support/hostItems.ts";
import { blind, seen } from "../../support/observed.ts";

const MOUNT = "/twisterlab/data-warehouse";
const PATH = `${MOUNT}/twisterlab-edge/backups`;
const args = { mount: MOUNT, path: PATH };

const mounted = (...targets: string[]) =>
  targets.map((target) => ({ target, source: "/dev/x", filesystem: "ext4", options: ["rw"], size: 1, used: 0 }));

const device = (name: string, mount: string | undefined, children: BlockDevice[] = []): BlockDevice => ({
  name,
  type: children.length > 0 ? "disk" : "part",
  size: 1,
  serial: undefined,
  filesystem: undefined,
  mount,
  children,
});

const shared: EntryFact = { kind: "folder", mode: "2770", owner: "0:10570" };
const asMade: Record<string, EntryFact | null> = {
  ".": shared,
  runs: shared,
  drills: shared,
  k3s: { kind: "folder", mode: "700", owner: "0:0" },
  ".twisterlab-edge": { kind: "file", mode: "644", owner: "0:0" },
};

/** A host with the disk mounted, and the folder as it was made but for `entries`. */
const host = (entries: typeof asMade | undefined, more: Partial<HostFacts> = {}) =>
  seen({
    mounts: mounted("/", "/boot", MOUNT),
    disks: [device("sda", undefined, [device("sda1", "/")]), device("sdc", undefined, [device("sdc1", MOUNT)])],
    backupFolders: entries === undefined ? {} : { "backup-folder": { path: PATH, entries: { ...asMade, ...entries } } },
    ...more,
  });

const plan = (observation: Parameters<typeof planBackupFolder>[2]) =>
  planBackupFolder("backup-folder", args, observation);

describe("the plan of the backups' folder", () => {
  test.each([
    ["of a host that was not asked", blind],
    ["of one whose program says nothing of such folders", host({}, { backupFolders: undefined })],
    ["of one whose mounts could not be read", host({}, { mounts: [] })],
  ])("%s is not measured", (_, observation) => {
    expect(plan(observation)).toMatchObject({ state: "not measured", observed: "not read" });
    expect(plan(observation).sentence).toContain("and all of it when this item is removed");
  });

  test("is in sync as it was made", () => {
    expect(plan(host({}))).toEqual({
      state: "in sync",
      sentence: `${PATH} is as wanted, on the disk at ${MOUNT}`,
      wanted: `${PATH} on the disk at ${MOUNT}, for root and the group 10570`,
      observed: "as wanted",
    });
  });

  test("says that it is made where it was not yet", () => {
    const { state, sentence, observed, refused } = plan(host(undefined));
    expect({ state, observed, refused }).toEqual({ state: "differs", observed: "not made yet", refused: undefined });
    expect(sentence).toContain(`${PATH} is made on the disk at ${MOUNT}`);
  });

  test("says where the backups of another path stay", () => {
    const elsewhere = { "backup-folder": { path: `${MOUNT}/old`, entries: asMade } };
    expect(plan(host({}, { backupFolders: elsewhere }))).toMatchObject({
      state: "differs",
      observed: `made at ${MOUNT}/old`,
      sentence: expect.stringContaining(`the backups in ${MOUNT}/old stay there`) as string,
    });
  });

  test.each([
    [
      { ".": { ...shared, mode: "755" } },
      "the folder is a folder of 0:10570 with mode 755, wanted a folder of 0:10570 with mode 2770",
    ],
    [{ runs: { ...shared, owner: "70:10570" } }, "runs is a folder of 70:10570 with mode 2770, wanted"],
    [{ k3s: shared }, "k3s is a folder of 0:10570 with mode 2770, wanted a folder of 0:0 with mode 700"],
    [{ drills: { ...shared, kind: "other" as const } }, "drills is a link or device of"],
    [{ ".twisterlab-edge": null }, ".twisterlab-edge is not there any more"],
  ])("shows what has drifted: %j", (entries, observed) => {
    const { state, refused, ...found } = plan(host(entries));
    expect({ state, refused }).toEqual({ state: "differs", refused: undefined });
    expect(found.observed).toContain(observed);
    expect(found.sentence).toBe(`${PATH}: ${found.observed}; mended, no backup is touched`);
  });

  test.each([
    [
      "the disk is not mounted",
      { mounts: mounted("/", "/boot") },
      `${MOUNT} is not a mount point: its disk is not mounted`,
    ],
    [
      "another file system is mounted in between",
      { mounts: mounted("/", MOUNT, `${MOUNT}/twisterlab-edge`) },
      `it is on the file system at ${MOUNT}/twisterlab-edge, not on that at ${MOUNT}`,
    ],
    [
      "it is a partition of the disk of /",
      { disks: [device("sda", undefined, [device("sda1", "/"), device("sda2", MOUNT)])] },
      `${MOUNT} is on sda, the disk of /`,
    ],
  ])("is refused when %s, whatever the folder looked like", (_, more, observed) => {
    for (const entries of [undefined, {}]) {
      const found = plan(host(entries, more));
      expect(found).toMatchObject({ state: "differs", refused: true, observed });
      expect(found.sentence).toContain(`${observed}: up will refuse`);
    }
  });
});

test("the item is one command without an undo, with the pods' group", async () => {
  const { resource, items } = await declareItems((to) => {
    new BackupFolder("backup-folder", { ...args, why: "backups were on the disk of the data" }, to);
  });
  const { inputs } = resource("backup-folder-apply") ?? {};
  expect(inputs?.["create"]).toBe("sudo -n /usr/local/sbin/twisterlab-edge backup-folder make --revision 1");
  expect(inputs).not.toHaveProperty("delete");
  expect(inputs?.["stdin"]).toBe(`item: backup-folder\nmount: ${MOUNT}\npath: ${PATH}\ngroup: ${BACKUP_GROUP}\n\n`);
  expect(items.map(({ name, state }) => [name, state])).toEqual([["backup-folder", "not measured"]]);
});
