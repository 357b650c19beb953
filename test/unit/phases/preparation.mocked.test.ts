import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { observeHost } from "../../../components/host/connection.ts";
import { hostItem } from "../../../components/host/host.ts";
import { HostFile } from "../../../components/host/hostFile.ts";
import { takeLease } from "../../../components/host/lease.ts";
import type { Observation } from "../../../components/host/observation.ts";
import type { ItemPlan } from "../../../components/host/plan.ts";
import { loadSettings } from "../../../components/settings/index.ts";
import type { PlanFile } from "../../../phases/planFile.ts";
import { withSite } from "../../../phases/preparation.ts";
import { FROZEN_SITE_FILE, record, siteConfig, type Program } from "../../support/mocks.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";
import { generateKey } from "../../support/sshServer.ts";

// The host's own side is in the tests of the scripts; here it is what it answers.
vi.mock("../../../components/host/connection.ts", { spy: true });
vi.mock("../../../components/host/lease.ts", { spy: true });

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-preparation-"));
  writeFileSync(join(folder, "kubeconfig"), "");
  writeFileSync(join(folder, "id_ed25519"), generateKey().privateKey, { mode: 0o600 });
  vi.mocked(takeLease).mockResolvedValue();
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.mocked(takeLease).mockReset();
  vi.mocked(observeHost).mockReset();
  rmSync(folder, { recursive: true, force: true });
});

/** Phase 0 of a site where nothing is missing, on a host that answers as `observation`; it writes one file. */
async function phase(observation: Observation, program: Program = {}, plan?: ItemPlan) {
  vi.mocked(observeHost).mockResolvedValue(observation);
  const config = siteConfig(FROZEN_SITE_FILE, (all) => {
    const host = all["twisterlab-edge:host"] as { ssh: Record<string, unknown>; machineId: string };
    host.machineId = "0123456789abcdef0123456789abcdef";
    const phase0 = all["twisterlab-edge:phase0"] as { backups: { redis: { password: { key: string } } } };
    phase0.backups.redis.password.key = "REDIS_PASSWORD";
    Object.assign(all["twisterlab-edge:cluster"] ?? {}, { kubeconfigFile: join(folder, "kubeconfig"), node: "edge" });
    Object.assign(host.ssh, { keyFile: join(folder, "id_ed25519"), hostKey: HOST_KEY });
  });
  return record({ stack: "edge-phase-0", config, ...program }, () =>
    withSite(loadSettings(), (host) => {
      const file = { path: "/etc/motd", content: "hello\n", why: "people read it" };
      new HostFile("motd", { ...file, ...(plan === undefined ? {} : { plan }) }, host);
      return { site: "edge", left: undefined };
    }),
  );
}

const inSync = seen({
  files: { "/etc/motd": fileFact("hello\n") },
  items: { motd: { armed: false, revision: 4 } },
});
const differs = seen({ files: { "/etc/motd": null }, items: { motd: { armed: false, revision: 4 } } });
const up = { preview: false };

describe("revisions", () => {
  const revisions = async (observation: Observation, program?: Program) => {
    const { result, resources } = await phase(observation, program);
    const command = resources.find(({ name }) => name === "motd-apply")?.inputs["create"];
    const [, inCommand] = /--revision (\d+)$/.exec(String(command)) ?? [];
    const { motd } = (result as { revisions: { motd: number } }).revisions;
    // What is kept is what is run: else the next preview would not be empty.
    expect(Number(inCommand)).toBe(motd);
    return motd;
  };

  test("are an output of the stack, beside those of the phase", async () => {
    const { result } = await phase(inSync);
    expect(result).toEqual({ site: "edge", revisions: { motd: 4 } });
  });

  test("stay where the host is as wanted, and go up where it differs", async () => {
    expect(await revisions(inSync, { outputs: { revisions: { motd: 4 } } })).toBe(4);
    expect(await revisions(differs, { outputs: { revisions: { motd: 4 } } })).toBe(5);
  });

  test("stay as the stack kept them on a host that cannot be read: its preview shows no change", async () => {
    expect(await revisions(blind, { outputs: { site: "edge", revisions: { motd: 7 } } })).toBe(7);
  });

  test("begin with 1 in a stack that was never applied", async () => {
    expect(await revisions(blind)).toBe(1);
  });
});

