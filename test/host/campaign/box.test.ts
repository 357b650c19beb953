import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBox, type Box } from "../box/box.ts";
import { DISKS, SPARE_DISK } from "../box/layout.ts";
import { SshConnection } from "../box/ssh.ts";
import { readFileSync } from "node:fs";

let box: Box;

/** Builds the image when it is not there. */
beforeAll(async () => {
  box = await startBox();
});

afterAll(async () => {
  await box.stop();
});

/** What a command that must succeed prints. */
async function read(command: string, of = box): Promise<string> {
  const { code, stdout, stderr } = await of.run(command);
  expect({ command, code, stderr }).toMatchObject({ code: 0 });
  return stdout.trim();
}

describe("a machine like EdgeServer", () => {
  test("has its disks, by letter, size and serial number", async () => {
    const { blockdevices } = JSON.parse(await read("lsblk --json --bytes --nodeps --output NAME,SIZE,SERIAL")) as {
      blockdevices: unknown;
    };
    const expected = Object.values(DISKS).map(({ serial, gibibytes }, position) => ({
      name: `sd${"abc".charAt(position)}`,
      size: gibibytes * 2 ** 30,
      serial,
    }));
    expect(blockdevices).toEqual(expected);
    expect(expected.map(({ serial }) => serial)).toEqual([
      box.serials["ai-storage"],
      box.serials.system,
      box.serials["data-warehouse"],
    ]);
  });

  test("has its root file system on LVM, with space left, and the data disks mounted", async () => {
    expect(await read("findmnt --noheadings --output SOURCE,FSTYPE /")).toMatch(/ubuntu--vg-ubuntu--lv\s+ext4$/);
    expect(await read("lvs --noheadings --units g --options lv_name,lv_size,vg_name")).toBe(
      "ubuntu-lv 100.00g ubuntu-vg",
    );
    expect(await read("pvs --noheadings --options pv_name")).toBe("/dev/sdb3");
    expect(Number(await read("vgs --noheadings --units g --nosuffix --options vg_free"))).toBeCloseTo(196, 0);
    expect(await read("findmnt --noheadings --output SOURCE /twisterlab/ai-storage")).toBe("/dev/sda");
    expect(await read("findmnt --noheadings --output SOURCE /twisterlab/data-warehouse")).toBe("/dev/sdc");
  });

  test("lets twister in, who may become root", async () => {
    const privateKey = readFileSync(box.keyFile, "utf8");
    const twister = await SshConnection.open({ port: box.sshPort, user: box.user, privateKey }, 30_000);
    const { stdout } = await twister.run("id --user --name; sudo id --user --name");
    twister.close();
    expect(stdout).toBe("twister\nroot\n");
    expect(await read("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")).toBe(box.hostKey);
    expect(await read("cat /etc/machine-id")).toBe(box.machineId);
  });

  test("has services that work", async () => {
    expect(await read("systemctl is-system-running")).toBe("running");
    expect(await read("systemctl is-active docker k3s rsyslog logrotate.timer")).toBe("active\nactive\nactive\nactive");
    expect(await read("docker info --format '{{.Driver}}'")).toBe("overlay2");
    expect(await read("docker run --rm edge/busybox:1 echo hello")).toBe("hello");
    expect(await read("logger box-test; sleep 1; grep -c box-test /var/log/syslog")).toBe("1");
    expect(await read("logrotate --debug /etc/logrotate.conf 2>&1 | grep -c error: || true")).toBe("0");
    // Since the clock was set, the machine's time is ours.
    expect(Math.abs(Number(await read("date +%s")) - Date.now() / 1000)).toBeLessThan(30);
  });

  test("starts anew within seconds, apart from the others, with another disk on request", async () => {
    const started = performance.now();
    const other = await startBox({ spareDisk: true });
    try {
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(other.sshPort).not.toBe(box.sshPort);
      await read("echo mine > /srv/mark");
      expect((await other.run("cat /srv/mark")).code).not.toBe(0);
      expect(await read("lsblk --noheadings --bytes --output SIZE,SERIAL /dev/sdd", other)).toMatch(
        new RegExp(`^${SPARE_DISK.gibibytes * 2 ** 30}\\s+${SPARE_DISK.serial}$`),
      );
    } finally {
      await other.stop();
    }
  });
});

