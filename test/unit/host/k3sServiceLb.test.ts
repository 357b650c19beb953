import { expect, test } from "vitest";
import { planK3sServiceLb } from "../../../components/host/k3sServiceLb.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";

const PATH = "/etc/rancher/k3s/config.yaml.d/51-twisterlab-edge-servicelb.yaml";
const pool = "192.168.0.100-192.168.0.110";
const there = seen({ files: { [PATH]: fileFact("disable+:\n  - servicelb\n") } });
const absent = seen({ files: { [PATH]: null } });

test.each([
  ["blind", blind, "not measured", `are then reached at an address of ${pool}`],
  ["with the file", there, "in sync", `${PATH} is as wanted`],
  ["without it", absent, "differs", "after MetalLB and its pool are there, K3s is restarted"],
] as const)("%s", (_, observation, state, sentence) => {
  const plan = planK3sServiceLb({ pool, namesOnNode: [] }, observation);
  expect(plan).toMatchObject({ state, sentence: expect.stringContaining(sentence) as string });
  expect(plan).not.toHaveProperty("refused");
});

test("is refused while a name leads to the address that nothing would answer at", () => {
  const namesOnNode = ["harbor.twisterlab.local"];
  expect(planK3sServiceLb({ pool, namesOnNode }, absent)).toMatchObject({
    refused: true,
    sentence: expect.stringContaining("because harbor.twisterlab.local leads to the machine's own address") as string,
  });
  expect(planK3sServiceLb({ pool, namesOnNode }, there)).not.toHaveProperty("refused");
});
