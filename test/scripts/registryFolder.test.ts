import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { scratchHost, type ScratchHost } from "../support/hostScripts.ts";

let host: ScratchHost;
let path: string;

beforeEach(() => {
  host = scratchHost(`
mountpoint() { [[ \${*: -1} == "$RUN/disk" && ! -e $RUN/unmounted ]]; }
mount_of() { printf '%s\\n' "$RUN/disk"; }
device_of() { if [[ $1 == / ]]; then echo 1; else echo 2; fi; }
disks_of() { if [[ $1 == / ]]; then echo /dev/sda; else echo /dev/sdc; fi; }
`);
  host.write("disk/of/others", "stays");
  path = host.at("disk/twisterlab-edge/registry");
});
afterEach(() => {
  host.remove();
});

const make = (more: Parameters = {}) =>
  host.run(
    "registry-folder make",
    renderParameters({ item: "registry-folder", mount: host.at("disk"), path, folders: "images,database", ...more }),
  );

test("a folder for each volume is made, and what is in it stays", () => {
  expect(make()).toEqual({ code: 0, stdout: `${path} is as wanted\n`, stderr: "" });
  expect(host.list("disk/twisterlab-edge/registry")).toEqual(["database", "images"]);
  expect(host.mode("disk/twisterlab-edge/registry/images")).toBe("750");
  host.write("disk/twisterlab-edge/registry/images/blob", "an image");
  expect(make({ folders: "images,database,redis" }).code).toBe(0);
  expect(host.read("disk/twisterlab-edge/registry/images/blob")).toBe("an image");
  expect(host.list("disk/twisterlab-edge/registry")).toEqual(["database", "images", "redis"]);
});

test.each<[Parameters, string]>([
  [{ folders: "images,../up" }, "are not names of folders"],
  [{ path: "/elsewhere" }, "is not below"],
])("nothing is made for %j", (more, sentence) => {
  expect(make(more)).toMatchObject({ code: 65, stderr: expect.stringContaining(sentence) as string });
  expect(existsSync(path)).toBe(false);
});

test("nothing is made while the disk is not mounted", () => {
  host.write("unmounted", "");
  expect(make()).toMatchObject({ code: 65, stderr: expect.stringContaining("is not mounted") as string });
  expect(existsSync(path)).toBe(false);
});
