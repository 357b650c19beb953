import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Captured } from "../../../cli/capture.ts";
import { RULES } from "../../../policies/rules/index.ts";
import { corpus, stateOf, type Entry } from "../../policies/corpus/corpus.ts";
import type { Plain } from "../../policies/table.ts";
import { checkout, type Checkout } from "../../support/checkout.ts";
import { FROZEN_SITE_FILE } from "../../support/mocks.ts";
import { plainPulumi } from "../../support/plainPulumi.ts";

const PROJECT = resolve(import.meta.dirname, "../../..");

let folder: string;
let pulumi: Awaited<ReturnType<typeof plainPulumi>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-policies-"));
  const site = { PULUMI_OPTION_CONFIG_FILE: join(PROJECT, FROZEN_SITE_FILE) };
  pulumi = await plainPulumi(folder, PROJECT, { NO_COLOR: "1", ...site });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let states = 0;

/** Has the engine look at a state with a pack. */
function analyze(resources: readonly Plain[], more: string[] = [], pack = "policies", env = {}): Promise<Captured> {
  const file = join(folder, `state-${(states += 1)}.json`);
  writeFileSync(file, stateOf(resources));
  return pulumi(["policy", "analyze", "--file", file, "--policy-pack", pack, ...more], env);
}

/** `rule resource` of each violation, the mandatory ones alone. */
function refusals({ stdout }: Captured): string[] {
  return [...stdout.matchAll(/\[mandatory\] +([a-z0-9-]+) +\(\S+: ([^)]+)\)/g)].map(
    ([, rule, name]) => `${rule ?? ""} ${name ?? ""}`,
  );
}

describe("the corpus of bad states", () => {
  const entries = corpus("bad.yaml");
  const isRefused = ({ name, rule = "" }: Entry, told: string[]): boolean =>
    told.some((line) => line === `${rule} ${name}` || line.startsWith(`${rule} ${name}-`));

  test("has one for each mandatory rule", () => {
    const names = new Set(entries.map(({ rule }) => rule));
    expect(
      RULES.filter(({ name, level }) => level === "mandatory" && !names.has(name)).map(({ name }) => name),
    ).toEqual([]);
  });

  test("is refused, each by the rule that it names", async () => {
    const together = entries.filter(({ alone }) => alone !== true);
    const run = await analyze(together.flatMap(({ resources }) => resources));
    expect(run.code).not.toBe(0);
    const told = refusals(run);
    expect(together.filter((entry) => !isRefused(entry, told)).map(({ name }) => name)).toEqual([]);
  });

  test.each(entries.filter(({ alone }) => alone === true).map((entry) => [entry.name, entry] as const))(
    "%s is refused by itself",
    async (_, entry) => {
      const run = await analyze(entry.resources);
      expect(run.code).not.toBe(0);
      expect(refusals(run)).toSatisfy((told: string[]) => isRefused(entry, told));
    },
  );
});

test("the corpus of good states passes", async () => {
  const entries = corpus("good.yaml");
  expect(entries.length).toBeGreaterThanOrEqual(30);
  const run = await analyze(entries.flatMap(({ resources }) => resources));
  expect(refusals(run)).toEqual([]);
  expect(run).toMatchObject({ code: 0 });
});

