import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Captured } from "../../cli/capture.ts";
import { checkout, type Checkout } from "../support/checkout.ts";

interface Step {
  op: string;
  urn: string;
  newState?: { type: string; inputs?: Record<string, unknown>; protect?: boolean };
}

interface Plan {
  steps: Step[];
  diagnostics?: { severity: string; message: string }[];
  changeSummary: Record<string, number>;
}

let edge: Checkout;
let siteFile: string;
let first: Captured;

beforeAll(async () => {
  edge = checkout();
  siteFile = edge.read("Pulumi.edge.yaml");
  first = await edge.npm(["preview", "--", "1"]);
});

afterAll(() => {
  edge.remove();
});

describe("the first preview on a fresh machine", () => {
  test("shows what phase 1 will do, and nothing else", () => {
    expect(first.stderr).toMatch(/^A new passphrase protects.*\nPulumi\.edge\.yaml got its encryptionsalt.*\n$/);
    expect(first.code).toBe(0);
    expect(first.stdout).toContain("Previewing update (edge-phase-1)");
    expect(first.stdout).not.toMatch(/warning|deprecat|\$PATH/i);
    const items = [
      "entry-point",
      "root-volume",
      "mount-options",
      "docker-daemon-json",
      "k3s-registries-yaml",
      "disk-benchmark",
    ];
    for (const [index, item] of items.entries()) {
      expect(first.stdout).toMatch(
        new RegExp(`\\n    ${index + 1}\\. ${item} \\(not measured\\): \\S.*\\n       because \\w`),
      );
    }
    expect(first.stdout).toContain(
      "/dev/ubuntu-vg/ubuntu-lv grows from 100 GiB (by the records; what is there decides) to 150 GiB",
    );
    expect(first.stdout).toContain("- twisterlab-edge:host.ssh.hostKey");
    // As many as the README shows.
    const [shown = "nothing"] = /\+ \d+ to create/.exec(edge.read("README.md")) ?? [];
    expect(first.stdout).toContain(`${shown}\n`);
  });

  test("adds one line to the site file and leaves no stack file", () => {
    const lines = edge.read("Pulumi.edge.yaml").split("\n");
    const added = lines.filter((line) => !siteFile.split("\n").includes(line));
    expect(added).toEqual([expect.stringMatching(/^encryptionsalt: v1:/)]);
    expect(lines.filter((line) => line !== added[0]).join("\n")).toBe(siteFile);
    expect(readdirSync(edge.folder).filter((name) => name.startsWith("Pulumi."))).toEqual([
      "Pulumi.edge.yaml",
      "Pulumi.yaml",
    ]);
  });

  test("keeps state and passphrase out of the checkout, closed to others", () => {
    const state = join(edge.home, ".local/share/twisterlab-edge/state");
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(existsSync(join(state, ".pulumi/stacks/twisterlab-edge/edge-phase-1.json"))).toBe(true);
    expect(statSync(join(edge.home, ".config/twisterlab-edge/passphrase")).mode & 0o777).toBe(0o600);
  });
});

test("the second preview says the same, without a notice", async () => {
  const second = await edge.npm(["preview", "--", "1"]);
  expect(second).toMatchObject({ code: 0, stderr: "" });
  const lines = (output: string) =>
    output
      .split("\n")
      .filter((line) => / [+] /.test(line) && !line.includes("@"))
      .sort();
  expect(new Set(lines(second.stdout))).toEqual(new Set(lines(first.stdout)));
});

describe("the plan as JSON", () => {
  let plan: Plan;
  beforeAll(async () => {
    const { stdout } = await edge.npm(["preview", "--", "1", "--json"]);
    plan = JSON.parse(stdout) as Plan;
  });

  const step = (name: string): Step["newState"] =>
    plan.steps.find(({ urn, newState }) => urn.endsWith(`::${name}`) && !newState?.type.startsWith("twisterlab:"))
      ?.newState;

  test("creates everything, through providers that we name", () => {
    const others = plan.steps.filter(({ op }) => op !== "create");
    // The stack reads what it kept itself when it was last applied.
    expect(others.map(({ op, newState }) => [op, newState?.type])).toEqual([["read", "pulumi:pulumi:StackReference"]]);
    const providers = plan.steps.filter(({ newState }) => newState?.type.startsWith("pulumi:providers:"));
    expect(providers.map(({ urn }) => urn.split("::").at(-1)).sort()).toEqual(["cluster", "host"]);
    expect(step("cluster")?.inputs).toMatchObject({ clusterIdentifier: "edgeserver-k3s" });
  });

  test("has the real inputs: daemon.json, the volume's size, the namespace's labels and quota", () => {
    expect(step("docker-daemon-json-apply")?.inputs?.["stdin"]).toContain('"max-size": "10m"');
    expect(step("root-volume-apply")?.inputs?.["stdin"]).toContain(`size_bytes: ${150 * 2 ** 30}\n`);
    expect(step("root-volume-apply")?.inputs).not.toHaveProperty("delete");
    expect(step("registry-namespace")).toMatchObject({
      protect: true,
      inputs: { metadata: { name: "harbor", labels: { "pod-security.kubernetes.io/enforce": "baseline" } } },
    });
    expect(step("registry-namespace-quota")?.inputs).toMatchObject({ spec: { hard: { "limits.memory": "5Gi" } } });
  });

  test("has no warning", () => {
    expect((plan.diagnostics ?? []).filter(({ severity }) => severity !== "info")).toEqual([]);
  });
});