describe("the K3s stand-in", () => {
  const CONFIG = "/etc/rancher/k3s/config.yaml.d/90-test.yaml";
  const REGISTRIES = "/etc/rancher/k3s/registries.yaml";

  /** Restarts k3s with other files, looks, and brings the old state back. */
  async function withFiles<T>(files: Record<string, string>, look: () => Promise<T>): Promise<T> {
    for (const [path, text] of Object.entries(files)) {
      await box.run(`mkdir -p "$(dirname ${path})" && cat > ${path}`, { stdin: text });
    }
    try {
      return await look();
    } finally {
      await read(`rm -f ${Object.keys(files).join(" ")} && systemctl restart k3s`);
    }
  }

  const restart = async (): Promise<number> => (await box.run("timeout 20 systemctl restart k3s")).code;
  const log = (): Promise<string> => read("journalctl --unit k3s --lines 20 --output cat --invocation 0");

  interface Configz {
    kubeletconfig: Record<string, unknown>;
  }

  async function configz(): Promise<Record<string, unknown>> {
    const node = await read("k3s kubectl get nodes -o name");
    const text = await read(`k3s kubectl get --raw /api/v1/nodes/${node.replace("node/", "")}/proxy/configz`);
    return (JSON.parse(text) as Configz).kubeletconfig;
  }

  test("answers as K3s does", async () => {
    expect(await read("k3s --version | head -1")).toBe("k3s version v1.33.6+k3s1 (stand-in)");
    expect(await read("k3s kubectl get --raw /readyz")).toBe("ok");
    expect(await read("k3s kubectl get nodes -o name")).toBe("node/edgeserver");
    expect((await box.run("k3s frobnicate")).code).toBe(1);
    expect(await configz()).toMatchObject({
      imageGCHighThresholdPercent: 85,
      evictionHard: { "imagefs.available": "5%", "nodefs.available": "5%" },
    });
  });

  test("is down when its unit is", async () => {
    await read("systemctl stop k3s");
    const down = await box.run("k3s kubectl get --raw /readyz");
    await read("systemctl start k3s");
    expect(down.code).toBe(1);
    expect(await read("k3s kubectl get --raw /readyz")).toBe("ok");
  });

  test("lists and removes images of its containerd", async () => {
    const list = async (): Promise<unknown[]> =>
      (JSON.parse(await read("k3s crictl images --output json")) as { images: unknown[] }).images;
    expect(await list()).toMatchObject([{ repoTags: ["docker.io/edge/busybox:1"], pinned: false }]);
    expect(JSON.parse(await read("k3s crictl ps --all --output json"))).toEqual({ containers: [] });
    await read("k3s crictl rmi docker.io/edge/busybox:1");
    await expect.poll(list, { timeout: 30_000 }).toEqual([]);
    expect(await read("k3s ctr images list --quiet")).toBe("");
  });

  test("takes the kubelet's flags from a drop-in, appended to the others", async () => {
    const base = "kubelet-arg: [image-gc-high-threshold=70]\n";
    const added =
      "kubelet-arg+: [image-gc-low-threshold=60, 'eviction-hard=nodefs.available<8%', container-log-max-files=3]\n";
    await withFiles({ "/etc/rancher/k3s/config.yaml": base, [CONFIG]: added }, async () => {
      expect(await restart()).toBe(0);
      expect(await configz()).toMatchObject({
        imageGCHighThresholdPercent: 70,
        imageGCLowThresholdPercent: 60,
        // A flag replaces the whole of K3s' default.
        evictionHard: { "nodefs.available": "8%" },
        evictionMinimumReclaim: { "imagefs.available": "10%", "nodefs.available": "10%" },
        containerLogMaxSize: "10Mi",
        containerLogMaxFiles: 3,
      });
    });
  });

  test.each([
    ["an unknown flag", "kubelt-flag=1", "unknown flag: --kubelt-flag"],
    ["thresholds the wrong way round", "image-gc-high-threshold=60", "must be less than imageGCHighThresholdPercent"],
    ["an eviction signal that is none", "eviction-hard=disk<10%", "unsupported eviction signal disk"],
    ["a size that is none", "container-log-max-size=10Megs", "failed to parse container log max size"],
    ["one log file", "container-log-max-files=1", "containerLogMaxFiles must be greater than 1"],
  ])("ends when the kubelet does: %s", async (_, flag, message) => {
    await withFiles({ [CONFIG]: JSON.stringify({ "kubelet-arg": [flag] }) }, async () => {
      expect(await restart()).not.toBe(0);
      expect(await log()).toContain(message);
    });
  });

  // As K3s: https://github.com/k3s-io/k3s/issues/8266.
  test("skips a key that it does not know, with a warning", async () => {
    await withFiles({ [CONFIG]: "kublet-arg: [image-gc-high-threshold=60]\n" }, async () => {
      expect(await restart()).toBe(0);
      expect(await log()).toContain("Unknown flag --kublet-arg found in config.yaml, skipping");
      expect(await configz()).toMatchObject({ imageGCHighThresholdPercent: 85 });
    });
  });

  test("does not start with a flag that it does not know", async () => {
    expect(await box.run("k3s server --kublet-arg=v=1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("flag provided but not defined: -kublet-arg") as string,
    });
  });

  test("does not start with a configuration that is no YAML", async () => {
    await withFiles({ [CONFIG]: "kubelet-arg: [\n" }, async () => {
      expect(await restart()).not.toBe(0);
      expect(await log()).toContain("yaml: ");
    });
  });

  test("never gets ready with a broken registries.yaml, nor without a certificate authority's file", async () => {
    const starting = async (): Promise<string> =>
      (await box.run("systemctl show --value --property SubState k3s")).stdout.trim();
    for (const [text, message] of [
      ["mirrors:\n  docker.io\n    endpoint: []\n", "mapping values are not allowed"],
      ["configs: { harbor: { tls: { ca_file: /etc/nowhere.crt } } }\n", "/etc/nowhere.crt: no such file"],
    ] as const) {
      await withFiles({ [REGISTRIES]: text }, async () => {
        expect(await restart()).not.toBe(0);
        expect(await starting()).toBe("start");
        expect(await log()).toContain(message);
      });
    }
    await withFiles(
      { [REGISTRIES]: "mirrors: { docker.io: { endpoint: ['https://mirror.example.org'] } }\n" },
      async () => {
        expect(await restart()).toBe(0);
      },
    );
  });
});

// Last, because the box boots.
test("a power cut loses what was not written to the disk, and nothing else", async () => {
  const port = box.sshPort;
  await read("docker run --detach --restart always --name steady edge/busybox:1 && echo kept > /srv/kept && sync");
  await read("echo lost > /srv/lost");
  await box.powerCut();
  await expect(box.run("true")).rejects.toThrow("The box is off.");
  await box.powerOn();
  expect(box.sshPort).toBe(port);
  expect(await read("cat /srv/kept")).toBe("kept");
  expect((await box.run("cat /srv/lost")).code).not.toBe(0);
  expect(await read("docker ps --format '{{.Names}}'")).toBe("steady");
  expect(await read("systemctl is-system-running")).toBe("running");
});

test("one that is switched on is as one that goes on", async () => {
  const cold = await startBox({ cold: true, spareDisk: true });
  try {
    expect(await read("lsblk --noheadings --nodeps --output NAME,SERIAL", cold)).toMatch(/sdd\s+SPARE01$/);
    expect(await read("k3s kubectl get --raw /readyz", cold)).toBe("ok");
  } finally {
    await cold.stop();
  }
});
