import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Parameters } from "../../components/host/render/parameters.ts";
import { startBox, type Box } from "./box/box.ts";
import { installEntryPoint, verb } from "./support/entryPoint.ts";

/** What is done to volumes, on a real LVM whose root volume it is. */
let box: Box;

const GIB = 2 ** 30;
const OUTSIDE = "/twisterlab/data-warehouse/twisterlab-edge/lvm";
const root: Parameters = {
  item: "root-volume",
  volume_group: "ubuntu-vg",
  logical_volume: "ubuntu-lv",
  mount: "/",
  filesystem: "ext4",
  size_bytes: 150 * GIB,
  reserve_bytes: 20 * GIB,
  metadata_backup: OUTSIDE,
};

const read = async (command: string): Promise<string> => {
  const done = await box.run(command);
  if (done.code !== 0) {
    throw new Error(`${command}: ${done.stderr}`);
  }
  return done.stdout.trim();
};
const sizeOf = async (volume: string): Promise<number> =>
  Number(await read(`lvs --noheadings --nosuffix --units b -o lv_size ${volume}`));
const metadata = (group: string) =>
  read(`vgs --noheadings -o vg_seqno,vg_extent_count,vg_free_count,pv_count ${group}`);

/** Refused, for this reason, and the group's metadata is untouched. */
async function expectRefused(words: string, parameters: Parameters, reason: string | RegExp): Promise<void> {
  const group = String(parameters["volume_group"]);
  const before = await metadata(group);
  const done = await verb(box, words, parameters);
  expect(done).toMatchObject({ code: 65, stderr: expect.stringMatching(reason) as string });
  expect(await metadata(group)).toBe(before);
}

beforeAll(async () => {
  box = await startBox({ spareDisk: true });
  await installEntryPoint(box);
});

afterAll(async () => {
  await box.stop();
});

describe("the root volume", () => {
  test.each([
    ["past the reserve", { size_bytes: 290 * GIB }, "would not leave the reserve"],
    ["to less than it has", { size_bytes: 50 * GIB }, "never shrunk"],
    [
      "on another disk than the one named",
      { disk_serial: "DATAWAREHOUSE1" },
      "no physical volume of ubuntu-vg is on the disk",
    ],
    ["on a disk that is not there", { disk_serial: "NOSUCHDISK" }, "no disk with the serial"],
    ["of another name", { logical_volume: "other-lv" }, "is not on this host"],
    ["that is mounted elsewhere", { mount: "/boot" }, "is not the filesystem of"],
    ["with another filesystem", { filesystem: "xfs" }, "is not xfs"],
    ["with its metadata kept inside the group", { metadata_backup: "/var/backups" }, "must be kept outside"],
  ] as [string, Parameters, string][])("is not grown %s", async (_, change, reason) => {
    await expectRefused("logical-volume grow", { ...root, ...change }, new RegExp(reason));
    expect(await sizeOf("ubuntu-vg/ubuntu-lv")).toBe(100 * GIB);
  });

  test("grows while mounted, its filesystem with it, its metadata kept in two places; a second run changes nothing", async () => {
    const done = await verb(box, "logical-volume grow", { ...root, disk_serial: box.serials.system });
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining("grew") as string });
    expect(await sizeOf("ubuntu-vg/ubuntu-lv")).toBe(150 * GIB);
    expect(Number(await read("df --output=size --block-size=1 / | tail -1"))).toBeGreaterThan(145 * GIB);
    const kept = await read(`ls ${OUTSIDE}`);
    expect(await read("ls /var/lib/twisterlab-edge/lvm")).toBe(kept);
    expect(await read(`grep -c extent_count ${OUTSIDE}/${kept}`)).not.toBe("0");
    const before = await metadata("ubuntu-vg");
    expect(await verb(box, "logical-volume grow", root)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is as wanted") as string,
    });
    expect(await metadata("ubuntu-vg")).toBe(before);
  });

  test("goes on from a run that was cut off between the volume and its filesystem", async () => {
    await read("lvextend --size 151G ubuntu-vg/ubuntu-lv");
    const done = await verb(box, "logical-volume grow", { ...root, size_bytes: 151 * GIB });
    expect(done.code).toBe(0);
    expect(
      Number(await read("dumpe2fs -h /dev/ubuntu-vg/ubuntu-lv 2> /dev/null | awk '/^Block count/ { print $3 }'")),
    ).toBe((151 * GIB) / 4096);
  });

  test("never gets metadata back from before it grew: that would cut its filesystem off", async () => {
    const file = `${OUTSIDE}/${(await read(`ls ${OUTSIDE}`)).split("\n")[0] ?? ""}`;
    await expectRefused(
      "volume-group restore-metadata",
      { volume_group: "ubuntu-vg", file, metadata_backup: OUTSIDE },
      /another size than now.*ubuntu-lv/,
    );
  });

  test("gets metadata back that has every volume as it is", async () => {
    await read(`vgcfgbackup --file ${OUTSIDE}/now ubuntu-vg`);
    const done = await verb(box, "volume-group restore-metadata", {
      volume_group: "ubuntu-vg",
      file: `${OUTSIDE}/now`,
      metadata_backup: OUTSIDE,
    });
    expect(done).toMatchObject({ code: 0 });
    expect(await sizeOf("ubuntu-vg/ubuntu-lv")).toBe(151 * GIB);
  });
});

