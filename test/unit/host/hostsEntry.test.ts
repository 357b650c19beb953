import { expect, test } from "vitest";
import { planHostsEntry } from "../../../components/host/hostsEntry.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";

const wanted = { name: "harbor.twisterlab.local", address: "192.168.0.30" };
const plan = (hosts: string) => planHostsEntry(wanted, seen({ files: { "/etc/hosts": fileFact(hosts) } }));
const OURS = "192.168.0.30 harbor.twisterlab.local # twisterlab-edge\n";

test.each([
  ["127.0.0.1 localhost\n", "differs", "not in /etc/hosts yet"],
  [`127.0.0.1 localhost\n${OURS}`, "in sync", "as wanted"],
  [OURS.replace(".30", ".31"), "differs", "/etc/hosts has 192.168.0.31"],
  [`# 10.0.0.1 harbor.twisterlab.local\n`, "differs", "not in /etc/hosts yet"],
])("of %j it says", (hosts, state, observed) => {
  expect(plan(hosts)).toMatchObject({ state, observed });
  expect(plan(hosts)).not.toHaveProperty("refused");
});

test("another line with the name is refused, with the line", () => {
  const { refused, sentence } = plan(`10.0.0.1 registry HARBOR.twisterlab.local\n${OURS}`);
  expect(refused).toBe(true);
  expect(sentence).toContain('"10.0.0.1 registry HARBOR.twisterlab.local": up will refuse');
});

test("of a host that was not read, or whose file was not, it says what it wants", () => {
  for (const observation of [blind, seen({})]) {
    expect(planHostsEntry(wanted, observation)).toMatchObject({
      state: "not measured",
      sentence: "/etc/hosts says that harbor.twisterlab.local is 192.168.0.30; its other lines stay as they are",
    });
  }
});
