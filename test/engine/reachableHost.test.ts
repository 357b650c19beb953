import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ReportedItem } from "../../components/host/plan.ts";
import type { Checkout } from "../support/checkout.ts";
import { readStandIn, writeStandIn, type StandIn } from "../support/hostStandIn.ts";
import type { SshServer } from "../support/sshServer.ts";
import { approveAll, type ReviewedJson } from "../support/approvals.ts";
import { MACHINE_ID, startStandInHost, type StandInHost } from "../support/standInHost.ts";

let host: StandInHost;
let server: SshServer;
let edge: Checkout;
let folder: string;
let fresh: StandInHost["fresh"];
let harbor: object;

interface SiteFile {
  config: { "twisterlab-edge:phase1": { harbor: object } };
}

beforeAll(async () => {
  host = await startStandInHost();
  ({ server, edge, folder, fresh } = host);
  // No cluster listens: what that does to a phase with objects has a test of its own.
  harbor = (parse(edge.read("Pulumi.edge.yaml")) as SiteFile).config["twisterlab-edge:phase1"].harbor;
  edge.edit([[["twisterlab-edge:phase1", "harbor"], undefined]]);
});

afterAll(() => host.stop());

const GIB = 2 ** 30;

/** Something happens to the host that nobody told it to us. */
function change(edit: (host: StandIn) => void): void {
  const host = readStandIn(folder);
  edit(host);
  writeStandIn(folder, host);
}

/** The verbs that the host was asked for since the last call. */
function asked(): string[] {
  const commands = readFileSync(join(folder, "commands"), "utf8").trimEnd();
  writeFileSync(join(folder, "commands"), "");
  return commands
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      line.includes(" install -- ") ? "install" : line.replace(/^.*\/usr\/local\/sbin\/twisterlab-edge /, ""),
    );
}

