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
    // A component is registered after what it depends on, and its own policies after it.
    expect(before("network-twisterlab-dev")).toEqual(["network-default-default-deny"]);
    expect(before("network-monitoring")).toContain("network-twisterlab-dev-default-deny");
    expect(before("network-twisterlab-dev-default-deny")).toEqual([
      "network-twisterlab-dev-allow-mcp-unified",
      "network-twisterlab-dev-allow-postgres",
      "network-twisterlab-dev-allow-redis",
    ]);
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
    const left = { "twisterlab/redis": "twisterlab/mcp-unified, twisterlab/grafana: 6379; internet: 53, 53/UDP" };
    const { messages, result } = await build({}, { outputs: { connectivity: left } });
    expect(messages[0]?.text).toContain("Before: as the last `up` left it");
    expect(messages[0]?.text).toMatch(
      /twisterlab\/grafana, twisterlab\/mcp-unified +│ twisterlab\/redis +│ 6379 +│ nothing/,
    );
    expect(messages[0]?.text).toMatch(/internet +│ twisterlab\/redis +│ 53, 53\/UDP +│ nothing/);
    expect(result?.["connectivity"]).toMatchObject({
      "twisterlab/twisterlab-api": "twisterlab/mcp-unified, kube-system/traefik: 8000",
    });
  });
});
