import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { installEntryPoint, verb } from "../support/entryPoint.ts";
import { itemStates, settled, type ItemStates } from "../support/itemStates.ts";
import { managedBox, type ManagedBox } from "../support/managedBox.ts";

/** A host that does not let us in, is not the one that is meant, or is in no state to be changed. */
let edge: ManagedBox;
let old: ItemStates;

beforeAll(async () => {
  edge = await managedBox({ changes: [[["twisterlab-edge:phase1", "diskBenchmark"], undefined]] });
  old = await itemStates(edge);
});

afterAll(async () => {
  await edge.stop();
});

describe("npm run up changes nothing and says why", () => {
  const machineId = ["twisterlab-edge:host", "machineId"];
  const hostKey = ["twisterlab-edge:host", "ssh", "hostKey"];

  afterEach(async () => {
    expect(await itemStates(edge)).toEqual(old);
  });

  async function refusal(phase = 0): Promise<string> {
    const { code, stdout, stderr } = await edge.phase("up", phase, "--skip-preview");
    expect(code).not.toBe(0);
    return stdout + stderr;
  }

  test("when sudo refuses", async () => {
    await edge.read("mv /etc/sudoers.d/twister /srv/twister");
    try {
      expect(await refusal()).toMatch(/nothing was (changed|applied): .*sudo/);
    } finally {
      await edge.read("mv /srv/twister /etc/sudoers.d/twister");
    }
  });

  test("when the host has another key than the site file", async () => {
    const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    edge.edge.edit([[hostKey, other]]);
    try {
      expect(await refusal()).toMatch(/nothing was (changed|applied): .*it proves itself by the host key SHA256:/);
    } finally {
      edge.edge.edit([[hostKey, edge.box.hostKey]]);
    }
  });

  test("when the machine is another one", async () => {
    edge.edge.edit([[machineId, "0123456789abcdef0123456789abcdef"]]);
    try {
      expect(await refusal()).toMatch(/nothing was (changed|applied): .*machine/);
    } finally {
      edge.edge.edit([[machineId, edge.box.machineId]]);
    }
  });

  test("when one of its items cannot be applied to what is there, before the first one is", async () => {
    await edge.read('mkdir -p /etc/docker; echo \'{"dns": ["192.168.0.1"]}\' > /etc/docker/daemon.json');
    expect(await refusal(1)).toMatch(/docker-daemon-json: .*not declared: dns: up will refuse/);
    expect((await edge.box.run("ls /usr/local/sbin/twisterlab-edge")).code).not.toBe(0);
    await edge.read("rm /etc/docker/daemon.json");
  });

  test("when somebody else has the host", async () => {
    await installEntryPoint(edge.box);
    await verb(edge.box, "lease take", { owner: "anna@desk pid 7 edge-phase-1", seconds: 600 });
    try {
      expect(await refusal()).toContain("held by 'anna@desk pid 7 edge-phase-1'");
    } finally {
      await verb(edge.box, "lease break", { owner: "anna@desk pid 7 edge-phase-1" });
    }
  });
});

describe("of two runs at once", () => {
  test("one goes through, and the other changes nothing", async () => {
    const [first, second] = await Promise.all([
      edge.phase("up", 0, "--skip-preview"),
      edge.phase("up", 1, "--skip-preview"),
    ]);
    const [lost, won] = first.code === 0 ? [second, 0] : [first, 1];
    expect([first.code, second.code].filter((code) => code === 0)).toHaveLength(1);
    expect(lost.stdout + lost.stderr).toMatch(/held by/);
    expect((await edge.drift(won)).code).toBe(0);
    await edge.succeed("up", 1 - won, "--skip-preview");
  });
});

