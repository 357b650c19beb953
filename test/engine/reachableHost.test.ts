import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkout, type Checkout } from "../support/checkout.ts";
import { SSH_PACKAGES, startSshServer, type SshServer } from "../support/sshServer.ts";
import { requireSystemPackages } from "../support/systemPackages.ts";

/**
 * A real SSH server that keeps what it is asked and changes nothing: it answers `observe` with given facts, and every
 * other command with success. What the commands do on a real host is tested in a virtual machine.
 */
let server: SshServer;
let edge: Checkout;
let folder: string;

const MACHINE_ID = "0123456789abcdef0123456789abcdef";

beforeAll(async () => {
  requireSystemPackages(SSH_PACKAGES);
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-host-"));
  const script = join(folder, "answer.sh");
  writeFileSync(
    script,
    `#!/bin/bash
echo "$SSH_ORIGINAL_COMMAND" >>${folder}/commands
cat >>${folder}/input
case $SSH_ORIGINAL_COMMAND in *" observe") cat ${folder}/facts ;; *) echo done ;; esac
`,
  );
  chmodSync(script, 0o755);
  server = await startSshServer({ config: [`ForceCommand ${script}`] });

  edge = checkout();
  mkdirSync(join(edge.home, ".ssh"));
  writeFileSync(join(edge.home, ".ssh/id_ed25519"), server.privateKey, { mode: 0o600 });
  mkdirSync(join(edge.home, ".kube"));
  writeFileSync(join(edge.home, ".kube/twisterlab-edge.yaml"), KUBECONFIG);
  edge.edit([
    [["twisterlab-edge:host", "address"], "127.0.0.1"],
    [["twisterlab-edge:host", "machineId"], MACHINE_ID],
    [["twisterlab-edge:host", "ssh", "user"], server.user],
    [["twisterlab-edge:host", "ssh", "port"], server.port],
    [["twisterlab-edge:host", "ssh", "hostKey"], server.hostKey.split(" ").slice(0, 2).join(" ")],
    [["twisterlab-edge:network", "cidr"], "127.0.0.0/24"],
    [["twisterlab-edge:cluster", "apiServer"], "https://127.0.0.1:1"],
    [["twisterlab-edge:phase3", "metalLb", "pool"], "127.0.0.100-127.0.0.110"],
  ]);
});

afterAll(async () => {
  await server.stop();
  edge.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A cluster where nobody listens. */
const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{ name: edge, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: edge, user: {} }]
contexts: [{ name: edge, context: { cluster: edge, user: edge } }]
current-context: edge
`;

function giveFacts(rootVolume: number, daemonJson: string, machineId = MACHINE_ID): void {
  const vg = {
    vg_name: "ubuntu-vg",
    vg_size: 316753838080,
    vg_free: 316753838080 - rootVolume,
    vg_extent_size: 4194304,
  };
  const lv = { vg_name: "ubuntu-vg", lv_name: "ubuntu-lv", lv_size: rootVolume, lv_layout: "linear" };
  const root = { target: "/", source: "/dev/mapper/x", fstype: "ext4", options: "rw,relatime", size: 1, used: 1 };
  writeFileSync(
    join(folder, "facts"),
    [
      `== machine-id\n${machineId}`,
      `== volume-groups\n${JSON.stringify({ report: [{ vg: [{ ...vg, vg_missing_pv_count: 0 }] }] })}`,
      `== logical-volumes\n${JSON.stringify({ report: [{ lv: [lv] }] })}`,
      `== mounts\n${JSON.stringify({ filesystems: [root] })}`,
      `== docker-daemon\n${daemonJson}`,
      "== end\n\n",
    ].join("\n"),
  );
}

const GIB = 2 ** 30;

describe("a preview that reaches the host", () => {
  test("compares what is there with what is wanted, over one connection that only reads", async () => {
    giveFacts(100 * GIB, '{"log-driver": "local"}');
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("has 100 GiB, wanted 150 GiB, ubuntu-vg has 195 GiB free: grows by 50 GiB");
    expect(stdout).toContain('log-driver "local" -> "json-file"');
    expect(stdout).toContain("/ has rw,relatime: noatime,nodiratime added");
    expect(stdout).not.toContain("Host not read");
    expect(readFileSync(join(folder, "commands"), "utf8")).toBe("sudo -n bash -s -- observe\n");
  });

  test("says in sync of what is in sync", async () => {
    giveFacts(150 * GIB, "{}");
    const { stdout } = await edge.npm(["preview", "--", "1"]);
    expect(stdout).toContain("root-volume (in sync): /dev/ubuntu-vg/ubuntu-lv has 150 GiB");
  });

  test.each([
    [
      "another machine under the address",
      () => {
        giveFacts(150 * GIB, "{}", "f".repeat(32));
      },
      "is another machine",
    ],
    [
      "facts that are cut off",
      () => {
        writeFileSync(join(folder, "facts"), "== machine-id\n");
      },
      "could not be read",
    ],
  ])("is blind to %s, and says so", async (_, prepare, reason) => {
    prepare();
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Host not read: .*${reason}`));
    expect(stdout).toContain("root-volume (not measured): /dev/ubuntu-vg/ubuntu-lv");
  });

  test("asks nothing of a host that shows another key", async () => {
    writeFileSync(join(folder, "commands"), "");
    const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";
    const right = server.hostKey.split(" ").slice(0, 2).join(" ");
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], other]]);
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], right]]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Host not read: .*was not observed/);
    expect(readFileSync(join(folder, "commands"), "utf8")).toBe("");
  });

  test("waits at most 5 s for a host that takes the connection and says nothing", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer(() => undefined);
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    const { port } = silent.address() as { port: number };
    edge.edit([[["twisterlab-edge:host", "ssh", "port"], port]]);
    const started = Date.now();
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    const seconds = (Date.now() - started) / 1000;
    edge.edit([[["twisterlab-edge:host", "ssh", "port"], server.port]]);
    silent.close();
    expect(code).toBe(0);
    expect(stdout).toMatch(/Host not read: .*no answer within 5 s/);
    expect(seconds).toBeGreaterThan(5);
    expect(seconds).toBeLessThan(20);
  });
});

