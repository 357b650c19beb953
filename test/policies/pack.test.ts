import { createRequire } from "node:module";
import { resolve } from "node:path";
import type {
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packSite } from "../../components/settings/packSite.ts";
import { RULES } from "../../policies/rules/index.ts";
import { Field, Undecided, UNKNOWN } from "../../policies/support/field.ts";
import { keepLevels, refuseSofter } from "../../policies/support/levels.ts";
import { millicores, quantity } from "../../policies/support/quantity.ts";
import { clockChanges, runs, wall } from "../../policies/support/schedule.ts";
import { NOTES, policiesOf } from "../../policies/support/site/pack.ts";
import { FROZEN_SITE_FILE, siteConfig } from "../support/mocks.ts";
import { NOW, propsOf, siteOf, urnOf } from "./table.ts";

const HOST_FILE = "twisterlab:host:HostFile";
const COMMAND = "command:remote:Command";

interface Given {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

/** Runs a pack as Pulumi does: each resource through each policy, then the stack through those over it. */
function run(resources: Given[], change: Parameters<typeof siteOf>[0] = () => undefined): string[] {
  const told: string[] = [];
  const policies = policiesOf(RULES, { site: siteOf(change), now: NOW });
  const report = (policy: string) => (message: string, urn?: string) => {
    told.push(`${policy} ${urn?.split("::").at(-1) ?? "stack"}: ${message}`);
  };
  for (const { type, name, inputs } of resources) {
    const args = {
      type,
      name,
      urn: urnOf(type, name),
      props: inputs,
      opts: { protect: true },
    } as unknown as ResourceValidationArgs;
    for (const policy of policies.filter((each): each is ResourceValidationPolicy => "validateResource" in each)) {
      const validate = policy.validateResource as (args: ResourceValidationArgs, report: unknown) => void;
      validate(args, report(policy.name));
    }
  }
  const stack = resources.map(({ type, name }) => ({
    type,
    name,
    urn: urnOf(type, name),
    // What a provider makes of the inputs is not what the program asked for.
    props: {},
    opts: { protect: true },
    dependencies: [],
  })) as unknown as PolicyResource[];
  for (const policy of policies.filter((each): each is StackValidationPolicy => "validateStack" in each)) {
    void policy.validateStack({ resources: stack } as never, report(policy.name));
  }
  return told;
}

const daemon = (daemonJson: object, name = "docker-daemon-json"): Given => ({
  type: HOST_FILE,
  name,
  inputs: { path: "/etc/docker/daemon.json", content: JSON.stringify(daemonJson), activate: "none" },
});

describe("the pack", () => {
  test("tells each rule's violations under its name, with the resource", () => {
    const told = run([
      daemon({ "insecure-registries": ["192.168.0.30:8090"], "live-restore": true, "log-driver": "none" }),
    ]);
    expect(told.filter((line) => line.startsWith("docker-"))).toEqual([
      expect.stringMatching(
        /^docker-registries-secure docker-daemon-json: HostFile docker-daemon-json: insecure-registries\[0\] is /,
      ),
    ]);
  });

  test("looks at the inputs in rules over the stack too, and hands over what they have found", () => {
    const told = run([daemon({}), daemon({}, "again")]);
    expect(told).toContainEqual(expect.stringMatching(/^host-file-has-one-owner again: /));
  });

  test("takes a resource anew when it is looked at a second time, as in up", () => {
    const [first, second] = [{ "live-restore": false }, { "live-restore": true, "log-driver": "none" }];
    const told = run([daemon(first), daemon(second)]);
    expect(told.filter((line) => line.startsWith("docker-daemon-safe"))).toHaveLength(4 - 1);
  });

  test("tells once what only up can decide, with all that waits for it", () => {
    const connection = UNKNOWN;
    const told = run(
      ["one", "two"].map((name) => ({
        type: COMMAND,
        name,
        inputs: propsOf({ create: "sudo -n /usr/local/sbin/twisterlab-edge confirm --revision 1", connection }),
      })),
    );
    expect(told.filter((line) => line.startsWith(NOTES.pending))).toEqual([
      "not-ready-to-apply stack: connection is not known yet: one, two (remote-command-knows-host, host-is-the-site)",
    ]);
    expect(told.filter((line) => /^(remote-command-knows-host|host-is-the-site)/.test(line))).toEqual([]);
  });

  test("lists the exemptions, those that are over as well", () => {
    const exemption = (resource: string, until: string) => ({
      rule: "docker-registries-secure",
      resource,
      reason: "until Harbor moves",
      until,
    });
    const told = run(
      [daemon({ "insecure-registries": ["x"] }), daemon({ "insecure-registries": ["x"] }, "other")],
      (config) => {
        Object.assign(config["twisterlab-edge:policies"] ?? {}, {
          exemptions: [exemption("docker-*", "2026-11-27"), exemption("other", "2026-11-26")],
        });
      },
    );
    expect(told.filter((line) => line.startsWith(NOTES.exemptions))).toEqual([
      "exemptions stack: docker-registries-secure lets docker-* pass until 2026-11-27: until Harbor moves",
      "exemptions stack: the exemption of other from docker-registries-secure ended on 2026-11-26 and no longer counts: " +
        "take it out of Pulumi.edge.yaml, or renew it with a reason",
    ]);
    expect(
      told.filter((line) => line.startsWith("docker-registries-secure")).map((line) => line.split(" ")[1]),
    ).toEqual(["other:"]);
  });

  test("has each rule at its level", () => {
    const policies = policiesOf(RULES, { site: siteOf(), now: NOW });
    for (const { name, level } of RULES) {
      expect(policies.find((policy) => policy.name === name)?.enforcementLevel).toBe(level);
    }
    expect(policies).toHaveLength(RULES.length + Object.keys(NOTES).length);
  });
});

describe("a level by configuration", () => {
  test.each([
    ["pod-not-privileged", "disabled"],
    ["pod-not-privileged", "advisory"],
    ["pod-not-privileged", "remediate"],
    ["pod-not-privileged", "unknown"],
    ["image-by-digest", "disabled"],
    [NOTES.pending, "disabled"],
    [NOTES.exemptions, "disabled"],
  ])("%s cannot be made %s", (name, level) => {
    expect(() => {
      refuseSofter(RULES, name, level);
    }).toThrow(`--policy-pack-config makes ${name} ${level}`);
  });

  test.each([
    ["pod-not-privileged", "mandatory"],
    ["image-by-digest", "advisory"],
    ["image-by-digest", "mandatory"],
    [NOTES.pending, "advisory"],
  ])("%s may be %s", (name, level) => {
    expect(() => {
      refuseSofter(RULES, name, level);
    }).not.toThrow();
  });

  test("is read from the engine's own request", () => {
    const require = createRequire(import.meta.url);
    const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb") as {
      AnalyzerService: { configure: { requestDeserialize: (bytes: Uint8Array) => Message } };
    };
    const proto = require("@pulumi/pulumi/proto/analyzer_pb") as Record<string, new () => Message>;
    const kept = AnalyzerService.configure;
    keepLevels(RULES);
    try {
      const request = (level: number): Uint8Array => {
        const [policy, configure] = [create(proto["PolicyConfig"]), create(proto["ConfigureAnalyzerRequest"])];
        policy.setEnforcementlevel(level);
        configure.getPolicyconfigMap().set("pod-not-privileged", policy);
        return configure.serializeBinary();
      };
      expect(() => AnalyzerService.configure.requestDeserialize(request(2)).getPolicyconfigMap()).toThrow(
        "makes pod-not-privileged disabled",
      );
      expect(() => AnalyzerService.configure.requestDeserialize(request(0)).getPolicyconfigMap()).toThrow(
        "makes pod-not-privileged advisory",
      );
      expect(() => AnalyzerService.configure.requestDeserialize(request(1)).getPolicyconfigMap()).not.toThrow();
    } finally {
      AnalyzerService.configure = kept;
    }
  });
});

