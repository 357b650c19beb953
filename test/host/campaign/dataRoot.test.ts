import { afterAll, beforeAll, expect, test } from "vitest";
import { startBox, type Box } from "../box/box.ts";
import { SPARE_DISK } from "../box/layout.ts";
import { installEntryPoint, verb } from "../support/entryPoint.ts";

/** Docker's data on another disk, with real images and containers, verb by verb: there, half-way, and back. */
let box: Box;

const MOUNT = "/twisterlab/docker";
const dataRoot = {
  item: "data-root-docker",
  path: "/var/lib/docker",
  disk_serial: SPARE_DISK.serial,
  mount: MOUNT,
  format: "ext4",
  service: "docker",
};

const read = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await box.run(command);
  expect({ command, code, stderr }).toMatchObject({ code: 0 });
  return stdout.trim();
};
const source = () => read("findmnt --noheadings --output SOURCE --target /var/lib/docker");
const containers = () => read("docker ps --all --format '{{.Names}}' | sort | xargs");
const until = (condition: string, seconds: number) =>
  read(`timeout ${seconds} bash -c 'until ${condition}; do sleep 0.5; done'`);
const reverted = "grep -q healthy /var/lib/twisterlab-edge/items/data-root-docker/reverted";

beforeAll(async () => {
  box = await startBox({ spareDisk: true });
  await installEntryPoint(box);
  await read("docker run --name before edge/busybox:1 sh -c 'echo kept > /file'");
});

afterAll(async () => {
  await box.stop();
});

test("that nobody confirms is back on the old disk by itself, with what was made in the meantime", async () => {
  const old = await source();
  const fstab = await read("cat /etc/fstab");
  const move = await verb(box, "data-root move", { ...dataRoot, confirm_within: 25 });
  expect(move).toMatchObject({ code: 0, stdout: expect.stringContaining("moved /var/lib/docker") as string });
  expect(await source()).not.toBe(old);
  await read("docker run --name meanwhile edge/busybox:1 true");
  await until(reverted, 240);
  expect(await source()).toBe(old);
  expect(await containers()).toBe("before meanwhile");
  expect(await read("docker cp before:/file - | tar -xO")).toBe("kept");
  // The disk was made ready for the data, and stays; of the data nothing is mounted.
  expect((await read("cat /etc/fstab")).startsWith(fstab)).toBe(true);
  expect(await read("grep --count bind /etc/fstab || true")).toBe("0");
});

test("over a power cut before it is confirmed, the same", async () => {
  const old = await source();
  expect(await verb(box, "data-root move", { ...dataRoot, confirm_within: 900 })).toMatchObject({ code: 0 });
  await read("docker run --name beforeTheCut edge/busybox:1 true; sync");
  await box.powerCut();
  await box.powerOn();
  await until(reverted, 300);
  expect(await source()).toBe(old);
  expect(await containers()).toBe("before beforeTheCut meanwhile");
});

test("that is confirmed stays there over a power cut, and comes back with everything when the item goes", async () => {
  const old = await source();
  expect(await verb(box, "data-root move", { ...dataRoot, confirm_within: 900 })).toMatchObject({ code: 0 });
  expect((await verb(box, "confirm --revision 1", { item: "data-root-docker", change: "x" })).code).toBe(0);
  await box.powerCut();
  await box.powerOn();
  await until("docker info > /dev/null 2>&1", 120);
  expect(await source()).not.toBe(old);
  await read("docker run --name after edge/busybox:1 true");

  expect(await verb(box, "data-root undo", dataRoot)).toMatchObject({ code: 0 });
  expect(await source()).toBe(old);
  expect(await containers()).toBe("after before beforeTheCut meanwhile");
  expect(await read("ls -A /var/lib/twisterlab-edge/armed")).toBe("");
});
