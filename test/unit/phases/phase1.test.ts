import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createAuthority, createServerKey, writeAuthority } from "../../../components/certificateAuthority.ts";
import { secretSpecs } from "../../../components/settings/secrets.ts";
import { parseSite } from "../../../components/settings/site.ts";
import { RULES } from "../../../policies/rules/index.ts";
import { verdictsOf } from "../../policies/judging.ts";
import { loadSettings } from "../../../components/settings/index.ts";
import { declaredPhases } from "../../../phases/catalogue.ts";
import { builders } from "../../../phases/index.ts";
import { FROZEN_SITE_FILE, record, siteConfig, type Program, type RecordedResource } from "../../support/mocks.ts";
import { generateKey } from "../../support/sshServer.ts";

type Config = Record<string, Record<string, unknown>>;

const build = (program: Program) => record(program, () => builders[1]?.(loadSettings()));

let folder: string;
let keyFile: string;
let kubeconfigFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-phase1-"));
  keyFile = join(folder, "id_ed25519");
  kubeconfigFile = join(folder, "kubeconfig.yaml");
  writeFileSync(kubeconfigFile, "");
  writeFileSync(keyFile, generateKey().privateKey, { mode: 0o600 });
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** EdgeServer's site file with the SSH key of this test, and `change` on top. */
function edge(change: (config: Config) => void = () => undefined): Record<string, string> {
  return siteConfig(FROZEN_SITE_FILE, (config) => {
    ssh(config)["keyFile"] = keyFile;
    Object.assign(config["twisterlab-edge:cluster"] as object, { kubeconfigFile });
    change(config);
  });
}

function phase1(config: Config): Config {
  return config["twisterlab-edge:phase1"] as Config;
}

function ssh(config: Config): Record<string, unknown> {
  return config["twisterlab-edge:host"]?.["ssh"] as Record<string, unknown>;
}

/** A host that is known, and where nobody listens. */
function onLoopback(config: Config): void {
  Object.assign(ssh(config), { hostKey: HOST_KEY, port: 1 });
  Object.assign(config["twisterlab-edge:host"] as object, { address: "127.0.0.1" });
  Object.assign(config["twisterlab-edge:network"] as object, { cidr: "127.0.0.0/24" });
  Object.assign(config["twisterlab-edge:cluster"] as object, { apiServer: "https://127.0.0.1:6443" });
  (config["twisterlab-edge:phase3"] as Config)["metalLb"] = { pool: "127.0.0.100-127.0.0.110" };
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
    const text = JSON.stringify(resources, null, 2).replaceAll(kubeconfigFile, "(kubeconfig)");
    await expect(`${text}\n`).toMatchFileSnapshot("__golden__/phase1.json");
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
    expect(before("mount-options")).toEqual(["root-volume-apply"]);
    // What may cut us off is confirmed before anything else begins.
    expect(before("docker-daemon")).toEqual(["mount-options-apply", "mount-options-confirm"]);
    expect(before("k3s-registries")).toEqual(["docker-daemon-json-apply", "docker-daemon-json-confirm"]);
    expect(before("disk-benchmark")).toEqual(["k3s-registries-yaml-apply", "k3s-registries-yaml-confirm"]);
  });

  test("protects what holds data", async () => {
    const { resources } = await build({ config: edge() });
    expect(resources.filter(({ protect }) => protect).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["root-volume", "root-volume-apply", "registry-namespace"]),
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
      ["root-volume-disk-apply", "root-volume-apply"],
    );
    const [volume, disk] = found;
    expect(found.map(({ name, dependsOn }) => [name, dependsOn])).toEqual([
      ["root-volume-apply", ["root-volume-disk-apply"]],
      ["root-volume-disk-apply", undefined],
    ]);
    expect(disk?.inputs["stdin"]).toContain("disk_serial: SPARE1\n");
    expect(disk?.inputs).not.toHaveProperty("delete");
    expect(volume?.inputs).not.toHaveProperty("delete");
  });

  test("option C: space is reclaimed and nothing grows", async () => {
    const found = await find(
      (config) => {
        phase1(config)["storage"] = { option: "reclaim", reclaim: { images: true, packages: false } };
      },
      ["reclaimed-space-apply", "root-volume-apply"],
    );
    expect(found.map(({ name }) => name)).toEqual(["reclaimed-space-apply"]);
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
    expect(named("k3s-registries-ca-apply")?.inputs["stdin"]).toContain("-----BEGIN CERTIFICATE-----");
    expect(named("k3s-registries-yaml")?.dependsOn).toContain("k3s-registries-ca-apply");
    expect(named("k3s-registries-yaml-apply")?.inputs["stdin"]).toBe("[secret]");
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
    expect(named("data-root-rancher-apply")?.inputs["stdin"]).toBe(
      "item: data-root-rancher\npath: /var/lib/rancher\ndisk_serial: NVME1\nmount: /mnt/fast\nformat: ext4\nservice: k3s\nconfirm_within: 90\n\n",
    );
    expect(named("data-root-docker-apply")?.inputs["stdin"]).toContain(
      "mount: /twisterlab/ai-storage\nformat: none\nservice: docker\n",
    );
    expect(named("data-root-docker")?.dependsOn).toEqual(["data-root-rancher-apply", "data-root-rancher-confirm"]);
    expect(named("docker-daemon")?.dependsOn).toEqual(["data-root-docker-apply", "data-root-docker-confirm"]);
    expect(named("data-root-docker-apply")?.protect).toBe(true);
  });

  test("a known host key goes into the connection, which is secret as a whole", async () => {
    const { resources } = await build({
      config: edge((config) => {
        onLoopback(config);
      }),
    });
    const commands = resources.filter(({ type }) => type === "command:remote:Command");
    expect(commands.length).toBeGreaterThan(5);
    for (const { inputs } of commands) {
      expect(inputs["connection"]).toBe("[secret]");
    }
  });
});

