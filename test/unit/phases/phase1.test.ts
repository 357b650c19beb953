import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadSettings } from "../../../components/settings/index.ts";
import { declaredPhases } from "../../../phases/catalogue.ts";
import { builders } from "../../../phases/index.ts";
import { record, siteConfig, type Program } from "../../support/mocks.ts";

type Config = Record<string, Record<string, unknown>>;

const build = (program: Program) => record(program, () => builders[1]?.(loadSettings()));

let folder: string;
let keyFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-phase1-"));
  keyFile = join(folder, "id_ed25519");
  const { privateKey } = generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  writeFileSync(keyFile, privateKey, { mode: 0o600 });
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** EdgeServer's site file with the SSH key of this test, and `change` on top. */
function edge(change: (config: Config) => void = () => undefined): Record<string, string> {
  return siteConfig("Pulumi.edge.yaml", (config) => {
    ssh(config)["keyFile"] = keyFile;
    change(config);
  });
}

function phase1(config: Config): Config {
  return config["twisterlab-edge:phase1"] as Config;
}

function ssh(config: Config): Record<string, unknown> {
  return config["twisterlab-edge:host"]?.["ssh"] as Record<string, unknown>;
}

describe("phase 1 of EdgeServer", () => {
  test("registers what its golden file says", async () => {
    const { resources } = await build({ config: edge() });
    const entryPoint = resources.find(({ name }) => name === "entry-point-install");
    expect(entryPoint?.inputs["stdin"]).toContain("outlive_connection");
    // Its text has tests of its own, and would bury everything else here.
    Object.assign(entryPoint?.inputs ?? {}, { stdin: "(the bundle)", create: "(install)", update: "(install)" });
    for (const resource of resources) {
      delete resource.inputs["sha256"];
    }
    await expect(`${JSON.stringify(resources, null, 2)}\n`).toMatchFileSnapshot("__golden__/phase1.json");
  });

  test("says in a line what happens to each host item, and what is not known yet", async () => {
    const { messages } = await build({ config: edge() });
    expect(messages).toHaveLength(1);
    await expect(`${messages[0]?.text ?? ""}\n`).toMatchFileSnapshot("__golden__/phase1.messages.txt");
  });

  test("changes the host one item after the other", async () => {
    const { resources } = await build({ config: edge() });
    const before = (name: string) => resources.find((resource) => resource.name === name)?.dependsOn;
    expect(before("root-volume")).toEqual(["entry-point-install"]);
    expect(before("mount-options")).toEqual(["root-volume-grow"]);
    expect(before("docker-daemon")).toEqual(["mount-options-put"]);
    expect(before("k3s-registries")).toEqual(["docker-daemon-json-put"]);
    expect(before("disk-benchmark")).toEqual(["k3s-registries-yaml-put"]);
  });

  test("protects what holds data", async () => {
    const { resources } = await build({ config: edge() });
    expect(resources.filter(({ protect }) => protect).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["root-volume", "root-volume-grow", "registry-namespace"]),
    );
  });
});