describe("a disk that joins the volume group", () => {
  const add = { item: "root-volume-disk", volume_group: "ubuntu-vg", metadata_backup: OUTSIDE };
  const spare = () =>
    read('lsblk --nodeps --noheadings --output NAME,SERIAL | awk \'$2 == "SPARE01" { print "/dev/" $1 }\'');

  test("must be empty: not a disk in use, not one with a signature", async () => {
    await expectRefused(
      "volume-group add-disk",
      { ...add, disk_serial: box.serials["data-warehouse"] },
      /partitions or is in use|signature|mounted/,
    );
    await expectRefused(
      "volume-group add-disk",
      { ...add, disk_serial: box.serials.system },
      /partitions or is in use/,
    );
    await read(`mkfs.ext4 -q -E lazy_itable_init=1 ${await spare()}`);
    await expectRefused("volume-group add-disk", { ...add, disk_serial: "SPARE01" }, /carries a signature/);
    await read(`wipefs --all ${await spare()}`);
  });

  test("joins once", async () => {
    expect(await verb(box, "volume-group add-disk", { ...add, disk_serial: "SPARE01" })).toMatchObject({ code: 0 });
    expect(await read(`pvs --noheadings -o vg_name ${await spare()}`)).toBe("ubuntu-vg");
    const before = await metadata("ubuntu-vg");
    expect(await verb(box, "volume-group add-disk", { ...add, disk_serial: "SPARE01" })).toMatchObject({ code: 0 });
    expect(await metadata("ubuntu-vg")).toBe(before);
  });
});

describe("another group", () => {
  test("with xfs grows online; one that misses a physical volume is left alone", async () => {
    await read(`
      for n in 1 2; do truncate -s 3G /srv/pv$n; losetup /dev/loop$n /srv/pv$n; pvcreate -q /dev/loop$n; done
      vgcreate -q test-vg /dev/loop1 /dev/loop2
      lvcreate -q -y -n data -L 1G test-vg
      mkfs.xfs -q /dev/test-vg/data; mkdir /mnt/data; mount /dev/test-vg/data /mnt/data`);
    const data: Parameters = {
      ...root,
      item: "data-volume",
      volume_group: "test-vg",
      logical_volume: "data",
      mount: "/mnt/data",
      filesystem: "xfs",
      size_bytes: 2 * GIB,
      reserve_bytes: GIB,
    };
    expect(await verb(box, "logical-volume grow", data)).toMatchObject({ code: 0 });
    expect(Number(await read("df --output=size --block-size=1 /mnt/data | tail -1"))).toBeGreaterThan(1.9 * GIB);

    await read("losetup -d /dev/loop2; mv /srv/pv2 /srv/pv2.gone; losetup -D 2> /dev/null; pvscan --cache -q; true");
    const missing = await read("vgs --noheadings -o vg_missing_pv_count test-vg 2> /dev/null");
    expect(missing).toBe("1");
    await expectRefused("logical-volume grow", { ...data, size_bytes: 2.5 * GIB }, /misses a physical volume/);
  });
});