describe("a host with both phases", () => {
  let now: ItemStates;
  const daemonJson = {
    item: "docker-daemon-json",
    path: "/etc/docker/daemon.json",
    mode: "644",
    owner: "root:root",
    validate: "none",
    activate: "docker",
  };
  const fstab = { item: "mount-options", mount: "/", options: "noatime,nodiratime" };
  const changed = '{ "storage-driver": "overlay2", "live-restore": true }\n';

  beforeEach(async () => {
    now = await itemStates(edge);
  });

  const armed = () => edge.read("ls -A /var/lib/twisterlab-edge/armed");
  // All of it, what is kept for root too: most by a length, the last megabytes by writing them.
  const fill =
    "fallocate -l $(($(stat -f -c '(%f - 2000) * %S' /))) /filler; dd if=/dev/zero of=/filler2 2> /dev/null; sync";

  async function expectAsBefore(): Promise<void> {
    await settled(edge);
    expect(await itemStates(edge)).toEqual(now);
  }

  test("whose disk is full refuses a change, and takes back what waits to be confirmed", async () => {
    expect((await verb(edge.box, "host-file put", { ...daemonJson, confirm_within: 30 }, changed)).code).toBe(0);
    await edge.read(`${fill}; true`);
    try {
      expect(await edge.read("df --output=avail / | tail -1")).toMatch(/^\s*0\n$/);
      await expectAsBefore();
      expect(await edge.read("cat /var/lib/twisterlab-edge/items/docker-daemon-json/reverted")).toContain("healthy");
      const refused = await verb(edge.box, "host-file put", { ...daemonJson, confirm_within: 30 }, changed);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/No space left|there is no room on the disk/);
      // Somebody is told, in time.
      await edge.read("systemctl start twisterlab-edge-disk-alert");
      expect(await edge.read("journalctl --no-pager -o cat -p crit -t twisterlab-edge-disk-alert")).toMatch(
        /^\/ is 100 % full/m,
      );
    } finally {
      await edge.read("rm -f /filler*");
    }
    await expectAsBefore();
  });

  test("whose disk became read-only is left as it is, and goes on when it can be written", async () => {
    await edge.read(
      "sync; echo u > /proc/sysrq-trigger; timeout 60 sh -c 'while touch /var/lib/x 2> /dev/null; do sleep 1; done'",
    );
    try {
      const put = await verb(edge.box, "host-file put", { ...daemonJson, confirm_within: 30 }, changed);
      expect(put.code).not.toBe(0);
      expect(await itemStates(edge)).toEqual(now);
      expect((await edge.phase("up", 1, "--skip-preview")).code).not.toBe(0);
    } finally {
      await edge.read(
        "mount -o remount,rw /; for mount in /boot /twisterlab/ai-storage /twisterlab/data-warehouse; do mount -o remount,rw $mount; done",
      );
    }
    await edge.succeed("up", 1, "--skip-preview");
    await expectAsBefore();
  });

  test("whose clock jumps undoes a change no sooner and no later", async () => {
    expect((await verb(edge.box, "host-file put", { ...daemonJson, confirm_within: 40 }, changed)).code).toBe(0);
    await edge.read("date --set '+2 days'");
    await edge.read("sleep 5");
    expect(await armed()).toBe("docker-daemon-json\n");
    await edge.read("date --set '-9 years'");
    await settled(edge, 120);
    await edge.read("date --set '+9 years'; date --set '-2 days'");
    await expectAsBefore();
  });

  test("with a line in fstab that cannot be is refused, and nothing is touched", async () => {
    expect((await verb(edge.box, "mount-options undo", fstab)).code).toBe(0);
    await edge.read("cp -a /etc/fstab /srv/fstab; echo 'UUID=0000-0000 /nowhere ext4 defaults 0 2' >> /etc/fstab");
    const broken = await edge.read("cat /etc/fstab");
    const put = await verb(edge.box, "mount-options put", { ...fstab, confirm_within: 30 });
    expect(put.code).not.toBe(0);
    expect(put.stderr).toContain("/nowhere");
    await settled(edge);
    expect(await edge.read("cat /etc/fstab")).toBe(broken);
    expect(await edge.read("findmnt -no OPTIONS /")).not.toContain("noatime");
    await edge.read("mv /srv/fstab /etc/fstab");
    await edge.succeed("up", 1, "--skip-preview");
    await expectAsBefore();
  });

  test("with a registries.yaml that K3s cannot read is mended by up; a mirror that is down does not keep K3s down", async () => {
    await edge.read("printf 'mirrors: [\\n' > /etc/rancher/k3s/registries.yaml; systemctl restart --no-block k3s");
    await edge.succeed("up", 1, "--skip-preview");
    await expectAsBefore();
    expect(await edge.read("systemctl is-active k3s")).toBe("active\n");
    // No Harbor runs here: the mirror that it just started with is down.
    expect((await edge.box.run("curl --silent --max-time 5 https://harbor.twisterlab.local")).code).not.toBe(0);
  });
});
