import { describe, expect, test } from "vitest";
import { budgetOf, describeBudget } from "../../../phases/budget.ts";
import { describeSwitch } from "../../../phases/phase1Registry.ts";
import { siteOf } from "../../policies/table.ts";

type Config = Record<string, Record<string, unknown>>;

const REGISTRY = {
  host: "harbor.twisterlab.local",
  pullUser: "robot$k3s",
  caFile: "/etc/rancher/k3s/registry-ca.crt",
  disk: "ai-storage",
};
const withRegistry = (option: string, change: (config: Config) => void = () => undefined) =>
  siteOf((config) => {
    Object.assign(config["twisterlab-edge:phase1"] as object, { registry: { option, ...REGISTRY } });
    change(config);
  });

describe("the budget of EdgeServer", () => {
  test("has room for Harbor beside what runs and what phase 0 adds", () => {
    const budget = budgetOf(withRegistry("harbor"));
    expect(budget.faults).toEqual([]);
    expect(budget.rows.find(({ what }) => what === "Harbor")).toEqual({
      what: "Harbor",
      requests: { cpu: 0.54, memory: 1600 * 2 ** 20 },
      limits: { cpu: 3.5, memory: 3200 * 2 ** 20 },
    });
    expect(budget.total.requests.cpu).toBe(3.492);
    expect(describeBudget(budget).split("\n")).toContainEqual(
      expect.stringMatching(/all together +│ +3492m │ +\d+m │ +\d+Mi │ +14388Mi │/),
    );
  });

  test("counts each pod of a workload, once each, and says where nobody wrote down what it takes", () => {
    const { rows } = budgetOf(withRegistry("distribution"));
    expect(rows.find(({ what }) => what === "twisterlab/twisterlab-api x 2")?.requests?.cpu).toBe(1);
    expect(rows.find(({ what }) => what === "twisterlab-dev/redis")).toEqual({ what: "twisterlab-dev/redis" });
    expect(rows.map(({ what }) => what)).not.toContain("twisterlab/mcp-unified");
    expect(new Set(rows.map(({ what }) => what)).size).toBe(rows.length);
  });

  test("counts an MCP service of phase 0 in the place of what is there", () => {
    const share = { cpu: "300m", memory: "256Mi" };
    const { rows } = budgetOf(
      withRegistry("harbor", (config) => {
        const service = { namespace: "twisterlab", image: "twisterlab/mcp-unified:1", requests: share, limits: share };
        Object.assign(config["twisterlab-edge:phase0"] as object, { mcpServices: { "mcp-unified": service } });
      }),
    );
    expect(rows.filter(({ what }) => what === "twisterlab/mcp-unified")).toEqual([
      {
        what: "twisterlab/mcp-unified",
        requests: { cpu: 0.3, memory: 2 ** 28 },
        limits: { cpu: 0.3, memory: 2 ** 28 },
      },
    ]);
  });

  test("of a registry that is somebody else's has no line", () => {
    const { rows } = budgetOf(siteOf());
    expect(rows.some(({ what }) => /Harbor|registry|chart/.test(what))).toBe(false);
    expect(rows.some(({ what }) => what === "the largest job, a trial of restoring")).toBe(true);
  });

  test.each([
    [
      "processors",
      { "twisterlab-edge:policies": { reserve: { cpu: "1", memory: "2Gi" } } },
      ["4292m are promised, and the machine has 4000m"],
    ],
    [
      "memory",
      { "twisterlab-edge:policies": { reserve: { cpu: "200m", memory: "11Gi" } } },
      [
        "16.24 GiB of memory are promised, and the machine has 14.53 GiB",
        "23.05 GiB of memory may be used, and the machine has 14.53 GiB",
      ],
    ],
    [
      "memory for the limits",
      { "twisterlab-edge:policies": { reserve: { cpu: "200m", memory: "3Gi" } } },
      ["15.05 GiB of memory may be used, and the machine has 14.53 GiB"],
    ],
  ])("without enough %s is refused, with both figures", (_, change, faults) => {
    const { faults: found } = budgetOf(
      withRegistry("harbor", (config) => {
        Object.assign(config, change);
      }),
    );
    expect(found).toEqual(faults);
  });
});

describe("another registry in its place", () => {
  test.each([
    ["harbor", "distribution", "Harbor's images, database and volumes stay on their disk"],
    ["distribution", "harbor", "the images stay on their disk"],
    ["external", "harbor", "K3s does not pull from it any more"],
  ])("%s to %s deletes nothing, and says what stays where", (before, next, sentence) => {
    const text = describeSwitch(before, next);
    expect(text).toContain(`The registry was \`${before}\` and is to be \`${next}\`. Nothing is deleted: `);
    expect(text).toContain(sentence);
    expect(text).toContain("No image is carried over");
  });
});
