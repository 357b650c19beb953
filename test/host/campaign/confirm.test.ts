import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBox, type Box } from "../box/box.ts";
import { installEntryPoint, verb } from "../support/entryPoint.ts";

/** Changes that undo themselves unless confirmed, on a real host: without Pulumi, verb by verb. */
let box: Box;

const DAEMON_JSON = "/etc/docker/daemon.json";
const OLD = '{ "storage-driver": "overlay2" }\n';
const NEW = '{ "storage-driver": "overlay2", "live-restore": true }\n';

const daemonJson = {
  item: "docker-daemon-json",
  path: DAEMON_JSON,
  mode: "644",
  owner: "root:root",
  validate: "docker-daemon",
  activate: "docker",
};
const fstab = { item: "mount-options", mount: "/", options: "noatime,nodiratime" };

const read = async (command: string): Promise<string> => (await box.run(command)).stdout.trim();
const liveRestore = () => read("docker info --format '{{.LiveRestoreEnabled}}'");
const armed = () => read("ls -A /var/lib/twisterlab-edge/armed");
const reverted = (item: string) => read(`cat /var/lib/twisterlab-edge/items/${item}/reverted`);
const until = (condition: string, seconds: number) =>
  read(`timeout ${seconds} bash -c 'until ${condition}; do sleep 0.5; done'; echo $?`);

beforeAll(async () => {
  box = await startBox();
  await installEntryPoint(box);
  await box.run(`mkdir -p /etc/docker; cat > ${DAEMON_JSON}; systemctl restart docker`, { stdin: OLD });
});

afterAll(async () => {
  await box.stop();
});

/** daemon.json as it was, at work, and nothing armed. */
async function expectOldDaemon(): Promise<void> {
  expect(await box.run(`cat ${DAEMON_JSON}`)).toMatchObject({ code: 0, stdout: OLD });
  expect(await liveRestore()).toBe("false");
  expect(await armed()).toBe("");
}

describe("daemon.json", () => {
  test("broken by hand keeps Docker down until it is put again, for good, also over a power cut", async () => {
    await box.run(`echo '{ broken' > ${DAEMON_JSON}; systemctl restart docker`);
    expect(await read("systemctl is-active docker")).not.toBe("active");
    const put = await verb(box, "host-file put", { ...daemonJson, confirm_within: 60 }, NEW);
    expect(put).toMatchObject({ code: 0 });
    expect((await verb(box, "confirm --revision 1", { item: "docker-daemon-json", change: "x" })).code).toBe(0);
    expect(await liveRestore()).toBe("true");
    await box.powerCut();
    await box.powerOn();
    expect(await until("[ $(docker info --format '{{.LiveRestoreEnabled}}') = true ]", 120)).toBe("0");
  });
});

describe("fstab", () => {
  test("that is not confirmed before the power goes is the old one at boot, and so is the mount", async () => {
    const before = await read("cat /etc/fstab");
    const live = await read("findmnt -no OPTIONS /");
    expect((await verb(box, "mount-options put", { ...fstab, confirm_within: 600 })).code).toBe(0);
    expect(await read("cat /etc/fstab")).not.toBe(before);
    await box.powerCut();
    await box.powerOn();
    expect(await until(`grep -q healthy /var/lib/twisterlab-edge/items/mount-options/reverted`, 240)).toBe("0");
    expect(await read("cat /etc/fstab")).toBe(before);
    expect(await read("findmnt -no OPTIONS /")).toBe(live);
  });

  test("that is confirmed stays, and comes back byte for byte when the item goes", async () => {
    const before = await read("cat /etc/fstab");
    expect((await verb(box, "mount-options put", { ...fstab, confirm_within: 60 })).code).toBe(0);
    expect((await verb(box, "confirm --revision 1", { item: "mount-options", change: "x" })).code).toBe(0);
    expect(await read("findmnt -no OPTIONS /")).toContain("noatime");
    expect((await verb(box, "mount-options undo", fstab)).code).toBe(0);
    expect(await read("cat /etc/fstab")).toBe(before);
    expect(await read("findmnt -no OPTIONS /")).not.toContain("noatime");
  });
});

describe("a verb that dies half-way", () => {
  test("is undone within seconds by the watching service", async () => {
    await box.run(`cat > ${DAEMON_JSON}; systemctl restart docker`, { stdin: OLD });
    // Docker's restart takes seconds: the verb is killed in the middle of it.
    const put = verb(box, "host-file put", { ...daemonJson, confirm_within: 600 }, NEW);
    expect(await until(`[ -s /var/lib/twisterlab-edge/armed/docker-daemon-json ]`, 60)).toBe("0");
    await box.run("pkill --signal KILL --full '/usr/local/sbin/twisterlab-edge attached'");
    expect((await put).code).not.toBe(0);
    expect(await until(`grep -q healthy /var/lib/twisterlab-edge/items/docker-daemon-json/reverted`, 120)).toBe("0");
    await expectOldDaemon();
    expect(await reverted("docker-daemon-json")).toContain("cut off half-way");
  });
});