interface Message {
  setEnforcementlevel(level: number): void;
  getPolicyconfigMap(): Map<string, Message>;
  serializeBinary(): Uint8Array;
}

function create(type: (new () => Message) | undefined): Message {
  if (type === undefined) throw new Error("the SDK has no such message");
  return new type();
}

describe("the site that the pack goes by", () => {
  const names = ["PULUMI_CONFIG", "PULUMI_NODEJS_STACK", "PULUMI_OPTION_CONFIG_FILE"] as const;
  const folder = resolve(import.meta.dirname, "../..");
  let kept: (string | undefined)[];
  beforeEach(() => {
    kept = names.map((name) => process.env[name]);
    for (const name of names) Reflect.deleteProperty(process.env, name);
  });
  afterEach(() => {
    for (const [index, name] of names.entries()) {
      if (kept[index] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = kept[index];
    }
  });

  test("is the stack's configuration, without its secrets", () => {
    const config = siteConfig();
    config["twisterlab-edge:secrets"] = JSON.stringify({ registryPullPassword: "a secret that was decrypted" });
    process.env["PULUMI_CONFIG"] = JSON.stringify(config);
    process.env["PULUMI_NODEJS_STACK"] = "edge-phase-0";
    process.env["PULUMI_OPTION_CONFIG_FILE"] = "nowhere.yaml";
    const site = packSite(folder);
    expect(site.host.address).toBe("192.168.0.30");
    expect(site.givenSecrets).toEqual(["registryPullPassword"]);
    expect(JSON.stringify(site)).not.toContain("decrypted");
  });

  test("is the site file where there is no stack", () => {
    process.env["PULUMI_OPTION_CONFIG_FILE"] = "Pulumi.edge.yaml";
    expect(packSite(folder).site.name).toBe("edge");
  });

  test.each([
    ["no configuration", {}, "has no configuration of the site"],
    ["a file that is not there", { PULUMI_OPTION_CONFIG_FILE: "Pulumi.none.yaml" }, "does not exist"],
    [
      "a stack of another name",
      { PULUMI_CONFIG: JSON.stringify(siteConfig()), PULUMI_NODEJS_STACK: "dev" },
      "does not say site",
    ],
    [
      "the site of another stack",
      { PULUMI_CONFIG: JSON.stringify(siteConfig()), PULUMI_NODEJS_STACK: "paris-phase-0" },
      "is not the site",
    ],
    [
      "a fault in it",
      { PULUMI_CONFIG: JSON.stringify({ "twisterlab-edge:site": "{}" }), PULUMI_NODEJS_STACK: "edge-phase-0" },
      "is missing",
    ],
  ])("without it, the pack does not start: %s", (_, env, message) => {
    Object.assign(process.env, env);
    expect(() => packSite(folder)).toThrow(message);
  });

  test("is EdgeServer's in the tests", () => {
    expect(FROZEN_SITE_FILE).toContain("edgeServer");
  });
});

describe("values", () => {
  test.each([
    ["100m", 0.1],
    ["1", 1],
    [2, 2],
    ["1.5", 1.5],
    [".5", 0.5],
    ["1Ki", 1024],
    ["2Mi", 2 * 2 ** 20],
    ["1Gi", 2 ** 30],
    ["1k", 1000],
    ["1M", 1e6],
    ["1e3", 1000],
    ["12E2", 1200],
    ["1E", 1e18],
  ])("the quantity %s", (text, value) => {
    expect(quantity(new Field(text, "memory"))).toBe(value);
  });

  test.each(["", "-1", "1MB", "1 Gi", "m", "1e", "x1"])("no quantity: %j", (text) => {
    expect(() => quantity(new Field(text, "memory"))).toThrow(Undecided);
  });

  test("thousandths add up", () => {
    const sum = ["100m", "0.2", "0.1"]
      .map((text) => millicores(new Field(text)) ?? 0)
      .reduce((one, other) => one + other);
    expect(sum).toBe(400);
    expect(millicores(new Field("1u"))).toBe(1);
    expect(millicores(new Field(undefined))).toBeUndefined();
  });

  test("a field says where it stands, and what it is not", () => {
    const field = new Field({ a: [{ "b.c": 1 }], t: "x", n: null });
    expect(field.at("a", 0, "b.c").path).toBe('a[0]["b.c"]');
    expect(field.at("n").isAbsent).toBe(true);
    expect(field.at("x", "y", "z").value).toBeUndefined();
    expect(() => field.at("t", "deeper")).toThrow("t is neither a mapping nor a list");
    expect(() => field.at("t").number()).toThrow("t is not a number");
    expect(() => field.at("t").flag()).toThrow("t is not true or false");
    expect(() => field.at("t").list()).toThrow("t is not a list");
    expect(() => field.at("a").entries()).toThrow("a is not a mapping");
    expect(() => new Field(UNKNOWN).text()).toThrow("the resource is not known yet");
    expect([...new Field({ a: ["x", { b: "y" }], c: UNKNOWN, d: 1 }).everyText()].map(({ path }) => path)).toEqual([
      "a[0]",
      "a[1].b",
    ]);
  });

  test("clocks change twice a year in Paris, never in UTC", () => {
    expect(clockChanges("Europe/Paris", NOW).map((at) => at.toISOString())).toEqual([
      "2027-03-28T01:00:00.000Z",
      "2027-10-31T01:00:00.000Z",
    ]);
    expect(clockChanges("UTC", NOW)).toEqual([]);
  });

  test("what falls into the hour that is left out is left out, what falls into the repeated one runs twice", () => {
    const on = (day: string) =>
      runs("30 2 * * *", "Europe/Paris", new Date(`${day}T00:00:00+02:00`), new Date(`${day}T23:00:00+02:00`)).map(
        (at) => at.toISOString().slice(11, 16),
      );
    expect(on("2027-03-28")).toEqual([]);
    expect(on("2027-03-29")).toEqual(["00:30"]);
    expect(on("2027-10-31")).toEqual(["00:30", "01:30"]);
    expect(wall(new Date("2027-10-31T01:30:00Z"), "Europe/Paris")).toBe("02:30");
  });
});