describe("a registry of our own", () => {
  const AUTHORITY = createAuthority("twisterlab.local");
  const KEY = createServerKey();

  /** What stands in a site file for a registry of our own, with all of its secrets. */
  async function own(option: "harbor" | "distribution", change: (config: Config) => void = () => undefined) {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["twisterlab-edge:secrets"]');
    const secrets = Object.fromEntries(
      secretSpecs.map(({ name, ...spec }) => [name, "generated" in spec ? `A-secret-of-${name}` : ""]),
    );
    Object.assign(secrets, { siteAuthority: writeAuthority(await AUTHORITY), registryServerKey: KEY });
    const config = edge((all) => {
      phase1(all)["registry"] = {
        option,
        host: "harbor.twisterlab.local",
        pullUser: "robot$k3s",
        caFile: "/etc/rancher/k3s/registry-ca.crt",
        disk: "ai-storage",
      };
      Object.assign(all["twisterlab-edge:cluster"] as object, { node: "edgeserver" });
      all["twisterlab-edge:secrets"] = secrets;
      change(all);
    });
    return config;
  }

  /** What the policy pack refuses of what was declared for it. */
  function refused(resources: RecordedResource[], config: Record<string, string>): string[] {
    const values = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key, JSON.parse(value) as unknown]),
    );
    const site = parseSite({ ...values, "twisterlab-edge:secrets": {} }, { file: "Pulumi.edge.yaml" });
    const onCluster = resources.filter(({ type }) => type.startsWith("kubernetes:"));
    return RULES.filter(({ level }) => level === "mandatory").flatMap((rule) =>
      verdictsOf(rule, onCluster, { site, now: new Date() }).map(({ message }) => `${rule.name} ${message}`),
    );
  }

  test.each(["harbor", "distribution"] as const)("%s is declared as its golden file says", async (option) => {
    const config = await own(option);
    const { resources } = await build({ config });
    const text = JSON.stringify(
      resources.filter(({ type, parent = "" }) =>
        /registry|harbor|docker-authority/.test(`${type} ${parent}`.toLowerCase()),
      ),
      null,
      2,
    );
    // What is different in each run: keys are drawn.
    const [certificate] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(
      writeAuthority(await AUTHORITY),
    ) ?? [""];
    const lines = certificate.split("\n").map((line) => JSON.stringify(line).slice(1, -1));
    const frozen = lines
      .reduce((all, line) => (line.startsWith("-") ? all : all.replaceAll(line, "(base64)")), text)
      .replaceAll(kubeconfigFile, "(kubeconfig)")
      .replaceAll(/sha256: [0-9a-f]{64}/g, "sha256: (digest)");
    await expect(`${frozen}\n`).toMatchFileSnapshot(`__golden__/phase1.${option}.json`);
    expect(text).not.toContain("A-secret-of");
    expect(text).not.toContain("PRIVATE KEY");
  });

  test("says what the machine has for it, until when its certificate is valid, and what becomes of the one before", async () => {
    const { messages } = await build({ config: await own("harbor"), outputs: { registry: "distribution" } });
    const [{ text } = { text: "" }] = messages;
    expect(text).toContain("The registry was `distribution` and is to be `harbor`. Nothing is deleted");
    expect(text).toMatch(
      /has a certificate of the site's authority until \d{4}-\d\d-\d\d; from \d{4}-\d\d-\d\d on, up renews it/,
    );
    expect(text).toContain("all together");
    expect(messages).toHaveLength(2);
  });

  test("is refused, in the preview too, where the machine has no room for it", async () => {
    const config = await own("harbor", (all) => {
      Object.assign(all["twisterlab-edge:host"] as object, { capacity: { threads: 4, memory: "12 GB" } });
    });
    await expect(build({ config })).rejects.toThrow(
      /no room for `phase1.registry.option` harbor:\n {2}- 14.05 GiB of memory may be used[^]*all together/,
    );
  });

  test("with an authority that is none is one sentence", async () => {
    const config = await own("harbor", (all) => {
      Object.assign(all["twisterlab-edge:secrets"] as object, { siteAuthority: "not-a-real-key" });
    });
    await expect(build({ config })).rejects.toThrow(
      /^secrets\.siteAuthority is no certificate authority of `npm run secrets`$/,
    );
  });

  test("waits for its secrets in the preview, and shows the rest", async () => {
    const config = await own("harbor", (all) => {
      all["twisterlab-edge:secrets"] = {};
    });
    const { resources, messages } = await build({ config });
    expect(resources.find(({ name }) => name === "harbor-chart")).toBeDefined();
    expect(messages.at(-1)?.text).toContain("secrets.harborSecretKey: Key that Harbor encrypts");
  });

  test.each(["harbor", "distribution"] as const)("%s passes the policy pack", async (option) => {
    const config = await own(option);
    const { resources } = await build({ config });
    expect(refused(resources, config)).toEqual([]);
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
    expect(messages.at(-1)?.text).toContain(`- SSH key: there is no SSH key at ${folder}/none`);
  });

  test("is refused without a kubeconfig, which the preview lists", async () => {
    rmSync(kubeconfigFile);
    await expect(build({ config: edge(), preview: false })).rejects.toThrow(
      `kubeconfig: there is none at ${kubeconfigFile}`,
    );
    const { messages } = await build({ config: edge() });
    expect(messages.at(-1)?.text).toContain(`- kubeconfig: there is none at ${kubeconfigFile}`);
  });

  test("is refused on a host that does not answer, when nothing else is in its way", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["twisterlab-edge:secrets"]');
    const config = edge((all) => {
      onLoopback(all);
      Object.assign(all["twisterlab-edge:host"] as object, { machineId: "0123456789abcdef0123456789abcdef" });
      all["twisterlab-edge:secrets"] = { registryPullPassword: "a-password" };
    });
    await expect(build({ config, preview: false })).rejects.toThrow(
      /^nothing was applied: .*ECONNREFUSED 127\.0\.0\.1:1$/,
    );
  });

  test("a key with a passphrase is refused with the way out", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "x" },
      publicKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    writeFileSync(keyFile, privateKey);
    await expect(build({ config: edge() })).rejects.toThrow("is protected by a passphrase; load it with ssh-add");
    writeFileSync(keyFile, ENCRYPTED_OPENSSH_KEY);
    await expect(build({ config: edge() })).rejects.toThrow("is protected by a passphrase; load it with ssh-add");
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

// Only as much of one as tells that it is encrypted.
const ENCRYPTED_OPENSSH_KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.concat([
  Buffer.from("openssh-key-v1\\0"),
  Buffer.from([0, 0, 0, 10]),
  Buffer.from("aes256-ctr"),
  Buffer.alloc(80),
]).toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
