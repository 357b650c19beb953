// The program's own way to its settings: what Pulumi hands over, and what the environment says on top.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";

import { isKnown, loadSettings, type Settings, SettingsError } from "../../../components/settings/index.ts";

const password = "Correct-Horse-Battery-1";
const secretsKey = "twisterlab-edge:secrets";

beforeEach(() => {
  for (const name of ["PULUMI_OPTION_CONFIG_FILE", "PULUMI_CONFIG_SECRET_KEYS", "TWISTERLAB_SSH_KEY_FILE"]) {
    vi.stubEnv(name, undefined);
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test("structured values, given as JSON, become typed settings of the stack's phase", async () => {
  const settings = await load("as-recorded-phase-1", configOf("as-recorded"));
  expect(settings.phase).toBe(1);
  expect(settings.site.name).toBe("as-recorded");
  expect(settings.file).toBe("Pulumi.as-recorded.yaml");
  expect(settings.host.ssh.perDialTimeout).toEqual({ seconds: 10, text: "10 s" });
  expect(settings.phase1.storage).toMatchObject({ option: "extend", size: { text: "150 GiB" } });
  expect(isKnown(settings.host.ssh.hostKey)).toBe(false);
  expect(settings.secrets.registryPullPassword).toBeUndefined();
});

test("nothing in them can be changed", async () => {
  const settings = await load("as-recorded-phase-1", configOf("as-recorded"));
  const open: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Object.isFrozen(value)) open.push(path);
    for (const [name, inner] of Object.entries(value)) visit(inner, `${path}.${name}`);
  };
  visit(settings, "settings");
  expect(open).toEqual([]);
});

test("the environment names the file and the key", async () => {
  vi.stubEnv("PULUMI_OPTION_CONFIG_FILE", "sites/Pulumi.as-recorded.yaml");
  vi.stubEnv("TWISTERLAB_SSH_KEY_FILE", "/keys/observer");
  const settings = await load("as-recorded-phase-0", configOf("as-recorded"));
  expect(settings.file).toBe("sites/Pulumi.as-recorded.yaml");
  expect(settings.host.ssh.keyFile).toBe("/keys/observer");
});

test("the environment says where the ssh-agent is, if one runs", async () => {
  vi.stubEnv("SSH_AUTH_SOCK", "/run/agent");
  expect((await load("as-recorded-phase-0", configOf("as-recorded"))).agentSocket).toBe("/run/agent");
  vi.stubEnv("SSH_AUTH_SOCK", undefined);
  expect((await load("as-recorded-phase-0", configOf("as-recorded"))).agentSocket).toBeUndefined();
});

test("the environment says whose lease this run goes by, and who waits for its plan", async () => {
  vi.stubEnv("TWISTERLAB_LEASE_OWNER", "anna@desk pid 4711 as-recorded-phase-0");
  vi.stubEnv("TWISTERLAB_PLAN_FILE", "/run/plan.json");
  expect(await load("as-recorded-phase-0", configOf("as-recorded"))).toMatchObject({
    leaseOwner: "anna@desk pid 4711 as-recorded-phase-0",
    planFile: "/run/plan.json",
  });
  vi.stubEnv("TWISTERLAB_LEASE_OWNER", undefined);
  vi.stubEnv("TWISTERLAB_PLAN_FILE", undefined);
  const settings = await load("as-recorded-phase-0", configOf("as-recorded"));
  expect(settings.leaseOwner).toBeUndefined();
  expect(settings.planFile).toBeUndefined();
});

test("an empty variable says nothing", async () => {
  vi.stubEnv("TWISTERLAB_SSH_KEY_FILE", "");
  const settings = await load("as-recorded-phase-0", configOf("as-recorded"));
  expect(settings.host.ssh.keyFile).toBe("~/.ssh/id_ed25519");
});

test("a key file of the environment is checked like the one of the site file", async () => {
  vi.stubEnv("TWISTERLAB_SSH_KEY_FILE", "keys/observer");
  const { faults } = await refused("as-recorded-phase-0", configOf("as-recorded"));
  expect(faults).toEqual([
    {
      key: "TWISTERLAB_SSH_KEY_FILE",
      value: '"keys/observer"',
      reason: "is not an absolute path; begin it with `/` or with `~/` for your home folder",
    },
  ]);
});

describe("the stack's name", () => {
  test.each(["edge", "edge-phase-6", "edge-phase-", "phase-1", "edge-phase-01", "Edge-phase-1"])(
    "%s is refused with how it is written",
    async (stack) => {
      const { message } = await refused(stack, configOf("as-recorded"));
      expect(message).toContain(`stack = "${stack}" does not say site and phase`);
      expect(message).toContain("`edge-phase-1`");
    },
  );

  test("a stack of one site does not take the file of another", async () => {
    const { faults } = await refused("paris-phase-1", configOf("as-recorded"));
    expect(faults.map(({ key }) => key)).toEqual(["twisterlab-edge:site.name"]);
  });
});

test("a forgotten site file gives one clear sentence", async () => {
  const { message, faults } = await refused("edge-phase-1", { "pulumi:tags": "{}" });
  expect(faults).toHaveLength(1);
  expect(message).toBe(
    "Stack edge-phase-1: configuration is empty; put PULUMI_OPTION_CONFIG_FILE=Pulumi.edge.yaml into the environment " +
      "or add `--config-file Pulumi.edge.yaml`",
  );
});

test("a text where a mapping belongs is a fault, not a crash", async () => {
  const { faults } = await refused("as-recorded-phase-1", {
    ...configOf("as-recorded"),
    "twisterlab-edge:safety": "90 s",
  });
  expect(faults).toEqual([{ key: "twisterlab-edge:safety", value: '"90 s"', reason: "must be a mapping" }]);
});

describe("secrets", () => {
  const withPassword = (value: unknown = { registryPullPassword: password }) => ({
    ...configOf("as-recorded"),
    [secretsKey]: JSON.stringify(value),
  });

  test("an encrypted one is there for who asks for it by name, and shows itself nowhere", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", JSON.stringify([secretsKey]));
    const settings = await load("as-recorded-phase-1", withPassword());
    expect(settings.secrets.registryPullPassword?.reveal()).toBe(password);
    expect(settings.givenSecrets).toEqual(["registryPullPassword"]);
    expect(JSON.stringify(settings)).not.toContain(password);
  });

  test("one in clear is refused without being repeated", async () => {
    const { message, faults } = await refused("as-recorded-phase-1", withPassword());
    expect(faults).toEqual([
      { key: `${secretsKey}.registryPullPassword`, reason: expect.stringContaining("in clear") as string },
    ]);
    expect(message).not.toContain(password);
  });

  test("under a name that nobody asks for it is refused without being repeated", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", JSON.stringify([secretsKey]));
    const { message } = await refused("as-recorded-phase-1", withPassword({ registryPulPassword: password }));
    expect(message).toContain("did you mean `registryPullPassword`?");
    expect(message).not.toContain(password);
  });

  test("another section that is encrypted is refused without being repeated", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", JSON.stringify(["twisterlab-edge:config:safety"]));
    const { message, faults } = await refused("as-recorded-phase-1", {
      ...configOf("as-recorded"),
      "twisterlab-edge:safety": JSON.stringify({ confirmWithin: password }),
    });
    expect(faults.map(({ key }) => key)).toEqual(["twisterlab-edge:safety"]);
    expect(message).toContain("is encrypted");
    expect(message).not.toContain(password);
  });

  test("a list where the names belong is refused without being repeated", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", JSON.stringify([secretsKey]));
    const { message } = await refused("as-recorded-phase-1", withPassword([password]));
    expect(message).toContain(secretsKey);
    expect(message).not.toContain(password);
  });

  test("a list of secret keys that is none is as good as no list", async () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", "{}");
    const { faults } = await refused("as-recorded-phase-1", withPassword());
    expect(faults.map(({ reason }) => reason)).toEqual([expect.stringContaining("in clear")]);
  });
});

/** The settings that a stack gets from a configuration as Pulumi hands it over. */
async function load(stack: string, config: Record<string, string>): Promise<Settings> {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
      call: ({ inputs }) => inputs as Record<string, unknown>,
    },
    "twisterlab-edge",
    stack,
    true,
  );
  pulumi.runtime.setAllConfig(config);
  return loadSettings();
}

async function refused(stack: string, config: Record<string, string>): Promise<SettingsError> {
  try {
    await load(stack, config);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error(`${stack} was taken`);
}

/** The configuration of a valid fixture: structured values as JSON, as the engine gives them to the program. */
function configOf(site: string): Record<string, string> {
  const file = join(import.meta.dirname, "fixtures", "valid", `Pulumi.${site}.yaml`);
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, JSON.stringify(value)]));
}
