// What the typed settings hold besides the values themselves, and how a site file is found and read.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { keyOf, nearest, SettingsError, show } from "../../../components/settings/faults.ts";
import { isKnown } from "../../../components/settings/schema/build.ts";
import { parseSite } from "../../../components/settings/site.ts";
import { readSiteFile } from "../../../components/settings/siteFile.ts";
import { phases, parseStackName } from "../../../components/settings/stackName.ts";
import { unknownFacts } from "../../../components/settings/unknowns.ts";

const valid = (site: string) => readSiteFile(join(import.meta.dirname, "fixtures", "valid", `Pulumi.${site}.yaml`));

describe("EdgeServer's own site file", () => {
  const edge = readSiteFile(join(import.meta.dirname, "../../../Pulumi.edge.yaml"));

  test("describes EdgeServer", () => {
    expect(edge.host).toMatchObject({ name: "edgeserver.twisterlab.local", address: "192.168.0.30" });
    expect(edge.host.capacity.threads).toBe(4);
    expect(Object.keys(edge.disks)).toEqual(["system", "ai-storage", "data-warehouse"]);
    expect(Object.keys(edge.workloads["twisterlab"] ?? {})).toHaveLength(8);
  });

  test("handed over with all its gaps and no secret, as the copy that the tests read", () => {
    const frozen = readSiteFile(join(import.meta.dirname, "../../support/edgeServer.yaml"), "edge");
    expect(frozen.givenSecrets).toEqual([]);
    expect(frozen.unknowns.length).toBeGreaterThan(6);
  });
});

describe("facts that are not known yet", () => {
  const blocking = (site: string, phase?: (typeof phases)[number]) =>
    unknownFacts(valid(site), phase)
      .filter(({ blocks }) => blocks === "up")
      .map(({ key }) => key.replace("twisterlab-edge:", ""));
  const always = ["host.machineId", "host.ssh.hostKey"];

  test("every `unknown` of the settings is told, with how to find it", () => {
    const site = valid("as-recorded");
    const written: string[] = [];
    const visit = (value: unknown, path: string[]): void => {
      if (value === "unknown") written.push(keyOf(`twisterlab-edge:${path[0] ?? ""}`, path.slice(1)));
      else if (typeof value === "object" && value !== null) {
        for (const [name, inner] of Object.entries(value)) visit(inner, [...path, name]);
      }
    };
    const { unknowns, ...rest } = site;
    visit(rest, []);
    expect(unknowns.map(({ key }) => key)).toEqual(written);
    expect(unknowns.every(({ what, howToFind }) => what.length > 0 && howToFind.length > 0)).toBe(true);
    expect(unknowns.map(({ howToFind }) => howToFind)).toContain(
      "lsblk --nodeps --noheadings --output SERIAL /dev/sdc",
    );
  });

  test("no `up` starts without knowing the machine", () => {
    for (const phase of phases.filter((each) => each > 0)) {
      // MetalLB must not give out an address that something else has.
      const pool = phase === 3 ? ["network.gateway", "network.dhcpRange"] : [];
      expect(blocking("as-recorded", phase)).toEqual([...always, ...pool]);
    }
    // The backups' disk is bound to a node.
    expect(blocking("as-recorded", 0)).toEqual([...always, "cluster.node"]);
    expect(blocking("as-recorded")).toEqual([...always, "cluster.node", "network.gateway", "network.dhcpRange"]);
    expect(blocking("sparse", 0)).toEqual(always);
  });

  test("nor a backup without the key that has the password, which it is told how to find", () => {
    const site = valid("as-recorded");
    const password = { kind: "Secret" as const, name: "twisterlab-secrets", key: "unknown" };
    const { redis, ...others } = site.phase0.backups;
    const phase0 = { ...site.phase0, backups: { ...others, ...(redis && { redis: { ...redis, password } }) } };
    const fact = (phase: 0 | 1) => unknownFacts({ ...site, phase0 }, phase).find(({ key }) => key.includes("redis"));
    expect(fact(0)).toMatchObject({
      key: "twisterlab-edge:phase0.backups.redis.password.key",
      howToFind: "kubectl -n twisterlab describe secret twisterlab-secrets",
      blocks: "up",
    });
    expect(fact(1)?.blocks).toBe("nothing");
  });

  test("a disk is overwritten only under its serial number", () => {
    const site = valid("data-roots-on-ssd");
    const disks = {
      ...site.disks,
      ssd: { device: "nvme0n1", size: { bytes: 1, text: "1 B" }, serial: "unknown" as const },
    };
    const blockers = (phase?: (typeof phases)[number]) =>
      unknownFacts({ ...site, disks }, phase)
        .filter(({ blocks }) => blocks === "up")
        .map(({ key }) => key);
    expect(blockers(1)).toContain("twisterlab-edge:disks.ssd.serial");
    expect(blockers()).toContain("twisterlab-edge:disks.ssd.serial");
    // The other phases leave the disk alone.
    expect(blockers(0)).not.toContain("twisterlab-edge:disks.ssd.serial");

    const joining = valid("new-disk");
    const unnamed = unknownFacts({ ...joining, disks }, 1).find(
      ({ key }) => key === "twisterlab-edge:disks.ssd.serial",
    );
    expect(unnamed?.blocks).toBe("up");
    expect(blocking("data-root-on-disk-in-use", 1)).toEqual(always);
  });

  test("when all is known nothing is told", () => {
    const site = valid("all-known");
    expect(site.unknowns).toEqual([]);
    expect(isKnown(site.host.ssh.hostKey)).toBe(true);
    expect(site.network.dhcpRange).toEqual({
      first: "192.168.0.150",
      last: "192.168.0.199",
      text: "192.168.0.150-192.168.0.199",
    });
  });
});

