import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadSettings } from "../../../components/settings/index.ts";
import { builders } from "../../../phases/index.ts";
import { FROZEN_SITE_FILE, record, siteConfig } from "../../support/mocks.ts";
import { phase0With } from "../../support/phase0.ts";
import { generateKey } from "../../support/sshServer.ts";

let folder: string;
let keyFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-phase0-"));
  keyFile = join(folder, "id_ed25519");
  writeFileSync(keyFile, generateKey().privateKey, { mode: 0o600 });
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Phase 0 as EdgeServer's site file has it, with the SSH key of this test. */
function build() {
  const config = siteConfig(FROZEN_SITE_FILE, (all) => {
    const { ssh } = all["twisterlab-edge:host"] as { ssh: Record<string, unknown> };
    ssh["keyFile"] = keyFile;
    // Not what somebody has on this machine.
    Object.assign(all["twisterlab-edge:cluster"] ?? {}, { kubeconfigFile: "/nowhere/kubeconfig" });
  });
  return record({ stack: "edge-phase-0", config }, () => builders[0]?.(loadSettings()));
}

describe("phase 0 of EdgeServer", () => {
  test("registers what its golden file says", async () => {
    const { resources } = await build();
    const entryPoint = resources.find(({ name }) => name === "entry-point-install");
    // Its text has tests of its own, and would bury everything else here.
    Object.assign(entryPoint?.inputs ?? {}, { stdin: "(the bundle)", create: "(install)", update: "(install)" });
    for (const resource of resources) {
      delete resource.inputs["sha256"];
      const { data } = resource.inputs as { data?: Record<string, string> };
      for (const file of Object.keys(data ?? {})) {
        Object.assign(data ?? {}, { [file]: "(a script)" });
      }
    }
    await expect(`${JSON.stringify(resources, null, 2)}\n`).toMatchFileSnapshot("__golden__/phase0.json");
  });

  test("says in a line what happens to each host item, and what is not known yet", async () => {
    const { messages } = await build();
    expect(messages).toHaveLength(1);
    await expect(`${messages[0]?.text ?? ""}\n`).toMatchFileSnapshot("__golden__/phase0.messages.txt");
  });

  test("changes the host one item after the other", async () => {
    const { resources } = await build();
    const before = (name: string) => resources.find((resource) => resource.name === name)?.dependsOn;
    expect(before("host-access")).toEqual(["entry-point-install"]);
    expect(before("journald-limit")).toEqual(expect.arrayContaining(["host-access-sudo-confirm"]));
    expect(before("log-rotation")).toEqual(["journald-limit-conf-apply"]);
    // The stanza is there when logrotate first runs by the hour.
    expect(before("log-rotation-timer")).toEqual(["log-rotation-stanza-apply"]);
    expect(before("disk-alert")).toEqual(["log-rotation-stanza-apply", "log-rotation-timer-apply"]);
    // A timer comes after what it starts.
    expect(before("disk-alert-timer")).toEqual(["disk-alert-service-apply"]);
    expect(before("disk-cleanup")).toEqual(["disk-alert-service-apply", "disk-alert-timer-apply"]);
    expect(before("disk-cleanup-timer")).toEqual(["disk-cleanup-service-apply"]);
    expect(before("kubelet")).toEqual(["disk-cleanup-service-apply", "disk-cleanup-timer-apply"]);
  });
});

describe("a copy of the backups", () => {
  const { config } = parse(readFileSync(FROZEN_SITE_FILE, "utf8")) as { config: Record<string, { backups: object }> };
  const backups = config["twisterlab-edge:phase0"]?.backups;
  const withCopy = (copy: Record<string, unknown>) => phase0With({ backups: { ...backups, copy } });

  test("is not made on a site that does not say so", async () => {
    const resource = await phase0With({});
    expect(resource("backup-copy")).toBeUndefined();
    expect(resource("backup-log-service-apply")?.inputs["stdin"]).not.toContain("copy_max_age");
  });

  test("is the last but the measurement, and the log is told that there is to be one", async () => {
    const resource = await withCopy({ repository: "/twisterlab/ai-storage/copy" });
    expect(resource("backup-copy")?.dependsOn).toContain("backup-log-rotation-apply");
    expect(resource("backup-copy")?.inputs).toMatchObject({
      path: "/twisterlab/data-warehouse/twisterlab-edge/backups",
      kinds: ["postgres", "redis", "k3s"],
      hostName: "edgeserver.twisterlab.local",
    });
    expect(resource("backup-copy-settings")?.inputs["content"]).toContain("mount: /twisterlab/ai-storage");
    expect(resource("backup-log-service-apply")?.inputs["stdin"]).toContain("copy_max_age: 93600");
  });

  test("goes to a server by its port and its key, and to a bucket", async () => {
    const bySsh = await withCopy({ repository: "sftp:edge@nas:/copy", port: 23, hostKey: "unknown" });
    expect(bySsh("backup-copy-settings")?.inputs["content"]).toEqual(
      expect.arrayContaining(["ssh_user: edge", "ssh_host: nas", "ssh_port: 23", "host_key: unknown"]),
    );
    expect(bySsh("backup-copy-prepare-apply")?.inputs["stdin"]).toContain("ssh_key: yes");
    const inBucket = await withCopy({ repository: "s3:https://s3.example.org/bucket" });
    expect(inBucket("backup-copy-settings")?.inputs["content"]).toContain("secret_key: [secret]");
  });
});

test("nothing is cleared by itself on a site that does not say so", async () => {
  const resource = await phase0With({ diskCleanup: undefined });
  expect(resource("disk-cleanup")).toBeUndefined();
  expect(resource("kubelet")?.dependsOn).toEqual(["disk-alert-service-apply", "disk-alert-timer-apply"]);
});

test("a Deployment of our own says itself how many old ReplicaSets it keeps, and nobody patches it", async () => {
  const share = { cpu: "100m", memory: "256Mi" };
  const service = { namespace: "twisterlab", image: "twisterlab/mcp-unified:dev", requests: share, limits: share };
  const resource = await phase0With({
    podHygiene: {
      namespace: "twisterlab",
      namespaces: ["twisterlab"],
      leftovers: [],
      revisionHistoryLimit: 7,
      deployments: ["twisterlab/mcp-unified", "twisterlab/redis"],
    },
    mcpServices: { "mcp-unified": service },
  });
  expect(resource("mcp-unified-deployment")?.inputs).toMatchObject({ spec: { revisionHistoryLimit: 7 } });
  expect(resource("revision-history-twisterlab/mcp-unified")).toBeUndefined();
  expect(resource("revision-history-twisterlab/redis")?.inputs).toMatchObject({ spec: { revisionHistoryLimit: 7 } });
});

test("where all Deployments are our own, none is patched", async () => {
  const share = { cpu: "100m", memory: "256Mi" };
  const service = { namespace: "twisterlab", image: "twisterlab/mcp-unified:dev", requests: share, limits: share };
  const deployments = ["twisterlab/mcp-unified"];
  const resource = await phase0With({
    podHygiene: { namespace: "twisterlab", namespaces: [], leftovers: [], revisionHistoryLimit: 7, deployments },
    mcpServices: { "mcp-unified": service },
  });
  expect(resource("revision-history")).toBeUndefined();
});
