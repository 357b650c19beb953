import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkout, type Checkout } from "../support/checkout.ts";

let edge: Checkout;

beforeEach(() => {
  edge = checkout();
});

afterEach(() => {
  edge.remove();
});

test("a broken site file shows every fault in one go, before anything is made", async () => {
  edge.edit([
    [["twisterlab-edge:host", "addres"], "192.168.0.30"],
    [["twisterlab-edge:host", "address"], undefined],
    [["twisterlab-edge:phase1", "storage", "size"], "150G"],
    [["twisterlab-edge:network", "podCidr"], "10.42.0.0/33"],
    [["twisterlab-edge:phase3", "metalLb", "pool"], "192.168.0.110-192.168.0.100"],
    [["twisterlab-edge:phase0", "backups", "postgres", "schedule"], "61 2 * * *"],
  ]);
  const { code, stdout, stderr } = await edge.npm(["preview", "--", "1"]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  for (const fault of ["addres", "storage.size", "podCidr", "metalLb.pool", "postgres.schedule"]) {
    expect(stderr).toContain(fault);
  }
  expect(stderr).toContain("Pulumi.edge.yaml");
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(existsSync(join(edge.home, ".config"))).toBe(false);
  expect(existsSync(join(edge.home, ".local"))).toBe(false);
});

test("of two first runs at once, one makes the stack and both show their preview", async () => {
  const runs = await Promise.all([edge.npm(["preview", "--", "1"]), edge.npm(["preview", "--", "1"])]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  expect(edge.read("Pulumi.edge.yaml").match(/^encryptionsalt: v1:/gm)).toHaveLength(1);
  expect((await edge.run("ls", [])).stdout).not.toContain(".new");
});

describe("one clear sentence for", () => {
  test("secrets whose salt is gone: no other salt and no other passphrase is made up", async () => {
    await edge.npm(["secrets"]);
    const encrypted = edge.read("Pulumi.edge.yaml");
    writeFileSync(join(edge.folder, "Pulumi.edge.yaml"), encrypted.replace(/^encryptionsalt.*\n/m, ""));
    const { code, stderr } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(2);
    expect(stderr).toContain("has encrypted secrets and no encryptionsalt line: restore that line");
    expect(edge.read("Pulumi.edge.yaml")).not.toContain("encryptionsalt");
  });

  test("a passphrase that is missing for an encrypted file", async () => {
    await edge.npm(["preview", "--", "1"]);
    await edge.run("rm", [join(edge.home, ".config/twisterlab-edge/passphrase")]);
    const { code, stderr } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: \S+Pulumi\.edge\.yaml is encrypted, and there is no passphrase for it: .*\n$/);
  });

  test("a wrong passphrase", async () => {
    await edge.npm(["preview", "--", "1"]);
    const { code, stdout, stderr } = await edge.npm(["preview", "--", "1"], { PULUMI_CONFIG_PASSPHRASE: "other" });
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("incorrect passphrase");
    expect(stdout + stderr).not.toMatch(/^\s+at /m);
  });

  test("an SSH key that is no key", async () => {
    mkdirSync(join(edge.home, ".ssh"));
    writeFileSync(join(edge.home, ".ssh/id_ed25519"), "nonsense");
    chmodSync(join(edge.home, ".ssh/id_ed25519"), 0o600);
    const { code, stdout, stderr } = await edge.npm(["preview", "--", "1"]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("is not a private key");
    expect(stdout + stderr).not.toMatch(/^\s+at /m);
  });

  test.each([
    [["preview", "--", "9"], "The plan has the phases 0 to 5."],
    [["preview", "--", "5"], "phase 5 is not declared yet"],
    [["up", "--", "1", "--site", "garage"], "no site file Pulumi.garage.yaml"],
  ])("npm run %j", async (words, sentence) => {
    const { code, stdout, stderr } = await edge.npm(words);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(sentence);
  });

  test("a phase that is not declared yet, asked of plain pulumi", async () => {
    await edge.npm(["preview", "--", "1"]);
    const { stdout: exports } = await edge.npm(["doctor", "--", "--env"]);
    writeFileSync(join(edge.home, "env.sh"), exports);
    const plain = await edge.run("bash", [
      "-c",
      `. ${edge.home}/env.sh && pulumi stack init edge-phase-5 >/dev/null && pulumi preview -s edge-phase-5 --non-interactive`,
    ]);
    expect(plain.code).not.toBe(0);
    expect(plain.stdout).toContain("phase 5 is not declared yet; declared: 0, 1, 3, 4");
  });
});

test("an object that goes through a provider nobody named is refused by the engine", async () => {
  await edge.npm(["preview", "--", "1"]);
  writeFileSync(
    join(edge.folder, "index.ts"),
    'import * as kubernetes from "@pulumi/kubernetes";\nnew kubernetes.core.v1.Namespace("stray", {});\n',
  );
  const { code, stdout } = await edge.npm(["preview", "--", "1"]);
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/default provider for 'kubernetes' disabled/i);
});