test("plain pulumi does the same with the environment that doctor prints", async () => {
  const { stdout: exports, code } = await edge.npm(["doctor", "--", "--env"]);
  expect(code).toBe(0);
  const names = ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_OPTION_CONFIG_FILE"];
  expect(
    exports
      .trim()
      .split("\n")
      .map((line) => /^export (\w+)='/.exec(line)?.[1]),
  ).toEqual(names);
  writeFileSync(join(edge.home, "env.sh"), exports);
  const plain = await edge.run("bash", ["-c", `. ${edge.home}/env.sh && pulumi preview -s edge-phase-1 --json`]);
  const ours = await edge.npm(["preview", "--", "1", "--json"]);
  const steps = (text: string) =>
    (JSON.parse(text) as Plan).steps.map(({ op, urn, newState }) => [op, urn, newState?.inputs]).sort();
  expect(plain.code).toBe(0);
  expect(steps(plain.stdout)).toEqual(steps(ours.stdout));
});

test("plain pulumi without the site file gets one clear sentence", async () => {
  const plain = await edge.run("bash", [
    "-c",
    `. ${edge.home}/env.sh && unset PULUMI_OPTION_CONFIG_FILE && pulumi preview -s edge-phase-1 --non-interactive`,
  ]);
  expect(plain.code).not.toBe(0);
  expect(plain.stdout + plain.stderr).toContain("PULUMI_OPTION_CONFIG_FILE=Pulumi.edge.yaml");
  expect(plain.stdout + plain.stderr).not.toMatch(/^\s+at /m);
  // Pulumi itself writes a stack file when it was told of none.
  expect(readdirSync(edge.folder).filter((name) => name.includes("-phase-"))).toSatisfy((names: string[]) =>
    names.every((name) => name === "Pulumi.edge-phase-1.yaml"),
  );
});

test("--diff shows the content of the file that will change", async () => {
  const { stdout, code } = await edge.npm(["preview", "--", "1", "--diff"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/content : \(json\) \{\n.*default-ulimits/);
  expect(stdout).toMatch(/max-concurrent-downloads: 3\n/);
  expect(stdout).not.toContain("outlive_connection");
});

test("up is refused while the host key is unknown, before Pulumi starts", async () => {
  const { stdout, stderr, code } = await edge.npm(["up", "--", "1", "--yes"]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("error: up is refused, because this is missing:\n");
  expect(stderr).toContain("- twisterlab-edge:host.ssh.hostKey");
  expect(stderr).toContain("- kubeconfig: there is none");
});

test("plain pulumi up is refused by the program itself, and nothing is created", async () => {
  const plain = await edge.run("bash", [
    "-c",
    `. ${edge.home}/env.sh && pulumi up -s edge-phase-1 --yes --skip-preview --non-interactive`,
  ]);
  expect(plain.code).not.toBe(0);
  expect(plain.stdout).toContain("nothing was applied, because this is missing:");
  expect(plain.stdout).not.toMatch(/^\s+at /m);
  const state = join(edge.home, ".local/share/twisterlab-edge/state/.pulumi/stacks/twisterlab-edge/edge-phase-1.json");
  const { checkpoint } = JSON.parse((await edge.run("cat", [state])).stdout) as {
    checkpoint: { latest?: { resources?: { type: string }[] } };
  };
  expect((checkpoint.latest?.resources ?? []).map(({ type }) => type)).toSatisfy((types: string[]) =>
    types.every((type) => type === "pulumi:pulumi:Stack"),
  );
});