describe("values", () => {
  test("what may be left out has its default", () => {
    const { workloads, phase1 } = valid("sparse");
    expect(workloads["twisterlab"]?.["postgres"]).toEqual({
      kind: "StatefulSet",
      labels: {},
      ports: [],
      replicas: { min: 1, max: 1 },
      claims: {},
    });
    expect(phase1.dataRoots).toEqual([]);
    expect(phase1.harbor?.quota.requestsCpu).toEqual({ value: 1, text: "1" });
    expect(phase1.harbor?.quota.limitsCpu).toEqual({ value: 3.5, text: "3.5" });
  });

  test("secrets of a file are known by name only", () => {
    const site = valid("with-secret");
    expect(site.givenSecrets).toEqual(["registryPullPassword"]);
    expect(JSON.stringify(site)).not.toContain("v1:");
  });

  test("the environment's key file goes before the file's", () => {
    vi.stubEnv("TWISTERLAB_SSH_KEY_FILE", "/keys/observer");
    expect(valid("as-recorded").host.ssh.keyFile).toBe("/keys/observer");
    vi.unstubAllEnvs();
  });

  test("a file that is named otherwise may describe any site", () => {
    expect(() => parseSite({}, { file: "memory" })).toThrow("memory has");
  });
});

describe("files that are no site files", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "site-files-"));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each([
    ["config:\n  a: [1\n", /^.*Pulumi\.x\.yaml(?: has \d+ faults:\n {2}|: )YAML Flow sequence/],
    ["config:\n  a: 1\n  a: 2\n", /YAML Map keys must be unique/],
    ["config:\n  a: *nowhere\n", /YAML Unresolved alias/],
    ["config: edge\n", /config must be a mapping/],
    ["- config\n", /config must be a mapping/],
    ["", /config must be a mapping/],
  ])("%j", (text, message) => {
    const file = join(folder, "Pulumi.x.yaml");
    writeFileSync(file, text);
    expect(() => readSiteFile(file)).toThrow(SettingsError);
    expect(() => readSiteFile(file)).toThrow(message);
  });

  test("a line that is no YAML is not repeated, since it may hold a secret", () => {
    const file = join(folder, "Pulumi.x.yaml");
    writeFileSync(file, 'config:\n  twisterlab-edge:secrets: { registryPullPassword: "Harbor12345 }\n');
    expect(() => readSiteFile(file)).toThrow(expect.not.stringContaining("Harbor12345") as string);
    expect(() => readSiteFile(file)).toThrow("YAML");
  });

  test("a missing file", () => {
    expect(() => readSiteFile(join(folder, "Pulumi.none.yaml"))).toThrow("Pulumi.none.yaml does not exist");
  });

  test("a folder in its place", () => {
    expect(() => readSiteFile(folder)).toThrow("cannot be read (EISDIR)");
  });
});

describe("messages", () => {
  test("one fault is one sentence, several are a list", () => {
    const fault = { key: "a", value: "1", reason: "is wrong" };
    expect(new SettingsError("file", [fault]).message).toBe("file: a = 1 is wrong");
    expect(new SettingsError("file", [fault, { key: "b", reason: "is missing" }]).message).toBe(
      "file has 2 faults:\n  a = 1 is wrong\n  b is missing",
    );
  });

  test("keys are written as Pulumi writes paths", () => {
    expect(keyOf("x:phase1", ["dataRoots", 0, "disk"])).toBe("x:phase1.dataRoots[0].disk");
    expect(keyOf("x:workloads", ["app.kubernetes.io/name"])).toBe('x:workloads["app.kubernetes.io/name"]');
  });

  test("values are short and never key material", () => {
    expect(show(undefined)).toBeUndefined();
    expect(show("a".repeat(200))).toHaveLength(59);
    expect(show("-----BEGIN RSA PRIVATE KEY-----")).toBe("(withheld)");
    expect(show({ secure: "v1:x" })).toBe("(withheld)");
  });

  test("a near name is proposed, a far one is answered with all", () => {
    expect(nearest("Sise", ["size", "serial"])).toBe("did you mean `size`?");
    expect(nearest("colour", ["size", "serial"])).toBe("known here: `size`, `serial`");
    expect(nearest("colour", [])).toBe("nothing is known here");
  });
});

test("a stack's name says site and phase", () => {
  expect(parseStackName("new-york-phase-5")).toEqual({ site: "new-york", phase: 5 });
});
