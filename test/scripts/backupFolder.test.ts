import { existsSync, rmSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { planBackupFolder } from "../../components/host/backupFolder.ts";
import type { EntryFact } from "../../components/host/facts.ts";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, OWNER, scratchHost, type ScratchHost } from "../support/hostScripts.ts";
import { seen } from "../support/observed.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

/**
 * A host with a disk mounted at `disk`, unless there is a file `unmounted`. Whoever runs the tests cannot give files away:
 * `given` has what would have been given, and to whom.
 */
const HOST = `
mountpoint() { [[ \${*: -1} == "$RUN/disk" && ! -e $RUN/unmounted ]]; }
# Two are mounted there, one over the other.
mount_of() { printf '%s\\n' "$RUN/disk" "$RUN/disk"; }
device_of() { if [[ $1 == / ]]; then echo 1; else echo 2; fi; }
disks_of() { if [[ $1 == / ]]; then echo /dev/sda; else echo /dev/sdc; fi; }
need_commands() { :; }
python3() {
  local giving='import os
os.fchown = lambda file, user, group: print(os.readlink(f"/proc/self/fd/{file}"), f"{user}:{group}", file=open("given", "a"))'
  command python3 "$1" "$giving"$'\\n'"$2" "\${@:3}"
}
`;

let host: ScratchHost;
let path: string;
beforeEach(() => {
  host = scratchHost(HOST);
  host.write("disk/of/others", "stays");
  path = host.at("disk/twisterlab-edge/backups");
});
afterEach(() => {
  host.remove();
});

const input = (more: Parameters = {}) =>
  renderParameters({ item: "backup-folder", mount: host.at("disk"), path, group: 10570, ...more });
const make = (more: Parameters = {}) => host.run("backup-folder make", input(more));

/** What observe tells of the folder. */
const observed = () => host.observed('backup-folders python3 -c "$BACKUP_FOLDERS_AS_JSON" "$STATE" "$BACKUP_MARK"');

const shared: EntryFact = { kind: "folder", mode: "2770", owner: OWNER };
const asMade = {
  ".": shared,
  runs: shared,
  drills: shared,
  k3s: { kind: "folder", mode: "700", owner: OWNER },
  ".twisterlab-edge": { kind: "file", mode: "644", owner: OWNER },
};

test("a host where none was made has nothing to tell", () => {
  expect(observed().backupFolders).toEqual({});
});

describe("the folder", () => {
  test("is made with its own ones and its mark, each for whom it is, and found so", () => {
    expect(make()).toEqual({ code: 0, stdout: `${path} is as wanted\n`, stderr: "" });
    expect(observed().backupFolders).toEqual({ "backup-folder": { path, entries: asMade } });
    expect(host.read("given")?.split("\n")).toEqual([
      `${path} 0:10570`,
      `${path}/runs 0:10570`,
      `${path}/drills 0:10570`,
      `${path}/k3s 0:0`,
      `${path}/.twisterlab-edge 0:0`,
      "",
    ]);
    // Others may pass through what is above it.
    expect(host.mode("disk/twisterlab-edge")).toBe("755");
  });

  test("that is there keeps every file of it, and gets our modes", () => {
    host.write("disk/twisterlab-edge/backups/postgres-20260101T020000Z/dump.sql.gz", "precious");
    host.write("disk/twisterlab-edge/backups/runs/postgres-20260101T020000Z.json", "{}");
    host.write("disk/twisterlab-edge/backups/k3s/k3s-20260101T030000Z/manifest.json", "{}");
    expect(make().code).toBe(0);
    make();
    expect(host.read("disk/twisterlab-edge/backups/postgres-20260101T020000Z/dump.sql.gz")).toBe("precious");
    expect(host.list("disk/twisterlab-edge/backups/runs")).toEqual(["postgres-20260101T020000Z.json"]);
    expect(host.list("disk/twisterlab-edge/backups/k3s")).toEqual(["k3s-20260101T030000Z"]);
    expect(observed().backupFolders?.["backup-folder"]?.entries).toEqual(asMade);
  });

  test.each([
    ["another mode", "chmod 0777", "."],
    ["another mode of what is root's alone", "chmod 0755", "k3s"],
    ["no mark", "rm", ".twisterlab-edge"],
    ["a folder that is gone", "rmdir", "drills"],
  ])("with %s is seen to differ, and mended", (_, change, entry) => {
    make();
    host.call(`${change} -- ${path}/${entry}`);
    const differences = () =>
      Object.entries(observed().backupFolders?.["backup-folder"]?.entries ?? {})
        .filter(([name, fact]) => JSON.stringify(fact) !== JSON.stringify(asMade[name as keyof typeof asMade]))
        .map(([name]) => name);
    expect(differences()).toEqual([entry]);
    expect(make().code).toBe(0);
    expect(differences()).toEqual([]);
  });

  test("of another path is made there, and what was saved in the first one stays", () => {
    make();
    host.write("disk/twisterlab-edge/backups/runs/k3s-20260101T030000Z.json", "{}");
    const other = host.at("disk/other");
    expect(make({ path: other }).code).toBe(0);
    expect(observed().backupFolders?.["backup-folder"]?.path).toBe(other);
    expect(host.list("disk/twisterlab-edge/backups/runs")).toEqual(["k3s-20260101T030000Z.json"]);
  });

  test("that was killed half-way is whole after the next run, and has lost nothing", () => {
    host.write("disk/twisterlab-edge/backups/redis-20260101T020000Z/dump.rdb", "precious");
    host.killedBeforeEachCommand("backup-folder make --revision 1", input(), 4, () => {
      expect(make()).toMatchObject({ code: 0, stderr: "" });
      expect(observed().backupFolders).toEqual({ "backup-folder": { path, entries: asMade } });
      expect(host.read("disk/twisterlab-edge/backups/redis-20260101T020000Z/dump.rdb")).toBe("precious");
    });
  });
});

