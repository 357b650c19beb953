import { describe, expect, test } from "vitest";
import { daemonJson, dockerHost, NEW } from "./support/dockerHost.ts";
import { verb } from "./support/entryPoint.ts";

/** Changes that undo themselves unless confirmed, on a real host: without Pulumi, verb by verb. */
const { box, read, liveRestore, armed, reverted, until, expectOldDaemon } = dockerHost();

describe("daemon.json", () => {
  test("that is not confirmed comes back by itself, at work, and is reported", async () => {
    const put = await verb(box(), "host-file put", { ...daemonJson, confirm_within: 5 }, NEW);
    expect(put).toMatchObject({ code: 0, stdout: expect.stringContaining("installed") as string });
    expect(await liveRestore()).toBe("true");
    expect(await until(`[ -e /var/lib/twisterlab-edge/items/docker-daemon-json/reverted ]`, 120)).toBe("0");
    await expectOldDaemon();
    expect(await reverted("docker-daemon-json")).toMatch(
      /nobody confirmed it in time; the old state is back and healthy$/,
    );
    expect(await read("journalctl -t twisterlab-edge -p warning --no-pager -o cat")).toContain(
      "nobody confirmed it in time",
    );
    const late = await verb(box(), "confirm --revision 1", { item: "docker-daemon-json", change: "x" });
    expect(late.code).toBe(70);
  });

  test("that the validator accepts and the daemon does not survive is taken back at once", async () => {
    const seeds = '{ "storage-driver": "overlay2", "storage-opts": ["overlay2.override_kernel_check=true"] }\n';
    const put = await verb(box(), "host-file put", { ...daemonJson, confirm_within: 60 }, seeds);
    expect(put.code).toBe(70);
    expect(put.stderr).toContain("failed, the old state is back");
    await expectOldDaemon();
  });

  test("with an unknown key is refused before anything is touched", async () => {
    const put = await verb(box(), "host-file put", daemonJson, '{ "storage-driver": "overlay2", "nonsense": 1 }\n');
    expect(put.code).toBe(65);
    expect(put.stderr).toContain("nonsense");
    await expectOldDaemon();
  });

  test("of which power is cut before it is confirmed is the old one at the next boot, before Docker starts", async () => {
    const put = await verb(box(), "host-file put", { ...daemonJson, confirm_within: 600 }, NEW);
    expect(put.code).toBe(0);
    expect(await armed()).toBe("docker-daemon-json");
    await box().powerCut();
    await box().powerOn();
    expect(await until(`grep -q healthy /var/lib/twisterlab-edge/items/docker-daemon-json/reverted`, 240)).toBe("0");
    await expectOldDaemon();
    expect(await reverted("docker-daemon-json")).toMatch(/undone at boot, .*the old state is back and healthy$/);
    // Docker never ran with the new one: it was started once, after the file was back.
    expect(await read("systemctl show --value -p NRestarts docker")).toBe("0");
  });

  test("that is confirmed stays", async () => {
    expect((await verb(box(), "host-file put", { ...daemonJson, confirm_within: 600 }, NEW)).code).toBe(0);
    const confirm = await verb(box(), "confirm --revision 1", { item: "docker-daemon-json", change: "x" });
    expect(confirm).toMatchObject({ code: 0, stdout: "docker-daemon-json is confirmed\n" });
    expect(await armed()).toBe("");
    expect(await liveRestore()).toBe("true");
  });

  test("is brought back byte for byte when the item goes", async () => {
    expect((await verb(box(), "host-file undo", { ...daemonJson, sha256: "x" })).code).toBe(0);
    await expectOldDaemon();
  });
});
