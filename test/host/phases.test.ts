import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { join } from "node:path";
import { itemStates, type ItemStates } from "./support/itemStates.ts";
import { fingerprint, managedBox, type ManagedBox } from "./support/managedBox.ts";

/**
 * The main path: a fresh EdgeServer, phases 0 and 1 applied, what they did re-read without our scripts, what somebody changes
 * by hand, and the way back.
 */
let edge: ManagedBox;
let old: ItemStates;

beforeAll(async () => {
  edge = await managedBox({
    observer: true,
    changes: [
      // The benchmark reads for a minute and changes nothing.
      [["twisterlab-edge:phase1", "diskBenchmark"], undefined],
      [["twisterlab-edge:phase0", "imageImports"], [{ image: MCP, source: "docker" }]],
      [["twisterlab-edge:phase0", "buildBenchmark"], { context: "/srv/mcp" }],
    ],
  });
  await edge.read(`docker tag edge/busybox:1 ${MCP}; mkdir /srv/mcp`);
  await edge.read("printf 'FROM edge/busybox:1\\nRUN echo built > /built\\n' > /srv/mcp/Dockerfile");
  old = await itemStates(edge);
});

afterAll(async () => {
  await edge.stop();
});

const PHASES = [0, 1];

/** An image that only the host's Docker has. */
const MCP = "twisterlab/mcp-unified:dev";

/** What Pulumi counts at the end of a preview, or of an update, beside `29 unchanged`. */
const counted = (output: string): string[] =>
  [...output.matchAll(/^ +[-+~]+ ?(\d+ .+)$/gm)].map(([, count = ""]) => count);

describe("a fresh host", () => {
  test("is not changed by previews", async () => {
    const before = await fingerprint(edge);
    for (const phase of PHASES) {
      expect(counted(await edge.succeed("preview", phase))).toEqual([expect.stringMatching(/^\d+ to create$/)]);
    }
    expect(await fingerprint(edge)).toBe(before);
  });

  test("differs in every item", async () => {
    const { code, items } = await edge.drift(1);
    expect(code).toBe(20);
    expect(items.filter(({ state }) => state !== "differs").map(({ name }) => name)).toEqual([]);
  });
});

describe.each(PHASES)("phase %i", (phase) => {
  test("is applied", async () => {
    expect(counted(await edge.succeed("up", phase, "--skip-preview"))).toEqual([
      expect.stringMatching(/^\d+ created$/),
    ]);
  });

  test("is in sync afterwards", async () => {
    const { code, items } = await edge.drift(phase);
    expect(items.filter(({ state }) => state !== "in sync")).toEqual([]);
    expect(code).toBe(0);
  });
});

describe("a managed host", () => {
  test("is not changed by previews, which have nothing to do", async () => {
    const before = await fingerprint(edge);
    for (const phase of PHASES) {
      const preview = await edge.succeed("preview", phase);
      expect(counted(preview)).toEqual([]);
      expect(preview).toMatch(/\d+ unchanged/);
    }
    expect(await fingerprint(edge)).toBe(before);
  });

  test("is previewed with the key that may only observe, and that key can do nothing else", async () => {
    const seen = () =>
      edge.read("journalctl --no-pager | grep -c 'Accepted publickey for twisterlab-observer' || true");
    const before = Number(await seen());
    await edge.drift(0);
    expect(Number(await seen())).toBe(before + 1);
    const words = ["-i", join(edge.edge.home, ".ssh/observer"), "-p", String(edge.box.sshPort), "-o", "BatchMode=yes"];
    const options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no"].flatMap((option) => ["-o", option]);
    const login = [...words, ...options, `twisterlab-observer@${edge.box.address}`, "touch /tmp/mine; sudo -n id"];
    const { stdout } = await edge.edge.run("ssh", login);
    expect(stdout).not.toContain("uid=");
    expect(await edge.read("ls /tmp")).not.toContain("mine");
  });

  test("is not changed by a second up", async () => {
    expect(counted(await edge.succeed("up", 0, "--skip-preview"))).toEqual([]);
  });
});

describe("what phases 0 and 1 did", () => {
  test.each([
    ["lvs --noheadings --units g -o lv_size ubuntu-vg/ubuntu-lv", /^150\.00g$/],
    ["findmnt -no OPTIONS /", /noatime/],
    ["grep ' / ' /etc/fstab", /noatime,nodiratime/],
    ["systemd-analyze cat-config systemd/journald.conf | grep '^SystemMaxUse=' | tail -1", /^SystemMaxUse=500M$/],
    ["docker info --format '{{.LiveRestoreEnabled}} {{.Driver}}'", /^true overlay2$/],
    ["logrotate --debug /etc/logrotate.conf 2>&1 | grep -c 'duplicate log entry' || true", /^0$/],
    [
      "systemctl is-active twisterlab-edge-disk-alert.timer logrotate.timer k3s docker",
      /^active\nactive\nactive\nactive$/,
    ],
    ["visudo --check --quiet && stat -c '%a %U' /etc/sudoers.d/twisterlab-edge", /^440 root$/],
    ["stat -c '%a' /etc/rancher/k3s/registries.yaml", /^600$/],
    ["ls -A /var/lib/twisterlab-edge/armed", /^$/],
    [
      `k3s crictl inspecti docker.io/${MCP} | grep --max-count 1 --only-matching '"id": "sha256:.*"'`,
      /sha256:[0-9a-f]{64}/,
    ],
    ["ctr -n k8s.io images ls name==docker.io/twisterlab/mcp-unified:dev | grep -c pinned", /^1$/],
    ["docker images --quiet twisterlab-edge/build-benchmark", /^$/],
    ["find /run /tmp /var/tmp -xdev -name 'twisterlab-edge*'", /^$/],
  ])("%s", async (command, expected) => {
    expect((await edge.read(command)).trim()).toMatch(expected);
  });

  test("leaves no secret on a command line or in plain state", async () => {
    const password = (await edge.read("awk '/password:/ { print $2 }' /etc/rancher/k3s/registries.yaml"))
      .trim()
      .replaceAll('"', "");
    expect(password.length).toBeGreaterThan(20);
    const state = await edge.edge.run("grep", [
      "--recursive",
      "--files-with-matches",
      password,
      edge.edge.home,
      edge.edge.folder,
    ]);
    expect(state.stdout).toBe("");
    expect(await edge.read(`journalctl --no-pager | grep -c -- '${password}' || true`)).toBe("0\n");
  });
});

