import { expect, test } from "vitest";
import { loadSettings } from "../../../components/settings/index.ts";
import { parseSite } from "../../../components/settings/site.ts";
import { builders } from "../../../phases/index.ts";
import { RULES } from "../../../policies/rules/index.ts";
import { verdictsOf } from "../../policies/judging.ts";
import { record, siteConfig } from "../../support/mocks.ts";

const config = siteConfig(undefined, (all) => {
  Object.assign(all["twisterlab-edge:cluster"] as object, { kubeconfigFile: "/none/kubeconfig.yaml" });
  Object.assign(all["twisterlab-edge:host"]?.["ssh"] as object, { keyFile: "/none/id_ed25519" });
});
const build = (preview = true) =>
  record({ config, preview, stack: "edge-phase-3" }, () => builders[3]?.(loadSettings()));

test("registers what its golden file says", async () => {
  const { resources } = await build();
  const entryPoint = resources.find(({ name }) => name === "entry-point-install");
  // Its text has tests of its own, and would bury everything else here.
  Object.assign(entryPoint?.inputs ?? {}, { stdin: "(the bundle)", create: "(install)", update: "(install)" });
  for (const resource of resources) {
    delete resource.inputs["sha256"];
  }
  await expect(`${JSON.stringify(resources, null, 2)}\n`).toMatchFileSnapshot("__golden__/phase3.json");
});

test("says the order, the window, and what is not known yet", async () => {
  const { messages } = await build();
  await expect(`${messages.at(-1)?.text ?? ""}\n`).toMatchFileSnapshot("__golden__/phase3.messages.txt");
});

test("switches K3s' own balancer off last, when services have another", async () => {
  const { resources } = await build();
  expect(resources.find(({ name }) => name === "k3s-servicelb-yaml-apply")?.inputs["stdin"]).toContain(
    "confirm_within: 90",
  );
  expect(resources.find(({ name }) => name === "k3s-servicelb")?.dependsOn).toContain("metallb-advertisement");
});

test("passes the policy pack", async () => {
  const { resources } = await build();
  const values = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, JSON.parse(value) as unknown]));
  const site = parseSite(values, { file: "Pulumi.edge.yaml" });
  const onCluster = resources.filter(({ type }) => type.startsWith("kubernetes:"));
  const refused = RULES.filter(({ level }) => level === "mandatory").flatMap((rule) =>
    verdictsOf(rule, onCluster, { site, now: new Date() }).map(({ message }) => `${rule.name} ${message}`),
  );
  // What nobody has written down yet is not held against the pool before up.
  expect(refused.filter((text) => !text.includes("which is unknown"))).toEqual([]);
});

test("is not applied while nobody knows which addresses are taken", async () => {
  await expect(build(false)).rejects.toThrow(/network\.gateway[^]*network\.dhcpRange/);
});
