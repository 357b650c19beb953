import { describe, expect, test } from "vitest";
import { planDataRoot } from "../../../components/host/dataRoot.ts";
import { planDockerDaemon } from "../../../components/host/dockerDaemon.ts";
import { planEntryPoint } from "../../../components/host/entryPoint.ts";
import { planAddDisk, planLogicalVolume, type LogicalVolumeArgs } from "../../../components/host/logicalVolume.ts";
import { planMountOptions } from "../../../components/host/mountOptions.ts";
import { gib, PlanReport, planRun } from "../../../components/host/plan.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";

const GIB = 2 ** 30;

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
  const host = (size: number, free: number, { layout = "linear", missing = 0 } = {}) =>
    seen({
      logicalVolumes: [{ volumeGroup: "ubuntu-vg", name: "ubuntu-lv", size: size * GIB, layout }],
      volumeGroups: [{ name: "ubuntu-vg", size: 295 * GIB, free: free * GIB, extentSize: 2 ** 22, missing }],
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
    [
      "left alone without one of its disks",
      host(100, 195, { missing: 1 }),
      "differs",
      "misses 1 of its disks: up will",
    ],
    [
      "left alone when it is not linear",
      host(100, 195, { layout: "raid1" }),
      "differs",
      "is raid1, not linear: up will",
    ],
    ["exactly down to the reserve", host(100, 70), "differs", "grows by 50 GiB"],
    ["missing", seen({}), "differs", "is not on this host: up will refuse"],
    ["blind", blind, "not measured", "grows from 100 GiB (by the records; what is there decides) to 150 GiB"],
  ] as const)("is %s", (_, observation, state, sentence, size = wanted.size) => {
    const plan = planLogicalVolume({ ...wanted, size }, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
    expect(plan.refused === true).toBe(plan.sentence.includes("up will refuse"));
  });

  test("is not done while its filesystem is behind: a run was cut off between the two", () => {
    const mounts = (size: number) => [
      { target: "/", source: "/dev/x", filesystem: "ext4", options: ["rw"], size: size * GIB, used: 1 },
    ];
    const grown = (size: number) => seen({ ...host(150, 145).facts, mounts: mounts(size) });
    expect(planLogicalVolume(wanted, grown(98))).toMatchObject({
      state: "differs",
      sentence: expect.stringContaining("has 150 GiB, its filesystem only 98 GiB") as string,
    });
    // What ext4 keeps for itself.
    expect(planLogicalVolume(wanted, grown(146)).state).toBe("in sync");
  });

  test.each([
    ["in its group", [{ name: "/dev/sdd", volumeGroup: "ubuntu-vg" }], "in sync", "as wanted"],
    ["in no group", [], "differs", "in no volume group"],
    ["another group's", [{ name: "/dev/sdd", volumeGroup: "backup" }], "differs", "in backup"],
  ])("says of the empty disk (option B) that it is %s", (_, physicalVolumes, state, observed) => {
    const disk = { name: "sdd", type: "disk", size: 1, serial: "S3R1AL", filesystem: undefined, mount: undefined };
    const facts = seen({ disks: [{ ...disk, children: [] }], physicalVolumes });
    expect(planAddDisk("ubuntu-vg", "S3R1AL", facts)).toMatchObject({ state, observed });
  });

  test("says that the empty disk is not there before anything is tried", () => {
    expect(planAddDisk("ubuntu-vg", "S3R1AL", seen({})).sentence).toContain("no disk with the serial S3R1AL");
    expect(planAddDisk("ubuntu-vg", "S3R1AL", blind).state).toBe("not measured");
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
  const host = (live: string, fstab: string) =>
    seen({
      mounts: [{ target: "/", source: "/dev/x", filesystem: "ext4", options: live.split(","), size: 1, used: 1 }],
      files: { "/etc/fstab": fileFact(fstab) },
    });
  const line = (options: string) => `# / was on /dev/x\nUUID=x\t/  ext4 ${options} 0 1\n`;

  test.each([
    ["neither", host("rw,relatime", line("defaults")), "/etc/fstab has defaults and it is mounted with rw,relatime"],
    ["only fstab", host("rw,relatime", line("defaults,noatime,nodiratime")), "it is mounted with rw,relatime"],
    ["only the mount", host("rw,noatime,nodiratime", line("defaults")), "/etc/fstab has defaults"],
    ["half of it", host("rw,nodiratime", line("nodiratime")), "has nodiratime and it is mounted with rw,nodiratime"],
    ["no such mount", seen({ files: { "/etc/fstab": fileFact(line("noatime")) } }), "is not mounted on this host"],
    ["no line", host("rw,noatime", "# empty\n"), "has not exactly one line in /etc/fstab"],
    ["two lines", host("rw,noatime", line("noatime") + line("noatime")), "has not exactly one line in /etc/fstab"],
  ])("differ with %s", (_, observation, observed) => {
    expect(planMountOptions(wanted, observation)).toMatchObject({
      state: "differs",
      observed: expect.stringContaining(observed) as string,
    });
  });

  test.each(["rw,noatime,nodiratime", "rw,noatime"])("are in sync in fstab and on a mount with %s", (live) => {
    // noatime covers nodiratime, which the kernel then does not show.
    expect(planMountOptions(wanted, host(live, line("noatime,nodiratime"))).state).toBe("in sync");
  });

  test("of a host that was not read are not measured", () => {
    expect(planMountOptions(wanted, blind)).toMatchObject({ state: "not measured", observed: "not read" });
  });
});

describe("daemon.json", () => {
  const wanted = '{\n  "live-restore": true,\n  "log-driver": "json-file"\n}\n';
  const there = (content: string) => seen({ files: { "/etc/docker/daemon.json": fileFact(content) } });

  test.each([
    ["the same", there(wanted), "in sync", "is as wanted"],
    [
      "none",
      seen({ files: { "/etc/docker/daemon.json": null } }),
      "differs",
      'live-restore absent -> true; log-driver absent -> "json-file"',
    ],
    ["another value", there('{"log-driver": "local"}'), "differs", 'log-driver "local" -> "json-file"'],
    ["another layout", there('{"live-restore":true,"log-driver":"json-file"}'), "differs", "has other lines: "],
    [
      "keys that nobody declared",
      there('{"insecure-registries": ["x"]}'),
      "differs",
      "not declared: insecure-registries: up will refuse to drop what nobody declared",
    ],
    ["no JSON", there("{broken"), "differs", "is not valid JSON and is replaced"],
    [
      "another mode",
      seen({ files: { "/etc/docker/daemon.json": fileFact(wanted, { mode: "600" }) } }),
      "differs",
      "has mode 600, wanted 644",
    ],
    ["not looked at", seen({}), "not measured", "has 2 keys (live-restore, log-driver)"],
    ["blind", blind, "not measured", "has 2 keys (live-restore, log-driver)"],
  ] as const)("compares with %s", (_, observation, state, sentence) => {
    const plan = planDockerDaemon("docker-daemon-json", wanted, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test("drops by itself only the keys that it put there", () => {
    const files = { "/etc/docker/daemon.json": fileFact('{"insecure-registries": ["x"]}') };
    const plan = (ours: boolean) =>
      planDockerDaemon(
        "docker-daemon-json",
        wanted,
        seen({ files, items: { "docker-daemon-json": { armed: false, ours } } }),
      );
    expect(plan(false).refused).toBe(true);
    expect(plan(true).refused).toBeUndefined();
  });

  test("says what happens to the containers", () => {
    expect(planDockerDaemon("docker-daemon-json", wanted, there("{}")).sentence).toContain("its containers stay up");
    expect(planDockerDaemon("docker-daemon-json", "{}", there("[]")).sentence).toContain("and its containers with it");
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
      wanted: "/var/lib/rancher on /mnt/fast",
      observed: "not read",
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

describe("the entry point", () => {
  const units = {
    "twisterlab-edge-revert.service": { enabled: "enabled", active: "inactive" },
    "twisterlab-edge-revert-at-boot.service": { enabled: "enabled", active: "inactive" },
  };
  const entryPoint = { sha256: "5a7e", users: { "edge-phase-1": 3 } };

  test.each([
    ["in sync", seen({ entryPoint, units }), "in sync", "is as wanted"],
    ["not there", seen({ units }), "differs", "it is not there yet"],
    ["another version", seen({ entryPoint: { ...entryPoint, sha256: "0" }, units }), "differs", "another version"],
    [
      "used by others only",
      seen({ entryPoint: { ...entryPoint, users: {} }, units }),
      "differs",
      "not among its users",
    ],
    ["without the units that undo", seen({ entryPoint }), "differs", "not enabled: twisterlab-edge-revert.service, "],
    [
      "with one of them switched off",
      seen({
        entryPoint,
        units: { ...units, "twisterlab-edge-revert-at-boot.service": { enabled: "disabled", active: "inactive" } },
      }),
      "differs",
      "not enabled: twisterlab-edge-revert-at-boot.service",
    ],
    ["blind", blind, "not measured", "installs /usr/local/sbin/twisterlab-edge"],
  ] as const)("is %s", (_, observation, state, sentence) => {
    const plan = planEntryPoint("5a7e", "edge-phase-1", observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });
});

test.each([
  ["not done yet", seen({}), "differs"],
  ["armed and never ended", seen({ items: { benchmark: { armed: false } } }), "differs"],
  ["done", seen({ items: { benchmark: { armed: false, revision: 1 } } }), "in sync"],
  ["blind", blind, "not measured"],
] as const)("what is done once is compared by its record: %s", (_, observation, state) => {
  expect(planRun("benchmark", "reads", observation).state).toBe(state);
});

test("the report numbers the items in their order, with reasons and notes, and keeps their revisions", () => {
  const report = new PlanReport();
  const plan = { state: "differs", wanted: "w", observed: "o", undo: "cannot be undone" } as const;
  report.add({ ...plan, name: "b", sentence: "b changes", why: "reasons", revision: 2, notes: ["also there: x"] });
  report.add({ ...plan, name: "a", state: "in sync", sentence: "a stays", why: "of that", revision: 1 });
  expect(String(report)).toBe(
    "1. b (differs): b changes\n   because reasons\n   note: also there: x\n2. a (in sync): a stays\n   because of that",
  );
  expect(report.revisions).toEqual({ b: 2, a: 1 });
});

test.each([
  [150 * GIB, "150 GiB"],
  [1.5 * GIB, "1.5 GiB"],
  [512 * 2 ** 20, "512 MiB"],
])("%d bytes read as %s", (bytes, text) => {
  expect(gib(bytes)).toBe(text);
});
