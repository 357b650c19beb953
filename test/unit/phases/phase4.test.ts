import { describe, expect, test } from "vitest";
import { loadSettings } from "../../../components/settings/index.ts";
import { builders } from "../../../phases/index.ts";
import { FROZEN_SITE_FILE, record, siteConfig, type Program } from "../../support/mocks.ts";

/** Phase 4 of EdgeServer, with `change` in its part of the site file. */
function build(change: Record<string, unknown> = {}, program: Program = {}) {
  const config = siteConfig(FROZEN_SITE_FILE, (all) => {
    // Not what somebody has on this machine.
    Object.assign(all["twisterlab-edge:cluster"] ?? {}, { kubeconfigFile: "/nowhere/kubeconfig" });
    Object.assign(all["twisterlab-edge:host"]?.["ssh"] ?? {}, { keyFile: "/nowhere/id_ed25519" });
    Object.assign(all["twisterlab-edge:phase4"] ?? {}, change);
  });
  return record({ stack: "edge-phase-4", config, ...program }, () => builders[4]?.(loadSettings()));
}

describe("phase 4 of EdgeServer", () => {
  test("registers what its golden file says", async () => {
    const { resources } = await build();
    await expect(`${JSON.stringify(resources, null, 2)}\n`).toMatchFileSnapshot("__golden__/phase4.json");
  });

  test("shows who may reach whom, before and after, and what is not known yet", async () => {
    const { messages } = await build();
    expect(messages).toHaveLength(1);
    await expect(`${messages[0]?.text ?? ""}\n`).toMatchFileSnapshot("__golden__/phase4.messages.txt");
  });

  test("closes one namespace after the other, and refuses in each when everything is allowed that is to be", async () => {
    const { resources } = await build();
    const before = (name: string) => resources.find((resource) => resource.name === name)?.dependsOn ?? [];
    expect(before("network-twisterlab-dev-allow-redis")).toEqual(["network-default-default-deny"]);
    expect(before("network-twisterlab-dev-default-deny")).toEqual([
      "network-default-default-deny",
      "network-twisterlab-dev-allow-mcp-unified",
      "network-twisterlab-dev-allow-postgres",
      "network-twisterlab-dev-allow-redis",
    ]);
    expect(before("network-monitoring-allow-grafana")).toContain("network-twisterlab-dev-default-deny");
  });

  test("leaves a namespace open that the list does not have", async () => {
    const { resources } = await build({ namespaces: ["monitoring"] });
    const policies = resources.filter(({ type }) => type.endsWith(":NetworkPolicy"));
    expect(policies.map(({ name }) => name)).toEqual([
      "network-monitoring-allow-alertmanager",
      "network-monitoring-allow-grafana",
      "network-monitoring-allow-prometheus",
      "network-monitoring-default-deny",
    ]);
  });

  test("changes the refusing policy with any other of its namespace, so that the namespace is watched again", async () => {
    const digest = async (change?: Record<string, unknown>) => {
      const { resources } = await build(change);
      const { metadata } = resources.find(({ name }) => name === "network-monitoring-default-deny")?.inputs as {
        metadata: { annotations: Record<string, string> };
      };
      return metadata.annotations["twisterlab-edge/policies"];
    };
    const own = await digest();
    expect(own).toMatch(/^[0-9a-f]{16}$/);
    expect(await digest({ watch: "60 s" })).toBe(own);
    expect(await digest({ flows: [] })).not.toBe(own);
  });

  test("compares with what its last up has left while the cluster cannot be asked", async () => {
    const left = [{ from: "twisterlab/mcp-unified", to: "twisterlab/redis", ports: "6379" }];
    const { messages, result } = await build({}, { outputs: { connectivity: left } });
    expect(messages[0]?.text).toContain("before as the last `up` left it");
    expect(messages[0]?.text).toMatch(/twisterlab\/mcp-unified +│ twisterlab\/redis +│ 6379 +│ nothing/);
    expect(result?.["connectivity"]).toContainEqual({
      from: "twisterlab/twisterlab-api",
      to: "twisterlab/redis",
      ports: "6379",
    });
  });
});