describe("a hole that would let everything pass", () => {
  const good = (): Plain[] =>
    corpus("good.yaml")
      .flatMap(({ resources }) => resources)
      .slice(0, 1);
  const pack = (name: string, main: string): string => {
    const place = join(folder, name);
    mkdirSync(place);
    symlinkSync(join(PROJECT, "node_modules"), join(place, "node_modules"));
    writeFileSync(join(place, "PulumiPolicy.yaml"), "runtime: nodejs\nmain: main.cjs\n");
    writeFileSync(join(place, "package.json"), `{ "name": "${name}", "version": "0.0.1", "main": "main.cjs" }`);
    writeFileSync(join(place, "main.cjs"), main);
    return place;
  };

  test("a pack that is missing", async () => {
    const { code } = await analyze(good(), [], join(folder, "nowhere"));
    expect(code).not.toBe(0);
  });

  test("a pack that does not start", async () => {
    const { code, stdout, stderr } = await analyze(good(), [], pack("broken", `throw new Error("it does not start");`));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("it does not start");
  });

  test("a rule that throws", async () => {
    const main = `const { PolicyPack } = require("@pulumi/policy");
      new PolicyPack("throws", { policies: [{ name: "throws", description: "x", enforcementLevel: "advisory",
        validateResource: () => { throw new Error("the rule is broken"); } }] });`;
    const { code, stdout, stderr } = await analyze(good(), [], pack("throws", main));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("the rule is broken");
  });

  test("a pack that was not told the site", async () => {
    const { code, stdout, stderr } = await analyze(good(), [], "policies", { PULUMI_OPTION_CONFIG_FILE: "" });
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("Policy pack: configuration has no configuration of the site");
    expect(stdout + stderr).not.toMatch(/^\s+at /m);
  });

  test.each([
    ["pod-not-privileged", { "pod-not-privileged": "disabled" }],
    ["pod-not-privileged", { "pod-not-privileged": { enforcementLevel: "advisory" } }],
    ["one of them", { all: "disabled" }],
  ])("a configuration that makes %s softer", async (_, config) => {
    const file = join(folder, `config-${(states += 1)}.json`);
    writeFileSync(file, JSON.stringify(config));
    const { code, stdout, stderr } = await analyze(good(), ["--policy-pack-config", file]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/--policy-pack-config makes [a-z-]+ (disabled|advisory)/);
  });
});

describe("EdgeServer's own phases", { timeout: 300_000 }, () => {
  let edge: Checkout;
  beforeAll(() => {
    edge = checkout();
  });
  afterAll(() => {
    edge.remove();
  });

  test.each(["0", "1"])("pass: phase %s, with what is not known yet told apart", async (phase) => {
    const { code, stdout } = await edge.npm(["preview", "--", phase, "--policy-pack", "policies"]);
    expect(code).toBe(0);
    expect(stdout).toContain("twisterlab-edge@v0.1.0");
    expect(stdout).not.toContain("[mandatory]");
    expect(stdout).not.toContain("can't run policy");
    expect(stdout).toMatch(
      /\[advisory\] +not-ready-to-apply[^]*connection is not known yet: [^\n]*entry-point-install/,
    );
  });

  test("pass: phase 4, on a machine that has seen neither the host nor the cluster", async () => {
    const { code, stdout } = await edge.npm(["preview", "--", "4", "--policy-pack", "policies"]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/\[mandatory\]|\[advisory\]|can't run policy/);
    expect(stdout).toContain("Cluster not read: there is no kubeconfig");
    expect(stdout).toContain("Who may reach whom. Before: not known");
    expect(stdout).toMatch(/twisterlab\/redis-exporter, +│ twisterlab\/redis +│ not known +│ 6379/);
    expect(stdout).toContain("phase4.addresses.upstream-dns");
  });

  test("an exemption of the site file is listed, and one that is refused stops the preview", async () => {
    const extra = { "insecure-registries": ["192.168.0.30:8090"] };
    edge.edit([[["twisterlab-edge:phase1", "docker", "extra"], extra]]);
    const refused = await edge.npm(["preview", "--", "1", "--policy-pack", "policies"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toMatch(
      /\[mandatory\] +docker-registries-secure +\(twisterlab:host:HostFile: docker-daemon-json\)/,
    );
    const exemption = {
      rule: "docker-registries-secure",
      resource: "docker-daemon-json",
      reason: "Harbor moves in phase 1",
      until: "2099-12-31",
    };
    edge.edit([[["twisterlab-edge:policies", "exemptions"], [exemption]]]);
    const exempt = await edge.npm(["preview", "--", "1", "--policy-pack", "policies"]);
    expect(exempt.code).toBe(0);
    expect(exempt.stdout).toContain(
      "docker-registries-secure lets docker-daemon-json pass until 2099-12-31: Harbor moves in phase 1",
    );
  });
});