describe("what somebody changed by hand", () => {
  const byHand: Record<string, string> = {
    "entry-point": "echo '# a remark' >> /usr/local/sbin/twisterlab-edge",
    "host-access-account": "usermod --shell /usr/sbin/nologin twisterlab-observer",
    "host-access-sudo": "echo '# a remark' >> /etc/sudoers.d/twisterlab-edge",
    "host-access-keys": "sed -i 's/^.*ssh-ed25519/ssh-ed25519/' /var/lib/twisterlab-edge-observer/.ssh/authorized_keys",
    "journald-limit-conf": "rm /etc/systemd/journald.conf.d/zz-twisterlab-edge.conf",
    "log-rotation-stanza": "chmod 600 /etc/logrotate.d/rsyslog",
    "log-rotation-timer": "rm /etc/systemd/system/logrotate.timer.d/50-twisterlab-edge.conf",
    "disk-alert-service": "chown nobody /etc/systemd/system/twisterlab-edge-disk-alert.service",
    "disk-alert-timer": "systemctl disable --now --quiet twisterlab-edge-disk-alert.timer",
    "disk-cleanup-service":
      "sed -i /Nice/d /etc/systemd/system/twisterlab-edge-disk-cleanup.service; echo '#' >> /etc/systemd/system/twisterlab-edge-disk-cleanup.service",
    "disk-cleanup-timer": "rm /etc/systemd/system/twisterlab-edge-disk-cleanup.timer",
    "kubelet-yaml": "echo '# a remark' >> /etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml",
    "mount-options": "sed -i 's/,noatime,nodiratime//' /etc/fstab",
    "docker-daemon-json":
      'sed -i \'s/"max-concurrent-downloads": 3/"max-concurrent-downloads": 9/\' /etc/docker/daemon.json',
    "k3s-registries-yaml": "echo '# a remark' >> /etc/rancher/k3s/registries.yaml",
  };

  test("shows as drift, item by item, without a secret, and in the preview with both values", async () => {
    await edge.read(Object.values(byHand).join("\n"));
    const differing: string[] = [];
    for (const phase of PHASES) {
      const { code, items } = await edge.drift(phase);
      expect(code).toBe(20);
      differing.push(...items.filter(({ state }) => state === "differs").map(({ name }) => name));
      const registries = items.find(({ name }) => name === "k3s-registries-yaml");
      expect(registries?.observed ?? "[secret]").toContain("[secret]");
    }
    expect(differing.sort()).toEqual(Object.keys(byHand).sort());
    expect(await edge.succeed("preview", 1)).toContain("max-concurrent-downloads 9 -> 3");
  });

  test("is told when it is a file that would override ours", async () => {
    const other = "/etc/systemd/journald.conf.d/zzz-other.conf";
    await edge.read(`printf '[Journal]\\nSystemMaxUse=4G\\n' > ${other}`);
    const { items } = await edge.drift(0);
    const journald = items.find(({ name }) => name === "journald-limit-conf");
    expect(JSON.stringify(journald)).toContain(other);
    await edge.read(`rm ${other}`);
  });

  test("is mended by up", async () => {
    for (const phase of PHASES) {
      await edge.succeed("up", phase, "--skip-preview");
      expect((await edge.drift(phase)).items.filter(({ state }) => state !== "in sync")).toEqual([]);
    }
  });
});

describe("going back", () => {
  test("by taking one item out of the site file brings that one back", async () => {
    edge.edge.edit([[["twisterlab-edge:phase1", "docker"], undefined]]);
    await edge.succeed("up", 1, "--skip-preview");
    const now = await itemStates(edge);
    expect(now["daemon.json"]).toBe(old["daemon.json"]);
    expect(now["fstab"]).not.toBe(old["fstab"]);
  });

  test("by destroy brings every file back byte for byte; what cannot be undone stays and is listed", async () => {
    const destroyed = await edge.phase("destroy", 1);
    expect(destroyed).toMatchObject({ code: 0, stderr: expect.stringContaining("root-volume-apply") as string });
    expect(await edge.phase("destroy", 0)).toMatchObject({ code: 0 });
    const now = await itemStates(edge);
    const changed = Object.keys(old).filter((item) => now[item] !== old[item]);
    expect(changed).toEqual(["root volume"]);
  });
});
