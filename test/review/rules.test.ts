import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDigest } from "../../review/digest.ts";
import { changesOf } from "../../review/plan.ts";
import { judge, RULES } from "../../review/rules/index.ts";
import { longestGap } from "../../review/rules/rpoWorsened.ts";
import { BAD_CHANGES } from "./badChanges.ts";
import { GOOD_CHANGES } from "./goodChanges.ts";
import { HIDDEN_CHANGES } from "./hiddenChanges.ts";
import { findingsOf, object, planOf, pods, rulesOf, UNKNOWN, type Inputs, type Written } from "./plans.ts";

test.each(BAD_CHANGES)("refused: $name", ({ rules, steps, more }) => {
  const findings = findingsOf(steps, more);
  expect([...new Set(findings.map(({ rule }) => rule))].sort()).toEqual([...rules].sort());
  for (const { why, wayOut, resource } of findings) {
    expect([why, wayOut, resource].every((text) => text.length > 3)).toBe(true);
  }
});

test.each(GOOD_CHANGES)("accepted: $name", ({ steps, outputs }) => {
  expect(findingsOf(steps, outputs === undefined ? {} : { outputs })).toEqual([]);
});

test("every rule refuses something in the corpus, and says why it is there", () => {
  const named = new Set(BAD_CHANGES.flatMap(({ rules }) => rules));
  expect(RULES.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
  for (const { reason, refuses, source, example } of RULES) {
    expect([reason, refuses, source].every((text) => text.length > 20)).toBe(true);
    expect([example.refused, example.accepted].every((text) => text.length > 10)).toBe(true);
  }
});

describe("what cannot be seen is refused, and never passed over", () => {
  test.each(HIDDEN_CHANGES.flatMap((each) => [["[secret]", each] as const, [UNKNOWN, each] as const]))(
    "%s: $name",
    (value, { steps, rule }) => {
      const found = findingsOf(steps(value)).filter((finding) => finding.rule === rule);
      expect(found.map(({ undecided }) => undecided)).toContain(true);
      expect(JSON.stringify(found)).not.toContain(UNKNOWN);
    },
  );

  test("a connection that is secret as a whole, of a command that no component tells the machine of", () => {
    const steps = (within: string[]): Written[] => [
      {
        type: "command:remote:Command",
        name: "a",
        within,
        old: { create: "a", connection: "[secret]" },
        new: { create: "a", connection: "[secret]" },
        differs: ["connection"],
      },
    ];
    expect(rulesOf(steps([]))).toEqual(["wrong-host"]);
    expect(rulesOf(steps(["twisterlab:host:MountOptions"]))).toEqual([]);
  });

  test("an undo that is secret, of a command that is replaced", () => {
    const inputs = { create: "a", delete: "[secret]" };
    const steps: Written[] = [
      {
        type: "command:remote:Command",
        name: "a",
        op: "replace",
        old: inputs,
        new: inputs,
        replacedFor: "triggers[0]",
      },
    ];
    expect(findingsOf(steps).find(({ rule }) => rule === "rollback-after-replace")?.undecided).toBe(true);
  });
});

describe("what is not there any more", () => {
  test.each([
    [
      "a retention",
      { type: "twisterlab:host:K3sBackup", name: "a", old: { retention: 7 }, new: {} },
      "retention-lowered",
    ],
    [
      "a volume's size",
      { type: "twisterlab:host:LogicalVolume", name: "a", old: { size: 7 }, new: {} },
      "volume-shrink",
    ],
    ["an alarm's limit", { type: "twisterlab:host:BackupLog", name: "a", old: { maxAge: 7 }, new: {} }, "rpo-worsened"],
  ] as [string, Written, string][])("%s counts as the worst", (_, step, rule) => {
    expect(rulesOf([step])).toEqual([rule]);
  });

  test("what was not there before is no loss", () => {
    const steps: Written[] = [
      { type: "twisterlab:host:K3sBackup", name: "a", old: {}, new: { retention: 1 } },
      { type: "command:remote:Command", name: "b", old: { create: "a" }, new: { create: "a", delete: "undo" } },
    ];
    expect(findingsOf(steps)).toEqual([]);
  });
});

describe("rules across resources", () => {
  test("a default-deny goes with its namespace", () => {
    const deny = object("NetworkPolicy", "deny", { spec: { podSelector: {} } });
    const steps: Written[] = [
      { type: "networking.k8s.io/v1:NetworkPolicy", name: "deny", old: deny },
      { type: "core/v1:Namespace", name: "ns", old: { metadata: { name: "twisterlab" } }, retainOnDelete: true },
    ];
    expect(rulesOf(steps)).toEqual([]);
    expect(rulesOf(steps.slice(0, 1))).toEqual(["network-opened"]);
  });

  test("pods stay covered by another policy, found by an expression", () => {
    const spec = (podSelector: Inputs): Inputs =>
      object("NetworkPolicy", "p", { spec: { podSelector, policyTypes: ["Ingress"] } });
    const workload: Written = {
      type: "apps/v1:Deployment",
      name: "a",
      op: "same",
      old: object("Deployment", "a", { spec: pods("a:1", { app: "a", tier: "db" }) }),
      new: object("Deployment", "a", { spec: pods("a:1", { app: "a", tier: "db" }) }),
    };
    const covered = (expression: Inputs): string[] =>
      rulesOf([
        { type: "networking.k8s.io/v1:NetworkPolicy", name: "one", old: spec({ matchLabels: { app: "a" } }) },
        {
          type: "networking.k8s.io/v1:NetworkPolicy",
          name: "two",
          new: { ...spec({ matchExpressions: [expression] }), metadata: { name: "q", namespace: "twisterlab" } },
        },
        workload,
      ]);
    expect(covered({ key: "tier", operator: "In", values: ["db"] })).toEqual([]);
    expect(covered({ key: "tier", operator: "Exists" })).toEqual([]);
    expect(covered({ key: "tier", operator: "NotIn", values: ["db"] })).toEqual(["network-opened"]);
    expect(covered({ key: "tier", operator: "DoesNotExist" })).toEqual(["network-opened"]);
    expect(covered({ key: "tier", operator: "Fits" })).toEqual(["network-opened"]);
  });

  test("what drifted on the host is put back by commands alone, and counts among what restarts", () => {
    const again = (name: string): Written => ({
      type: "command:remote:Command",
      name: `${name}-apply`,
      within: ["twisterlab:host:HostFile"],
      old: { create: "put --revision 1" },
      new: { create: "put --revision 2" },
    });
    const item = {
      state: "differs",
      sentence: "s",
      wanted: "w",
      observed: "o",
      why: "w",
      revision: 2,
      undo: "u",
    } as const;
    const items = [
      { ...item, name: "docker", restarts: [{ service: "Docker", meanwhile: "m" }] },
      { ...item, name: "k3s", restarts: [{ service: "K3s", meanwhile: "m" }] },
    ] as const;
    expect(rulesOf([again("docker"), again("k3s")], { items })).toEqual(["change-budget"]);
    expect(rulesOf([again("docker"), again("motd")], { items })).toEqual([]);
  });

  test("a host item that cannot be applied cannot be approved either", () => {
    const items = [
      {
        name: "root-volume",
        state: "differs",
        sentence: "is never shrunk",
        wanted: "1",
        observed: "2",
        refused: true,
        why: "w",
        revision: 1,
        undo: "u",
      },
    ] as const;
    expect(findingsOf([], { items })).toMatchObject([{ rule: "on-the-spot", why: "is never shrunk", final: true }]);
  });
});

test.each([
  ["0 2 * * *", 24],
  ["0 2,14 * * *", 12],
  ["0 4 * * 0", 168],
  ["0 0 1 * *", 31 * 24],
  ["*/15 * * * *", 0.25],
  ["* 1-8 * * *", 16 + 1 / 60],
])("%s comes every %d h at most", (schedule, hours) => {
  expect(longestGap(schedule)).toBe(hours * 3_600_000);
});

test("what is no schedule, or is due once, has no gap", () => {
  expect(longestGap("nonsense")).toBeUndefined();
  expect(longestGap("0 0 30 2 *")).toBeUndefined();
});

describe("plans that the engine has printed", () => {
  const rulesOfFile = (name: string): string[] => {
    const text = readFileSync(join(import.meta.dirname, `fixtures/${name}.json`), "utf8");
    const changes = changesOf(parseDigest(text, "v3.250.0"));
    return [...new Set(judge({ ...planOf([]), changes }).map(({ rule }) => rule))];
  };

  test.each([
    ["firstUp", []],
    ["volumeGrowsDockerWeakened", ["daemon-json"]],
    ["replacedAfterRefresh", ["rollback-after-replace"]],
    ["destroyAfterRefresh", []],
  ])("%s", (name, rules) => {
    expect(rulesOfFile(name)).toEqual(rules);
  });
});