describe("a preview", () => {
  test("ends with a page of what happens, and takes the host from nobody", async () => {
    const { messages } = await phase(differs);
    expect(messages.map(({ text }) => text)).toEqual([
      expect.stringMatching(
        /^What phase 0 wants of edgeserver\.twisterlab\.local, in this order:\n1\. motd \(differs\): \/etc\/motd is not there yet\n {3}because people read it\n/,
      ),
    ]);
    expect(takeLease).not.toHaveBeenCalled();
  });

  test("says why the host was not read", async () => {
    const { messages } = await phase(blind);
    expect(messages[0]?.text).toContain("Host not read: the host was not asked. What it has now is not compared.");
  });

  test("says who has the host, and for how long", async () => {
    const held = seen({ ...inSync.facts, lease: { owner: "anna@desk pid 7 edge-phase-1", expiresIn: 420 } });
    const { messages } = await phase(held);
    expect(messages[0]?.text).toContain(
      "The host is held by anna@desk pid 7 edge-phase-1 for another 420 s: up is refused until then.",
    );
  });

  test("shows that the host undid the last change, until it is there", async () => {
    const items = { motd: { armed: true, revision: 4, reverted: "2026-02-01T10:00:00Z undone, because of x" } };
    const { messages } = await phase(seen({ ...differs.facts, items }));
    expect(messages[0]?.text).toContain("note: its last change waits to be confirmed");
    expect(messages[0]?.text).toContain("note: its last change was undone by the host: 2026-02-01T10:00:00Z undone,");
    const { messages: later } = await phase(seen({ ...inSync.facts, items }));
    expect(later[0]?.text).not.toContain("undone by the host");
  });

  test("shows notes on what nobody declared", async () => {
    vi.mocked(observeHost).mockResolvedValue(inSync);
    const { messages } = await record({ stack: "edge-phase-0", config: siteConfig() }, () =>
      withSite(loadSettings(), (host) => {
        const plan = {
          state: "in sync",
          sentence: "is",
          wanted: "w",
          observed: "o",
          notes: ["also there: x"],
        } as const;
        hostItem("thing", { plan, why: "so", apply: "thing put", parameters: {} }, host, {});
        return {};
      }),
    );
    expect(messages[0]?.text).toContain("1. thing (in sync): is\n   because so\n   note: also there: x");
  });
});

describe("the plan file", () => {
  const plan = async (observation: Observation, program?: Program): Promise<PlanFile> => {
    const file = join(folder, "plan.json");
    vi.stubEnv("TWISTERLAB_PLAN_FILE", file);
    await phase(observation, program);
    return JSON.parse(readFileSync(file, "utf8")) as PlanFile;
  };

  test("has every item with what is wanted and what is there, for its owner alone", async () => {
    expect(await plan(differs)).toEqual({
      items: [
        {
          name: "motd",
          state: "differs",
          sentence: "/etc/motd is not there yet",
          wanted: "/etc/motd as the site file has it",
          observed: "is not there yet",
          why: "people read it",
          revision: 5,
          undo: "taking it out of the site file brings back what was there before",
        },
      ],
      cluster: { objects: [], refusals: [], notes: [] },
    });
    expect(statSync(join(folder, "plan.json")).mode & 0o777).toBe(0o600);
  });

  test("says why the host was not read", async () => {
    expect(await plan(blind)).toMatchObject({ blind: "the host was not asked", items: [{ state: "not measured" }] });
  });

  test("is written by a preview only", async () => {
    vi.stubEnv("TWISTERLAB_PLAN_FILE", join(folder, "plan.json"));
    await phase(inSync, up);
    expect(existsSync(join(folder, "plan.json"))).toBe(false);
  });
});

describe("up", () => {
  const refused = async (observation: Observation) => {
    const registered = phase(observation, up);
    await expect(registered).rejects.toThrow(/^nothing was applied: /);
    return (await registered.catch((error: unknown) => error as Error)) as Error;
  };

  test("takes the host before it looks, and prints no page", async () => {
    const { messages, resources } = await phase(inSync, up);
    expect(messages).toEqual([]);
    expect(resources.map(({ name }) => name)).toContain("motd-apply");
    const [lease] = vi.mocked(takeLease).mock.invocationCallOrder;
    const [look] = vi.mocked(observeHost).mock.invocationCallOrder;
    expect(lease).toBeLessThan(look ?? 0);
  });

  test("goes by the lease of the command that started it, else by one of its own", async () => {
    await phase(inSync, up);
    vi.stubEnv("TWISTERLAB_LEASE_OWNER", "anna@desk pid 7 edge-phase-0");
    await phase(inSync, up);
    const owners = vi.mocked(takeLease).mock.calls.map(([, owner]) => owner);
    expect(owners).toEqual([
      expect.stringMatching(new RegExp(` pid ${process.pid} edge-phase-0$`)),
      "anna@desk pid 7 edge-phase-0",
    ]);
  });

  test("is refused on a host that it could not read", async () => {
    expect((await refused(blind)).message).toBe("nothing was applied: the host was not asked");
  });

  test("is refused, and so is the preview it begins with, for what no item can be applied to; a mere preview is not", async () => {
    const sentence = "somebody else's: up will refuse";
    const plan = { state: "differs", sentence, wanted: "ours", observed: "theirs", refused: true } as const;
    const message = `nothing was applied, because of what is on edgeserver.twisterlab.local:\n  - motd: ${sentence}`;
    await expect(phase(differs, up, plan)).rejects.toThrow(message);
    const { messages } = await phase(differs, {}, plan);
    expect(messages[0]?.text).toContain(sentence);
    vi.stubEnv("TWISTERLAB_LEASE_OWNER", "anna@desk pid 7 edge-phase-0");
    await expect(phase(differs, {}, plan)).rejects.toThrow(message);
  });

  test("is refused while another run has the host", async () => {
    vi.mocked(takeLease).mockRejectedValue(new Error("the host is held by 'anna@desk pid 7 x' for another 9 s"));
    expect((await refused(inSync)).message).toBe(
      "nothing was applied: the host is held by 'anna@desk pid 7 x' for another 9 s",
    );
    expect(observeHost).not.toHaveBeenCalled();
  });
});

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q";
