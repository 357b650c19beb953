import { describe, expect, test } from "vitest";
import { MetalLb } from "../../../components/cluster/metalLb.ts";
import { DEFINITIONS, judgeMetalLb, type MetalLbView } from "../../../components/cluster/metalLbReady.ts";
import { record } from "../../support/mocks.ts";

const established = { status: { conditions: [{ type: "Established", status: "True" }] } } as never;
const served = Object.fromEntries(DEFINITIONS.map((name) => [name, established]));

test.each<[string, MetalLbView, object]>([
  [
    "whose kinds are not there",
    { definitions: {} },
    { is: "waiting", for: "the kind ipaddresspools.metallb.io is not served yet" },
  ],
  [
    "one of whose kinds is on its way",
    { definitions: { ...served, "l2advertisements.metallb.io": { status: { conditions: [] } } as never } },
    { is: "waiting", for: "the kind l2advertisements.metallb.io is not served yet" },
  ],
  ["that was not asked", { definitions: served }, { is: "waiting", for: "its webhook was not asked yet" }],
  [
    "whose webhook is not there",
    { definitions: served, answer: { refusal: 'failed calling webhook "x": no endpoints available' } },
    {
      is: "waiting",
      for: 'its webhook does not answer yet (failed calling webhook "x": no endpoints available)',
    },
  ],
  [
    "that does not take the pool",
    { definitions: served, answer: { refusal: "overlaps with pool other" } },
    { is: "refused", why: "overlaps with pool other" },
  ],
  ["that takes the pool", { definitions: served, answer: {} }, { is: "ready" }],
])("a MetalLB %s", (_, view, verdict) => {
  expect(judgeMetalLb(view)).toEqual(verdict);
});

describe("MetalLB", () => {
  test("has its pool after its chart, and what announces it after that; no BGP", async () => {
    const { resources } = await record({}, () => {
      new MetalLb("metallb", {
        namespace: "metallb-system",
        podSecurityVersion: "v1.33",
        version: "0.16.1",
        pool: "192.168.0.100-192.168.0.110",
        kubeconfigFile: "/somewhere",
      });
    });
    const named = (name: string) => resources.find((each) => each.name === name);
    expect(named("metallb-chart")?.inputs["spec"]).toMatchObject({ chart: "metallb", version: "0.16.1" });
    const { valuesContent } = named("metallb-chart")?.inputs["spec"] as { valuesContent: string };
    expect(valuesContent).toContain("frrk8s:\n  enabled: false\n");
    expect(named("metallb-pool")).toMatchObject({
      inputs: { spec: { addresses: ["192.168.0.100-192.168.0.110"] } },
      dependsOn: ["metallb-installed"],
    });
    expect(named("metallb-advertisement")).toMatchObject({
      inputs: { spec: { ipAddressPools: ["local-network"] } },
      dependsOn: ["metallb-pool"],
    });
    expect(JSON.stringify(resources)).not.toContain("/somewhere");
  });
});
