import { describe, expect, test } from "vitest";
import { DAEMON_JSON, daemonJson, dockerHost, NEW, OLD } from "../support/dockerHost.ts";
import { verb } from "../support/entryPoint.ts";

/** Changes that undo themselves unless confirmed, on a real host: without Pulumi, verb by verb. */
const { box, read, liveRestore, reverted, until, expectOldDaemon } = dockerHost();

const fstab = { item: "mount-options", mount: "/", options: "noatime,nodiratime" };

describe("daemon.json", () => {
  test("broken by hand keeps Docker down until it is put again, for good, also over a power cut", async () => {
    await box().run(`echo '{ broken' > ${DAEMON_JSON}; systemctl restart docker`);
    expect(await read("systemctl is-active docker")).not.toBe("active");
    const put = await verb(box(), "host-file put", { ...daemonJson, confirm_within: 60 }, NEW);
    expect(put).toMatchObject({ code: 0 });
    expect((await verb(box(), "confirm --revision 1", { item: "docker-daemon-json", change: "x" })).code).toBe(0);
    expect(await liveRestore()).toBe("true");
    await box().powerCut();
    await box().powerOn();
    expect(await until("[ $(docker info --format '{{.LiveRestoreEnabled}}') = true ]", 120)).toBe("0");
  });
});

describe("fstab", () => {
  test("that is not confirmed before the power goes is the old one at boot, and so is the mount", async () => {
    const before = await read("cat /etc/fstab");
    const live = await read("findmnt -no OPTIONS /");
    expect((await verb(box(), "mount-options put", { ...fstab, confirm_within: 600 })).code).toBe(0);
    expect(await read("cat /etc/fstab")).not.toBe(before);
    await box().powerCut();
    await box().powerOn();
    expect(await until(`grep -q healthy /var/lib/twisterlab-edge/items/mount-options/reverted`, 240)).toBe("0");
    expect(await read("cat /etc/fstab")).toBe(before);
    expect(await read("findmnt -no OPTIONS /")).toBe(live);
  });

  test("that is confirmed stays, and comes back byte for byte when the item goes", async () => {
    const before = await read("cat /etc/fstab");
    expect((await verb(box(), "mount-options put", { ...fstab, confirm_within: 60 })).code).toBe(0);
    expect((await verb(box(), "confirm --revision 1", { item: "mount-options", change: "x" })).code).toBe(0);
    expect(await read("findmnt -no OPTIONS /")).toContain("noatime");
    expect((await verb(box(), "mount-options undo", fstab)).code).toBe(0);
    expect(await read("cat /etc/fstab")).toBe(before);
    expect(await read("findmnt -no OPTIONS /")).not.toContain("noatime");
  });
});

describe("a verb that dies half-way", () => {
  test("is undone within seconds by the watching service", async () => {
    await box().run(`cat > ${DAEMON_JSON}; systemctl restart docker`, { stdin: OLD });
    // Docker's restart takes seconds: the verb is killed in the middle of it.
    const put = verb(box(), "host-file put", { ...daemonJson, confirm_within: 600 }, NEW);
    expect(await until(`[ -s /var/lib/twisterlab-edge/armed/docker-daemon-json ]`, 60)).toBe("0");
    await box().run("pkill --signal KILL --full '/usr/local/sbin/twisterlab-edge attached'");
    expect((await put).code).not.toBe(0);
    expect(await until(`grep -q healthy /var/lib/twisterlab-edge/items/docker-daemon-json/reverted`, 120)).toBe("0");
    await expectOldDaemon();
    expect(await reverted("docker-daemon-json")).toContain("cut off half-way");
  });
});