describe("doctor", () => {
  test("proposes the lines that the site file lacks, and changes nothing", async () => {
    giveFacts(100 * GIB, "{}");
    const right = server.hostKey.split(" ").slice(0, 2).join(" ");
    edge.edit([
      [["twisterlab-edge:host", "ssh", "hostKey"], "unknown"],
      [["twisterlab-edge:host", "machineId"], "unknown"],
    ]);
    const before = edge.read("Pulumi.edge.yaml");
    const { code, stdout } = await edge.npm(["doctor"]);
    expect(edge.read("Pulumi.edge.yaml")).toBe(before);
    edge.edit([
      [["twisterlab-edge:host", "ssh", "hostKey"], right],
      [["twisterlab-edge:host", "machineId"], MACHINE_ID],
    ]);
    expect(code).toBe(2);
    expect(stdout).toContain(`hostKey: ${right}`);
    expect(stdout).toContain(
      `machineId: "${MACHINE_ID}"`.replaceAll('"', stdout.includes(`"${MACHINE_ID}"`) ? '"' : ""),
    );
    expect(stdout).toMatch(/proved itself by the key SHA256:\S{43}/);
    expect(stdout).toContain("Still to be found by you");
  });
});

describe("secrets", () => {
  let password: string;

  test("are generated once, and stand encrypted in the site file", async () => {
    const before = edge.read("Pulumi.edge.yaml");
    const made = await edge.npm(["secrets"]);
    expect(made.code).toBe(0);
    const after = edge.read("Pulumi.edge.yaml");
    expect(after).toMatch(/registryPullPassword:\s+secure: v1:/);
    const added = after.split("\n").filter((line) => !before.split("\n").includes(line));
    expect(added).toHaveLength(3);
    expect(
      after
        .split("\n")
        .filter((line) => !added.includes(line))
        .join("\n")
        .trimEnd(),
    ).toBe(before.trimEnd());
    const again = await edge.npm(["secrets"]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain("has all secrets (1); nothing was changed");
    expect(edge.read("Pulumi.edge.yaml")).toBe(after);

    const { stdout: exports } = await edge.npm(["doctor", "--", "--env"]);
    writeFileSync(join(edge.home, "env.sh"), exports);
    const shown = await edge.run("bash", [
      "-c",
      `. ${edge.home}/env.sh && pulumi config get --path twisterlab-edge:secrets.registryPullPassword -s edge-phase-1`,
    ]);
    password = shown.stdout.trim();
    expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(after).not.toContain(password);
    expect(made.stdout + made.stderr).not.toContain(password);
  });

  test("and the SSH key are nowhere in clear: not in a preview, its JSON, an up, or the state", async () => {
    giveFacts(100 * GIB, "{}");
    const keyLine = server.privateKey.split("\n")[2] ?? "";
    expect(keyLine.length).toBeGreaterThan(40);
    const outputs = [
      await edge.npm(["preview", "--", "1", "--diff"]),
      await edge.npm(["preview", "--", "1", "--json"]),
      // The cluster is not there: its objects fail, the host's commands are done.
      await edge.npm(["up", "--", "1", "--yes", "--continue-on-error"]),
    ];
    expect(outputs.map(({ code }) => code === 0)).toEqual([true, true, false]);
    const state = readFileSync(
      join(edge.home, ".local/share/twisterlab-edge/state/.pulumi/stacks/twisterlab-edge/edge-phase-1.json"),
      "utf8",
    );
    expect(state).toContain("command:remote:Command");
    expect(state).toContain("k3s-registries-yaml-put");
    for (const text of [...outputs.map(({ stdout, stderr }) => stdout + stderr), state]) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(keyLine);
    }
    // The host did get it, by standard input and not in a command line.
    expect(readFileSync(join(folder, "input"), "utf8")).toContain(`password: ${password}`);
    expect(readFileSync(join(folder, "commands"), "utf8")).not.toContain(password);
  });

  test("the commands ran one after the other, in the order of the phase", () => {
    const commands = readFileSync(join(folder, "commands"), "utf8").split("\n");
    const applied = commands.filter((line) => line !== "" && !line.endsWith(" observe"));
    expect(applied.map((line) => line.replace(/^sudo -n (\/usr\/local\/sbin\/twisterlab-edge )?/, ""))).toEqual([
      expect.stringMatching(/^bash -s -- [0-9a-f]{64} edge-phase-1$/),
      "logical-volume grow",
      "mount-options put",
      "host-file put",
      "host-file put",
      "disk-benchmark run",
    ]);
  });

  test("a preview right after shows no change of the host", async () => {
    const { stdout } = await edge.npm(["preview", "--", "1", "--json"]);
    const { steps, changeSummary } = JSON.parse(stdout) as {
      steps: { op: string; urn: string }[];
      changeSummary: Record<string, number>;
    };
    // The cluster's objects could not be made; a step that changes nothing is only counted.
    expect(steps.filter(({ op }) => op !== "same").map(({ urn }) => urn.split("::").at(-1))).toEqual(
      expect.arrayContaining(["registry-namespace"]),
    );
    expect(steps.filter(({ op, urn }) => op !== "same" && /twisterlab:host|command:remote/.test(urn))).toEqual([]);
    expect(changeSummary["same"]).toBeGreaterThan(12);
  });
});
