import { describe, expect, test } from "vitest";
import { Refusal } from "../../../components/settings/values/notation.ts";
import { backupRepository, diskHolding } from "../../../components/settings/values/repository.ts";

const { read, pattern } = backupRepository;

describe("a repository for the copy of the backups is", () => {
  test.each([
    ["sftp:edge@nas.twisterlab.local:/backups/edge", { kind: "sftp", user: "edge", host: "nas.twisterlab.local" }],
    ["sftp:u1234-sub1@192.168.0.9:/", { kind: "sftp", user: "u1234-sub1", host: "192.168.0.9" }],
    ["s3:https://s3.example.org/bucket", { kind: "s3" }],
    ["s3:https://192.168.0.9:9000/my.bucket/a/b_c", { kind: "s3" }],
    ["/twisterlab/ai-storage/copy", { kind: "folder" }],
  ])("%s", (text, wanted) => {
    expect(read(text)).toEqual({ text, ...wanted });
    // What an editor checks must let it through.
    expect(text).toMatch(new RegExp(`^(?:${pattern ?? ""})$`));
  });
});

describe("refused is", () => {
  test.each([
    ["", "is not a repository that a copy goes to; write it like `sftp:user@host:/path`"],
    ["nas:/backups", "is not a repository that a copy goes to"],
    ["b2:bucket:path", "is not a repository that a copy goes to"],
    ["copy", "is not a repository that a copy goes to"],
    ["sftp://nas//backups", "is a URL; write `sftp:user@host:/path`, and its port as `port`"],
    ["sftp:nas:/backups", "is not complete"],
    ["sftp:edge@nas", "is not complete"],
    ["sftp:-oProxyCommand=x@nas:/backups", "is not complete"],
    ["sftp:edge@-oProxyCommand=x:/backups", "has a host that is not a host name"],
    ["sftp:edge@NAS:/backups", "has a host that is not a host name"],
    ["sftp:edge@nas:backups", "has a path that is not an absolute path"],
    ["sftp:edge@nas:/backups/../other", "has a path that has `.` or `..` in it"],
    ["sftp:edge@nas:/back ups", "has a path that is not an absolute path"],
    ["s3:http://s3.example.org/bucket", "would send the account's requests in clear; begin it with `s3:https://`"],
    ["s3:s3.example.org/bucket", "is not a bucket"],
    ["s3:https://s3.example.org", "is not a bucket"],
    ["s3:https://s3.example.org/Bucket", "is not a bucket"],
    ["s3:https://s3.example.org/bucket?x=y", "is not a bucket"],
    ["s3:https://s3.example.org/bucket/", "is not a bucket"],
    ["/twisterlab/../copy", "has `.` or `..` in it"],
    ["/twisterlab/a b", "is not an absolute path"],
  ])("%s", (text, reason) => {
    expect(() => read(text)).toThrow(reason);
  });

  test("a password in the URL, which is not shown again", () => {
    for (const text of [
      "s3:https://key:pass@s3.example.org/bucket",
      "rest:https://user:pass@nas/",
      "sftp://u@nas//x",
    ]) {
      const refused = (() => {
        try {
          return read(text);
        } catch (error) {
          return error;
        }
      })();
      expect(refused).toBeInstanceOf(Refusal);
      expect(refused).toMatchObject({ withhold: true });
      expect((refused as Refusal).message).not.toContain("pass@");
    }
  });
});

test("a path is on the disk whose mount is the nearest above it", () => {
  const disks = { system: {}, data: { mount: "/data" }, fast: { mount: "/data/fast" } };
  expect(diskHolding("/data/copy", disks)?.name).toBe("data");
  expect(diskHolding("/data/fast/copy", disks)).toEqual({ name: "fast", mount: "/data/fast" });
  expect(diskHolding("/data", disks)).toBeUndefined();
  expect(diskHolding("/database", disks)).toBeUndefined();
});