describe("is refused, and nothing is made", () => {
  const refused = (reason: string, more: Parameters = {}) => {
    const { code, stderr } = make(more);
    expect(stderr).toContain(reason);
    expect(code).toBe(65);
    expect(existsSync(path)).toBe(false);
    expect(host.read("state/items/backup-folder/folder")).toBeUndefined();
  };

  test("while the disk is not mounted", () => {
    host.write("unmounted", "");
    refused(`${host.at("disk")} is not a mount point: its disk is not mounted`);
  });

  test("below another mount point", () => {
    host.stub('mount_of() { echo "$RUN/disk/twisterlab-edge"; }');
    refused(`is on ${host.at("disk/twisterlab-edge")}, not on ${host.at("disk")}`);
  });

  test("beside the mount point", () => {
    refused("is not below", { path: host.at("disk-of-others/backups") });
  });

  test("through a link, and above by two dots", () => {
    symlinkSync(host.at("etc"), host.at("disk/link"));
    refused("a symbolic link is in it", { path: host.at("disk/link/backups") });
    refused("a symbolic link is in it", { path: `${host.at("disk")}/../elsewhere` });
    expect(host.list(".")).not.toContain("elsewhere");
  });

  test("on the file system of /", () => {
    host.stub("device_of() { echo 1; }");
    refused("is the file system of /");
  });

  test("on another partition of the disk of /, which a volume may be spread over", () => {
    host.stub("disks_of() { if [[ $1 == / ]]; then printf '/dev/sda\\n/dev/sdb\\n'; else echo /dev/sda; fi; }");
    refused("is on /dev/sda, a disk of /");
  });

  test("on what is no disk, or when the one of / could not be told", () => {
    host.stub("disks_of() { [[ $1 != / ]] || echo /dev/sda; }");
    refused("is not on a disk of this host");
    host.stub("disks_of() { [[ $1 == / ]] || echo /dev/sdc; }");
    refused("the disk of / could not be told");
  });

  test.each(["root", "0", "-1", "1 2"])("for a group %j", (group) => {
    refused("is not the number of a group", { group });
  });
});

test.each(["runs", "k3s"])("a link in the place of %s is not followed", (name) => {
  make();
  host.write("elsewhere/file", "of others");
  const before = host.mode("elsewhere");
  rmSync(`${path}/${name}`, { recursive: true });
  symlinkSync(host.at("elsewhere"), `${path}/${name}`);
  expect(make()).toMatchObject({ code: 70, stderr: expect.stringContaining(`${name}: Not a directory`) as string });
  expect(host.mode("elsewhere")).toBe(before);
  expect(observed().backupFolders?.["backup-folder"]?.entries[name]?.kind).toBe("other");
});

test("a link in the place of the mark is not followed", () => {
  make();
  rmSync(`${path}/.twisterlab-edge`);
  symlinkSync(host.at("elsewhere"), `${path}/.twisterlab-edge`);
  expect(make().code).toBe(70);
  expect(host.list(".")).not.toContain("elsewhere");
});

test("the disks of a mount are the whole ones below it, and there are none below what is no device", () => {
  const bare = scratchHost();
  try {
    bare.stub(`
      findmnt() { echo /dev/mapper/vg-lv; }
      lsblk() { printf '%s\\n' '/dev/mapper/vg-lv lvm' '/dev/sdb3 part' '/dev/sdb disk' '/dev/sda1 part' '/dev/sda disk'; }
    `);
    expect(bare.call("disks_of /data")).toEqual({ code: 0, stdout: "/dev/sda\n/dev/sdb\n", stderr: "" });
    bare.stub("unset -f lsblk; findmnt() { echo tmpfs; }");
    expect(bare.call("disks_of /data")).toEqual({ code: 0, stdout: "", stderr: "" });
  } finally {
    bare.remove();
  }
});

test("what is observed is what the plan compares with", () => {
  make();
  host.call(`chmod 00755 -- ${path}/runs; rm -- ${path}/.twisterlab-edge`);
  const { backupFolders } = observed();
  // Given to whom they are for: here they are of whoever runs the tests.
  const given = JSON.stringify(backupFolders).replaceAll(OWNER, "0:10570");
  const facts = seen({ backupFolders: JSON.parse(given) as NonNullable<typeof backupFolders>, mounts: MOUNTS });
  expect(planBackupFolder("backup-folder", { mount: "/", path }, facts).observed).toBe(
    [
      "runs is a folder of 0:10570 with mode 755, wanted a folder of 0:10570 with mode 2770",
      "k3s is a folder of 0:10570 with mode 700, wanted a folder of 0:0 with mode 700",
      ".twisterlab-edge is not there any more",
    ].join("; "),
  );
});

const MOUNTS = [{ target: "/", source: "/dev/sda1", filesystem: "ext4", options: ["rw"], size: 1, used: 0 }];