describe("a preview that reaches the host", () => {
  test("compares what is there with what is wanted, over one connection that only reads", async () => {
    fresh();
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(0);
    expect(stdout).toContain("has 100 GiB, wanted 150 GiB, ubuntu-vg has 195 GiB free: grows by 50 GiB");
    expect(stdout).toContain('log-driver "local" -> "json-file"');
    expect(stdout).toContain(
      "/: /etc/fstab has defaults and it is mounted with rw,relatime, wanted noatime,nodiratime",
    );
    expect(stdout).not.toContain("Host not read");
    expect(asked()).toEqual(["observe"]);
  });

  test("says in sync of what is in sync", async () => {
    fresh({ rootVolume: 150 * GIB });
    const { stdout } = await edge.npm(["preview", "--", "1"]);
    expect(stdout).toContain("root-volume (in sync): /dev/ubuntu-vg/ubuntu-lv has 150 GiB");
  });

  test("says who has the host", async () => {
    fresh({ leaseOwner: "anna@desk pid 7 edge-phase-1" });
    const { stdout } = await edge.npm(["preview", "--", "1"]);
    expect(stdout).toContain("The host is held by anna@desk pid 7 edge-phase-1 for another 900 s: up is refused");
  });

  test.each([
    ["another machine under the address", { machineId: "f".repeat(32) }, "is another machine"],
    ["facts that are cut off", { answerCutAfter: 20 }, "could not be read"],
  ])("is blind to %s, and says so", async (_, answer, reason) => {
    fresh(answer);
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Host not read: .*${reason}`));
    expect(stdout).toContain("root-volume (not measured): /dev/ubuntu-vg/ubuntu-lv");
  });

  test("asks nothing of a host that shows another key", async () => {
    asked();
    const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";
    const right = server.hostKey.split(" ").slice(0, 2).join(" ");
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], other]]);
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], right]]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Host not read: .*was not observed/);
    expect(asked()).toEqual([]);
  });

  test("waits at most 5 s for a host that takes the connection and says nothing", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer(() => undefined);
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    const { port } = silent.address() as { port: number };
    edge.edit([
      [["twisterlab-edge:host", "ssh", "port"], port],
      [["twisterlab-edge:safety", "observeTimeout"], "5 s"],
    ]);
    const started = Date.now();
    const { code, stdout } = await edge.npm(["preview", "--", "1"]);
    const seconds = (Date.now() - started) / 1000;
    edge.edit([
      [["twisterlab-edge:host", "ssh", "port"], server.port],
      [["twisterlab-edge:safety", "observeTimeout"], "60 s"],
    ]);
    silent.close();
    expect(code).toBe(0);
    expect(stdout).toMatch(/Host not read: .*no answer within 5 s/);
    expect(seconds).toBeGreaterThan(5);
    // Not for ever; how long starting takes depends on the machine.
    expect(seconds).toBeLessThan(60);
  });
});

describe("doctor", () => {
  test("proposes the lines that the site file lacks, and changes nothing", async () => {
    fresh();
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
    fresh();
    asked();
    const keyLine = server.privateKey.split("\n")[2] ?? "";
    expect(keyLine.length).toBeGreaterThan(40);
    const outputs = [
      await edge.npm(["preview", "--", "1", "--diff"]),
      await edge.npm(["preview", "--", "1", "--json"]),
      await edge.npm(["up", "--", "1", "--yes"]),
    ];
    expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0]);
    const state = readFileSync(
      join(edge.home, ".local/share/twisterlab-edge/state/.pulumi/stacks/twisterlab-edge/edge-phase-1.json"),
      "utf8",
    );
    expect(state).toContain("command:remote:Command");
    expect(state).toContain("k3s-registries-yaml-apply");
    for (const text of [...outputs.map(({ stdout, stderr }) => stdout + stderr), state]) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(keyLine);
    }
    // The host did get it, by standard input and not in a command line.
    expect(readFileSync(join(folder, "input"), "utf8")).toContain(`password: ${password}`);
    expect(readFileSync(join(folder, "commands"), "utf8")).not.toContain(password);
  });

  test("the commands ran one after the other, each confirmed before the next, by a run that had the host", () => {
    expect(asked()).toEqual([
      // The previews, and the one that up shows first.
      "observe",
      "observe",
      "observe",
      "lease take",
      "observe",
      "install",
      "logical-volume grow --revision 1",
      "mount-options put --revision 1",
      "confirm --revision 1",
      "host-file put --revision 1",
      "confirm --revision 1",
      "host-file put --revision 1",
      "confirm --revision 1",
      "disk-benchmark run --revision 1",
      "lease release",
    ]);
    expect(readStandIn(folder).leaseOwner).toBeUndefined();
  });
});

describe("a secret that somebody has", () => {
  const shown = async (name: string) => {
    const show = `pulumi config get --path twisterlab-edge:secrets.${name} -s edge-phase-0`;
    const command = `eval "$(npm run --silent doctor -- --env)" && ${show}`;
    return (await edge.run("bash", ["-c", command])).stdout.trim();
  };
  /** The command, with a value by standard input. */
  const set = (name: string, value: string) =>
    edge.run("bash", ["-c", 'printf "%s" "$VALUE" | npm run --silent secrets -- --set "$NAME"'], {
      NAME: name,
      VALUE: value,
    });

  test("is taken from standard input, and stands encrypted in the site file", async () => {
    const value = "what+the/provider gave=1";
    const { code, stdout, stderr } = await set("backupCopySecretKey", `${value}\n`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain("wrote secrets.backupCopySecretKey");
    expect(stderr + edge.read("Pulumi.edge.yaml")).not.toContain(value);
    expect(await shown("backupCopySecretKey")).toBe(value);
  });

  test("takes the place of no other one", async () => {
    const before = edge.read("Pulumi.edge.yaml");
    const { code, stderr } = await set("backupCopySecretKey", "another");
    expect(code).toBe(2);
    expect(stderr).toContain("Pulumi.edge.yaml has secrets.backupCopySecretKey already: take it out of the file first");
    expect(edge.read("Pulumi.edge.yaml")).toBe(before);
  });

  test("is refused under an unknown name, when it is empty, and when it has several lines, without being repeated", async () => {
    const before = edge.read("Pulumi.edge.yaml");
    expect(await set("backupPassword", "x")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "there is no such secret; choose registryPullPassword, registryPushPassword,",
      ) as string,
    });
    for (const value of ["\n", "two\nlines", " around\u001b"]) {
      const { code, stderr } = await set("backupCopyAccessKey", value);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^error: the value was not taken: it must be one line, not empty, without blanks around it$/m,
      );
    }
    expect(edge.read("Pulumi.edge.yaml")).toBe(before);
  });

  test("is typed on a terminal without being seen", async () => {
    const typed = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("npm", ["npm", "run", "--silent", "secrets", "--", "--set", "backupCopyAccessKey"])
seen = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if b"does not show: " in part + seen and b"does not show: " not in seen:
        os.write(terminal, b"typed-by-hand\\r")
    seen += part
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
    const { code, stdout } = await edge.run("python3", ["-c", typed]);
    expect(stdout).toContain("wrote secrets.backupCopyAccessKey");
    expect(stdout).not.toContain("typed-by-hand");
    expect(code).toBe(0);
    expect(await shown("backupCopyAccessKey")).toBe("typed-by-hand");
  });
});

describe("after an up", () => {
  /** What a preview would do to the host. */
  const hostSteps = async () => {
    const { stdout } = await edge.npm(["preview", "--", "1", "--json"]);
    const { steps, changeSummary } = JSON.parse(stdout) as {
      steps: { op: string; urn: string }[];
      changeSummary: Record<string, number>;
    };
    expect(changeSummary["same"]).toBeGreaterThan(12);
    // A step that changes nothing is only counted.
    return steps
      .filter(({ op, urn }) => op !== "same" && /twisterlab:host|command:remote/.test(urn))
      .map(({ op, urn }) => `${op} ${urn.split("::").at(-1) ?? ""}`);
  };
  const drift = async () => {
    const { code, stdout } = await edge.npm(["drift", "--", "1", "--json"]);
    const { items } = JSON.parse(stdout) as { items: ReportedItem[] };
    return { code, off: items.filter(({ state }) => state !== "in sync").map(({ name, state }) => `${name} ${state}`) };
  };

  test("the host is in sync, and a preview shows no change of it", async () => {
    expect(await drift()).toEqual({ code: 0, off: [] });
    expect(await hostSteps()).toEqual([]);
  });

  test("a host that cannot be read shows no change either", async () => {
    change((host) => (host.answerCutAfter = 20));
    expect(await hostSteps()).toEqual([]);
    expect((await drift()).code).toBe(21);
    change((host) => delete host.answerCutAfter);
  });

  test("what somebody changed by hand is drift, one update with both values, and mended by up", async () => {
    const path = "/etc/docker/daemon.json";
    const wanted = readStandIn(folder).files[path]?.content ?? "";
    change((host) => {
      Object.assign(host.files[path] ?? {}, { content: wanted.replace('"max-file": "3"', '"max-file": "9"') });
    });
    expect(await drift()).toEqual({ code: 20, off: ["docker-daemon-json differs"] });
    expect((await hostSteps()).sort()).toEqual([
      "update docker-daemon-json-apply",
      "update docker-daemon-json-confirm",
    ]);
    asked();
    const { stdout } = await edge.npm(["up", "--", "1", "--yes"]);
    expect(stdout).toContain('log-opts {"max-file":"9","max-size":"10m"} -> {"max-file":"3","max-size":"10m"}');
    expect(asked().filter((verb) => !/observe|lease/.test(verb))).toEqual([
      "host-file put --revision 2",
      "confirm --revision 2",
    ]);
    expect(readStandIn(folder).files[path]?.content).toBe(wanted);
    expect(await hostSteps()).toEqual([]);
  });

  test("an up is refused while another run has the host, which is told, and changes nothing", async () => {
    change((host) => (host.leaseOwner = "anna@desk pid 7 edge-phase-1"));
    asked();
    const { code, stdout } = await edge.npm(["up", "--", "1", "--yes", "--skip-preview"]);
    expect(code).not.toBe(0);
    expect(stdout).toContain("nothing was applied: ");
    expect(stdout).toContain("the host is held by 'anna@desk pid 7 edge-phase-1'");
    expect(stdout).not.toMatch(/^\s+at /m);
    // The review looks, and nobody does anything.
    expect(asked().filter((verb) => !/^(observe|lease take|lease release)$/.test(verb))).toEqual([]);
  });
});

test("a cluster that does not answer keeps no host item from being applied; its objects fail, and say so", async () => {
  fresh();
  edge.edit([[["twisterlab-edge:phase1", "harbor"], harbor]]);
  // Two items that restart a service at once, which a host that was made anew needs.
  approveAll(edge, JSON.parse((await edge.npm(["review", "--", "1", "--json"])).stdout) as ReviewedJson);
  asked();
  const { code, stdout } = await edge.npm(["up", "--", "1", "--yes", "--skip-preview"]);
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/The cluster was not read: .*\. The host's items are applied/);
  expect(stdout).toContain("Namespace harbor was not looked for, and so not made: ");
  const verbs = asked().map((verb) => verb.replace(/ --revision \d+$/, ""));
  expect(verbs.filter((verb) => !/observe|lease|confirm/.test(verb))).toEqual([
    "install",
    "logical-volume grow",
    "mount-options put",
    "host-file put",
    "host-file put",
    "disk-benchmark run",
  ]);
});
