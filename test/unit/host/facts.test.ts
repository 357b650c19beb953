import { describe, expect, test } from "vitest";
import { everyBlockDevice, parseFacts } from "../../../components/host/facts.ts";

/** As `observe` prints it on a host like EdgeServer. */
const text = `== machine-id
0123456789abcdef0123456789abcdef
== os-release
PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
== kernel
6.8.0-88-generic
== threads
4
== disks
{"blockdevices": [
  {"name":"sda","type":"disk","size":299999999999,"serial":"AI1","pkname":null,"fstype":"ext4","mountpoint":"/twisterlab/ai-storage"},
  {"name":"sdb","type":"disk","size":320000000000,"serial":"SYS1","pkname":null,"fstype":null,"mountpoint":null,"children":[
    {"name":"sdb3","type":"part","size":317000000000,"serial":null,"pkname":"sdb","fstype":"LVM2_member","mountpoint":null,"children":[
      {"name":"ubuntu--vg-ubuntu--lv","type":"lvm","size":107374182400,"serial":null,"pkname":"sdb3","fstype":"ext4","mountpoint":"/"}]}]}]}
== mounts
{"filesystems": [
  {"target":"/","source":"/dev/mapper/ubuntu--vg-ubuntu--lv","fstype":"ext4","options":"rw,relatime","size":105000000000,"used":88000000000,
   "children":[{"target":"/boot","source":"/dev/sdb2","fstype":"ext4","options":"rw","size":2000000000,"used":1}]}]}
== volume-groups
{"report":[{"vg":[{"vg_name":"ubuntu-vg","vg_size":"316753838080","vg_free":"209379655680","vg_extent_size":"4194304","vg_missing_pv_count":"0"}]}]}
== logical-volumes
{"report":[{"lv":[{"vg_name":"ubuntu-vg","lv_name":"ubuntu-lv","lv_size":"107374182400","lv_layout":"linear"}]}]}
== default-route
[{"dst":"default","gateway":"192.168.0.1","dev":"eno1"}]
== k3s-version
k3s version v1.33.6+k3s1 (b5847677)
go version go1.24.9
== physical-volumes
{"report":[{"pv":[{"pv_name":"/dev/sdb3","vg_name":"ubuntu-vg","pv_size":"316753838080","pv_free":"209379655680"}]}]}
== units
Id=docker.service
ActiveState=active
UnitFileState=enabled

Id=k3s.service
ActiveState=inactive
UnitFileState=
== entry-point
5a7e  /usr/local/sbin/twisterlab-edge
== entry-point-users
/var/lib/twisterlab-edge/users/edge-phase-0:1
/var/lib/twisterlab-edge/users/edge-phase-1:12
== lease
{"owner": "anna@desk pid 4711 edge-phase-1", "expiresIn": 1742}
== files
{"/etc/fstab": {"mode": "644", "owner": "root:root", "keyedHash": "c0de", "content": "# empty\\n"},
 "/etc/rancher/k3s/registries.yaml": {"mode": "600", "owner": "root:root", "keyedHash": "beef"},
 "/etc/docker/daemon.json": null}
== backup-folders
{"backup-folder": {"path": "/data/backups", "entries": {".": {"kind": "folder", "mode": "2770", "owner": "0:10570"}, "k3s": null}}}
== items
{"docker-daemon-json": {"armed": true, "revision": 3, "reverted": "2026-02-11T10:00:00Z undone"}, "mount-options": {"armed": false}}
== end

`;

describe("facts", () => {
  test("are typed, sizes in bytes", () => {
    const facts = parseFacts(text, "4b4559");
    expect(facts).toMatchObject({
      machineId: "0123456789abcdef0123456789abcdef",
      operatingSystem: "Ubuntu 24.04.3 LTS",
      kernel: "6.8.0-88-generic",
      threads: 4,
      gateway: "192.168.0.1",
      k3sVersion: "v1.33.6+k3s1",
      volumeGroups: [{ name: "ubuntu-vg", size: 316753838080, free: 209379655680, extentSize: 4194304, missing: 0 }],
      logicalVolumes: [{ volumeGroup: "ubuntu-vg", name: "ubuntu-lv", size: 107374182400, layout: "linear" }],
      physicalVolumes: [{ name: "/dev/sdb3", volumeGroup: "ubuntu-vg" }],
    });
    expect(facts.mounts.map(({ target, options }) => [target, options])).toEqual([
      ["/", ["rw", "relatime"]],
      ["/boot", ["rw"]],
    ]);
    expect(everyBlockDevice(facts.disks).map(({ name, serial, mount }) => [name, serial, mount])).toEqual([
      ["sda", "AI1", "/twisterlab/ai-storage"],
      ["sdb", "SYS1", undefined],
      ["sdb3", undefined, undefined],
      ["ubuntu--vg-ubuntu--lv", undefined, "/"],
    ]);
  });

  test("hold the files with the key of their hashes; absent is another thing than not looked at", () => {
    const { hashKey, files } = parseFacts(text, "4b4559");
    expect(hashKey).toBe("4b4559");
    expect(files["/etc/fstab"]).toEqual({ mode: "644", owner: "root:root", keyedHash: "c0de", content: "# empty\n" });
    expect(files["/etc/rancher/k3s/registries.yaml"]).not.toHaveProperty("content");
    expect(files["/etc/docker/daemon.json"]).toBeNull();
    expect(files["/etc/hosts"]).toBeUndefined();
  });

  test("hold what the host keeps of us: items, the entry point and its users, the lease, units", () => {
    expect(parseFacts(text, "4b4559")).toMatchObject({
      items: {
        "docker-daemon-json": { armed: true, revision: 3, reverted: "2026-02-11T10:00:00Z undone" },
        "mount-options": { armed: false },
      },
      backupFolders: {
        "backup-folder": {
          path: "/data/backups",
          entries: { ".": { kind: "folder", mode: "2770", owner: "0:10570" }, k3s: null },
        },
      },
      entryPoint: { sha256: "5a7e", users: { "edge-phase-0": 1, "edge-phase-1": 12 } },
      lease: { owner: "anna@desk pid 4711 edge-phase-1", expiresIn: 1742 },
      units: {
        "docker.service": { enabled: "enabled", active: "active" },
        "k3s.service": { enabled: "", active: "inactive" },
      },
    });
  });

  test("that could not be read are undefined, not guessed", () => {
    expect(parseFacts("== kernel\n6.8.0\n== end\n", "4b4559")).toEqual({
      kernel: "6.8.0",
      disks: [],
      mounts: [],
      volumeGroups: [],
      logicalVolumes: [],
      physicalVolumes: [],
      hashKey: "4b4559",
      files: {},
      items: {},
      entryPoint: { users: {} },
      units: {},
    });
  });

  test.each(["", "sudo: a password is required\n", text.slice(0, text.indexOf("== end"))])(
    "are refused when the answer is not whole: %.30j",
    (answer) => {
      expect(() => parseFacts(answer, "4b4559")).toThrow("incomplete");
    },
  );
});