describe("choices of phase 1", () => {
  const find = async (change: (config: Config) => void, names: string[]) => {
    const { resources } = await build({ config: edge(change) });
    return resources.filter(({ type, name }) => type === "command:remote:Command" && names.includes(name));
  };

  test("option B: the empty disk joins first, by its serial", async () => {
    const found = await find(
      (config) => {
        (config["twisterlab-edge:disks"] as Config)["spare"] = { device: "sdd", size: "500 GB", serial: "SPARE1" };
        phase1(config)["storage"] = { option: "newDisk", disk: "spare", size: "300 GiB", reserve: "20 GiB" };
      },
      ["root-volume-disk", "root-volume-grow"],
    );
    expect(found.map(({ name, dependsOn }) => [name, dependsOn])).toEqual([
      ["root-volume-disk", undefined],
      ["root-volume-grow", ["root-volume-disk"]],
    ]);
    expect(found[0]?.inputs["stdin"]).toContain("disk_serial: SPARE1\n");
    expect(found[0]?.inputs).not.toHaveProperty("delete");
  });

  test("option C: space is reclaimed and nothing grows", async () => {
    const found = await find(
      (config) => {
        phase1(config)["storage"] = { option: "reclaim", reclaim: { images: true, packages: false } };
      },
      ["reclaimed-space-run", "root-volume-grow"],
    );
    expect(found.map(({ name }) => name)).toEqual(["reclaimed-space-run"]);
    expect(found[0]?.inputs["stdin"]).toContain("images: true\npackages: false\n");
  });

  test("the registry's authority is installed before the file that names it", async () => {
    const known = siteConfig("test/unit/settings/fixtures/valid/Pulumi.all-known.yaml")["twisterlab-edge:phase1"];
    const { caCertificate } = (JSON.parse(known ?? "") as { registry: { caCertificate: string } }).registry;
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["twisterlab-edge:secrets"]');
    const { resources } = await build({
      config: edge((config) => {
        Object.assign(phase1(config)["registry"] as object, { caCertificate });
        config["twisterlab-edge:secrets"] = { registryPullPassword: "a-password" };
      }),
    });
    const named = (name: string) => resources.find((resource) => resource.name === name);
    expect(named("k3s-registries-ca-put")?.inputs["stdin"]).toContain("-----BEGIN CERTIFICATE-----");
    expect(named("k3s-registries-yaml")?.dependsOn).toContain("k3s-registries-ca-put");
    expect(named("k3s-registries-yaml-put")?.inputs["stdin"]).toBe("[secret]");
    expect(JSON.stringify(resources)).not.toContain("a-password");
  });

  test("data roots move one after the other, before Docker's configuration", async () => {
    const { resources } = await build({
      config: edge((config) => {
        (config["twisterlab-edge:disks"] as Config)["fast"] = { device: "nvme0n1", size: "512 GB", serial: "NVME1" };
        (phase1(config) as Record<string, unknown>)["dataRoots"] = [
          { path: "/var/lib/rancher", disk: "fast", format: "ext4", mount: "/mnt/fast" },
          { path: "/var/lib/docker", disk: "ai-storage", format: "none" },
        ];
      }),
    });
    const named = (name: string) => resources.find((resource) => resource.name === name);
    expect(named("data-root-rancher-move")?.inputs["stdin"]).toBe(
      "item: data-root-rancher\npath: /var/lib/rancher\ndisk_serial: NVME1\nmount: /mnt/fast\nformat: ext4\nservice: k3s\n\n",
    );
    expect(named("data-root-docker-move")?.inputs["stdin"]).toContain(
      "mount: /twisterlab/ai-storage\nformat: none\nservice: docker\n",
    );
    expect(named("data-root-docker")?.dependsOn).toEqual(["data-root-rancher-move"]);
    expect(named("docker-daemon")?.dependsOn).toEqual(["data-root-docker-move"]);
    expect(named("data-root-docker-move")?.protect).toBe(true);
  });

  test("a known host key goes into the connection, which is secret as a whole", async () => {
    const { resources } = await build({
      config: edge((config) => {
        ssh(config)["hostKey"] = HOST_KEY;
        // Nobody listens there: the preview is blind, and says so.
        ssh(config)["port"] = 1;
        config["twisterlab-edge:host"] = { ...config["twisterlab-edge:host"], address: "127.0.0.1" };
        config["twisterlab-edge:network"] = { ...config["twisterlab-edge:network"], cidr: "127.0.0.0/24" };
        config["twisterlab-edge:cluster"] = {
          ...config["twisterlab-edge:cluster"],
          apiServer: "https://127.0.0.1:6443",
        };
        (config["twisterlab-edge:phase3"] as Config)["metalLb"] = { pool: "127.0.0.100-127.0.0.110" };
      }),
    });
    const commands = resources.filter(({ type }) => type === "command:remote:Command");
    expect(commands.length).toBeGreaterThan(5);
    for (const { inputs } of commands) {
      expect(inputs["connection"]).toBe("[secret]");
    }
  });
});

describe("up", () => {
  test("is refused before the first resource, with everything that is missing", async () => {
    await expect(build({ config: edge(), preview: false })).rejects.toThrow(
      /^nothing was applied, because this is missing:\n.*secrets\.registryPullPassword.*\n.*host\.machineId.*\n.*host\.ssh\.hostKey.*$/,
    );
  });

  test("is refused without an SSH key, while the preview goes on without", async () => {
    const config = edge((all) => {
      ssh(all)["keyFile"] = join(folder, "none");
    });
    await expect(build({ config, preview: false })).rejects.toThrow(`there is no SSH key at ${folder}/none`);
    const { messages } = await build({ config });
    expect(messages.at(-1)?.text).toContain(`* SSH key: there is no SSH key at ${folder}/none`);
  });

  test("a key that is there and no key stops the preview too", async () => {
    writeFileSync(keyFile, "ssh-ed25519 AAAA public\n");
    await expect(build({ config: edge() })).rejects.toThrow(`${keyFile} is not a private key`);
  });

  test("a key that cannot be read stops the preview too", async () => {
    const config = edge((all) => {
      ssh(all)["keyFile"] = folder;
    });
    await expect(build({ config })).rejects.toThrow(`the SSH key ${folder} cannot be read (EISDIR)`);
  });
});

test("the catalogue names the phases that can be built", () => {
  expect(Object.keys(declaredPhases)).toEqual(Object.keys(builders));
});

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";
