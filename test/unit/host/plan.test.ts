import { describe, expect, test } from "vitest";
import { planDataRoot } from "../../../components/host/dataRoot.ts";
import { planDockerDaemon } from "../../../components/host/dockerDaemon.ts";
import { parseFacts, type HostFacts } from "../../../components/host/facts.ts";
import { planLogicalVolume, type LogicalVolumeArgs } from "../../../components/host/logicalVolume.ts";
import { planMountOptions } from "../../../components/host/mountOptions.ts";
import { gib } from "../../../components/host/plan.ts";

const GIB = 2 ** 30;
const blind = { blind: "the host was not asked" };

function seen(facts: Partial<HostFacts>): { facts: HostFacts } {
  return { facts: { ...parseFacts("== end\n"), ...facts } };
}

describe("the root volume", () => {
  const wanted: LogicalVolumeArgs = {
    volumeGroup: "ubuntu-vg",
    logicalVolume: "ubuntu-lv",
    filesystem: "ext4",
    mount: "/",
    size: 150 * GIB,
    reserve: 20 * GIB,
    recordedSize: 100 * GIB,
    metadataBackup: "/twisterlab/data-warehouse/lvm",
    why: "room",
  };
  const host = (size: number, free: number) =>
    seen({
      logicalVolumes: [{ volumeGroup: "ubuntu-vg", name: "ubuntu-lv", size: size * GIB, layout: "linear" }],
      volumeGroups: [{ name: "ubuntu-vg", size: 295 * GIB, free: free * GIB, extentSize: 2 ** 22, missing: 0 }],
    });

  test.each([
    ["in sync at its size", host(150, 145), "in sync", "has 150 GiB"],
    [
      "growing by what is missing",
      host(100, 195),
      "differs",
      "has 100 GiB, wanted 150 GiB, ubuntu-vg has 195 GiB free: grows by 50 GiB",
    ],
    ["never shrunk", host(200, 95), "differs", "up will refuse, a volume is never shrunk"],
    ["refused past the reserve", host(100, 60), "differs", "up will refuse"],
    // 149.999 GiB in whole extents of 4 MiB.
    ["in sync at the next whole extent", host(150, 145), "in sync", "has 150 GiB", 150 * GIB - 1000],
    ["exactly down to the reserve", host(100, 70), "differs", "grows by 50 GiB"],
    ["missing", seen({}), "not measured", "is not on this host: up will refuse"],
    ["blind", blind, "not measured", "grows from 100 GiB (by the records; what is there decides) to 150 GiB"],
  ] as const)("is %s", (_, observation, state, sentence, size = wanted.size) => {
    const plan = planLogicalVolume({ ...wanted, size }, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test("says which empty disk joins first (option B), and then the reserve is not asked of the old group", () => {
    const { sentence } = planLogicalVolume({ ...wanted, addDisk: "S3R1AL" }, host(100, 10));
    expect(sentence).toContain("the empty disk S3R1AL joins ubuntu-vg first");
    expect(sentence).toContain("grows by 50 GiB");
    expect(planLogicalVolume({ ...wanted, addDisk: "S3R1AL" }, blind).sentence).toContain("S3R1AL");
  });

  test("stays as recorded when that is the size wanted and nobody could measure", () => {
    expect(planLogicalVolume({ ...wanted, recordedSize: wanted.size }, blind).sentence).toContain("stays at 150 GiB");
  });
});

describe("mount options", () => {
  const wanted = { mount: "/", options: ["noatime", "nodiratime"], why: "reads" };
  const mounted = (options: string[]) =>
    seen({ mounts: [{ target: "/", source: "/dev/x", filesystem: "ext4", options, size: 1, used: 1 }] });

  test.each([
    [mounted(["rw", "relatime"]), "differs", "/ has rw,relatime: noatime,nodiratime added"],
    // noatime covers nodiratime, which the kernel then does not show.
    [mounted(["rw", "noatime"]), "in sync", "/ carries noatime,nodiratime"],
    [mounted(["rw", "nodiratime"]), "differs", "noatime added"],
    [seen({}), "not measured", "is not mounted on this host"],
    [blind, "not measured", "/ carries noatime,nodiratime in /etc/fstab"],
  ] as const)("compare %j", (observation, state, sentence) => {
    const plan = planMountOptions(wanted, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });
});

describe("daemon.json", () => {
  const wanted = '{\n  "live-restore": true,\n  "log-driver": "json-file"\n}\n';

  test.each([
    [seen({ dockerDaemon: wanted }), "in sync", "is as wanted"],
    [seen({ dockerDaemon: undefined }), "differs", 'live-restore absent -> true; log-driver absent -> "json-file"'],
    [seen({ dockerDaemon: '{"log-driver": "local"}' }), "differs", 'log-driver "local" -> "json-file"'],
    [seen({ dockerDaemon: '{"live-restore":true,"log-driver":"json-file"}' }), "differs", "written anew"],
    [
      seen({ dockerDaemon: '{"insecure-registries": ["x"]}' }),
      "differs",
      "not declared: insecure-registries (up will refuse to drop them",
    ],
    [seen({ dockerDaemon: "{broken" }), "differs", "is not valid JSON and is replaced"],
    [blind, "not measured", "has 2 keys (live-restore, log-driver)"],
  ] as const)("compares %j", (observation, state, sentence) => {
    const plan = planDockerDaemon(wanted, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });
});

describe("a data root", () => {
  const wanted = {
    path: "/var/lib/rancher",
    diskSerial: "S",
    mount: "/mnt/fast",
    format: "ext4",
    why: "speed",
  } as const;

  test("says what stands still and where the old data stays", () => {
    expect(planDataRoot(wanted, blind)).toEqual({
      state: "not measured",
      sentence:
        "/var/lib/rancher moves to /mnt/fast/rancher; the disk S, which must be empty, gets ext4; K3s and all its pods stand still while the last differences are copied; the old data stays in /var/lib/rancher.before-twisterlab-edge",
    });
    const docker = planDataRoot({ ...wanted, path: "/var/lib/docker", format: "none" }, seen({}));
    expect(docker.state).toBe("differs");
    expect(docker.sentence).toContain("Docker and its containers stand still");
    expect(docker.sentence).not.toContain("ext4");
  });

  test("is in sync once the folder is mounted from there, and refused when it is mounted from elsewhere", () => {
    const mounts = (source: string) =>
      [
        { target: wanted.path, source },
        { target: wanted.mount, source: "/dev/nvme0n1p1" },
      ].map((mount) => ({ ...mount, filesystem: "ext4", options: [], size: 1, used: 1 }));
    expect(planDataRoot(wanted, seen({ mounts: mounts("/dev/nvme0n1p1[/rancher]") })).state).toBe("in sync");
    expect(planDataRoot(wanted, seen({ mounts: mounts("/dev/sdb1[/rancher]") })).sentence).toContain("up will refuse");
  });
});

test.each([
  [150 * GIB, "150 GiB"],
  [1.5 * GIB, "1.5 GiB"],
  [512 * 2 ** 20, "512 MiB"],
])("%d bytes read as %s", (bytes, text) => {
  expect(gib(bytes)).toBe(text);
});
