import { expect, test } from "vitest";
import { loadSettings } from "../../../components/settings/index.ts";
import { builders } from "../../../phases/index.ts";
import { record, siteConfig, type Program } from "../../support/mocks.ts";

const build = (program: Program) => record(program, () => builders[1]?.(loadSettings()));

test("phase 1 of EdgeServer registers what its golden file says", async () => {
  const { resources } = await build({ config: siteConfig() });
  const entryPoint = resources.find(({ name }) => name === "entry-point-install");
  expect(entryPoint?.inputs["stdin"]).toContain("outlive_connection");
  // Its text has tests of its own, and would bury everything else here.
  Object.assign(entryPoint?.inputs ?? {}, { stdin: "(the bundle)", create: "(install)", update: "(install)" });
  for (const resource of resources) {
    delete resource.inputs["sha256"];
  }
  await expect(`${JSON.stringify(resources, null, 2)}\n`).toMatchFileSnapshot("__golden__/phase1.json");
});

test("the preview says in a line what happens to each host item, and what is not known yet", async () => {
  const { messages } = await build({ config: siteConfig() });
  await expect(
    `${messages.map(({ resource, text }) => `${resource ?? "stack"}: ${text}`).join("\n")}\n`,
  ).toMatchFileSnapshot("__golden__/phase1.messages.txt");
});
