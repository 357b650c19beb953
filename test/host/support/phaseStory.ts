import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EVERY_ITEM } from "../../support/hostScripts.ts";
import { between, itemStates, settled, type ItemStates } from "./itemStates.ts";
import { fingerprint, managedBox, type ManagedBox, type ManagedBoxOptions } from "./managedBox.ts";
import { startProxy, type TcpProxy } from "./tcpProxy.ts";

/** What there is to tell of a phase on a host: see `phaseStory`. */
export interface PhaseStory extends ManagedBoxOptions {
  phase: number;
  /** Commands as root that the host is prepared with. */
  prepare?: string;
  /** What the phase did, read without our scripts: a command, and what it prints. */
  effects: readonly (readonly [string, RegExp])[];
  /** What somebody changes by hand, one command as root for each of the phase's items. */
  byHand: Readonly<Record<string, string>>;
  /**
   * Those items of `byHand` that are changed where time is short: everywhere but in the campaign, which takes all. There the
   * first `up` is interrupted only in a story without this. Default: all.
   */
  sample?: readonly string[];
  /** A change of the site file that takes an item out, and the place of `itemStates` that is as before then. */
  takenOut: { change: readonly [string[], unknown]; place: string };
  /** Places of `itemStates` that cannot be brought back. */
  stays: readonly string[];
}

/**
 * The main path, as tests in their order: a fresh EdgeServer, a phase applied, what it did, what somebody changes by hand,
 * and the way back.
 * @param more tests of the phase's own, on the host as it was applied.
 */
export function phaseStory(
  { phase, prepare = "true", effects, byHand: all, sample, takenOut, stays, ...options }: PhaseStory,
  more: (edge: () => ManagedBox) => void = () => undefined,
): void {
  const whole = sample === undefined || process.env[EVERY_ITEM] !== undefined;
  const byHand = Object.fromEntries(Object.entries(all).filter(([item]) => whole || sample.includes(item)));
  let edge: ManagedBox;
  let line: TcpProxy | undefined;
  let old: ItemStates;

  beforeAll(async () => {
    edge = await managedBox({
      ...options,
      port: async (box) => {
        line = await startProxy({ address: box.address, port: box.sshPort });
        return line.port;
      },
    });
    await edge.read(prepare);
    old = await itemStates(edge);
  });

  afterAll(async () => {
    await line?.stop();
    await edge.stop();
  });

  describe("a fresh host", () => {
    test("differs in every item, and is not changed by the preview that says so", async () => {
      const before = await fingerprint(edge);
      const preview = await measuredPreview(edge, phase);
      expect(counted(preview)).toEqual([expect.stringMatching(/^\d+ to create$/)]);
      expect(states(preview)).toEqual(["differs"]);
      expect(await fingerprint(edge)).toBe(before);
    });
  });

  describe("the phase", () => {
    if (whole) {
      test("is applied by a second up when the line drops during the first; in between nothing is half done", async () => {
        const cut = edge.phase("up", phase, "--skip-preview");
        // The lease, the look at the host, the entry point, and somewhere in the items.
        for (let connection = 0; connection < 6; connection++) {
          await Promise.race([line?.nextConnection(), cut]);
        }
        await Promise.race([pause(Math.random() * 5_000), cut]);
        // Until the run gives up: a line that is back at once may have dropped nothing, or only what is tried again.
        const down = setInterval(() => line?.cut(), 100);
        const { code } = await cut.finally(() => {
          clearInterval(down);
        });
        expect(code).not.toBe(0);
        await settled(edge);
        const then = await itemStates(edge);
        await edge.succeed("up", phase, "--skip-preview");
        expect(between(then, old, await itemStates(edge))).toEqual([]);
      });
    } else {
      test("is applied by an up", async () => {
        expect(counted(await edge.succeed("up", phase, "--skip-preview"))).toEqual([
          expect.stringMatching(/^\d+ created$/),
        ]);
      });
    }

    test.each(effects)("had its effect: %s", async (command, expected) => {
      expect((await edge.read(command)).trim()).toMatch(expected);
    });

    test("leaves nothing waiting, and nothing lying about", async () => {
      expect(await edge.read("ls -A /var/lib/twisterlab-edge/armed")).toBe("");
      expect(await edge.read("find /run /tmp /var/tmp -xdev -name 'twisterlab-edge*'")).toBe("");
    });

    test("has nothing to do the second time; a preview of a managed host changes nothing on it", async () => {
      const before = await fingerprint(edge);
      const preview = await measuredPreview(edge, phase);
      expect(counted(preview)).toEqual([]);
      expect(preview).toMatch(/\d+ unchanged/);
      expect(states(preview)).toEqual(["in sync"]);
      expect(await fingerprint(edge)).toBe(before);
      expect(counted(await edge.succeed("up", phase, "--skip-preview"))).toEqual([]);
    });
  });

  more(() => edge);

  describe("what somebody changed by hand", () => {
    test("shows as drift, item by item", async () => {
      await edge.read(Object.values(byHand).join("\n"));
      const { code, items } = await measuredDrift(edge, phase);
      expect(code).toBe(20);
      const differing = items.filter(({ state }) => state === "differs").map(({ name }) => name);
      expect(differing.sort()).toEqual(Object.keys(byHand).sort());
    });

    test("is mended by up", async () => {
      await edge.succeed("up", phase, "--skip-preview");
      const { code, items } = await measuredDrift(edge, phase);
      expect(items.filter(({ state }) => state !== "in sync")).toEqual([]);
      expect(code).toBe(0);
    });
  });

  describe("going back", () => {
    test("by taking one item out of the site file brings that one back", async () => {
      edge.edge.edit([takenOut.change]);
      const before = await itemStates(edge);
      await edge.succeed("up", phase, "--skip-preview");
      const now = await itemStates(edge);
      const changed = Object.keys(now).filter((place) => now[place] !== before[place]);
      expect(changed).toEqual([takenOut.place]);
      expect(now[takenOut.place]).toBe(old[takenOut.place]);
    });

    test("by destroy brings every file back byte for byte; what cannot be undone stays", async () => {
      expect(await edge.phase("destroy", phase)).toMatchObject({ code: 0 });
      const now = await itemStates(edge);
      expect(Object.keys(old).filter((place) => now[place] !== old[place])).toEqual(stays);
    });
  });
}

/** Looks that a machine emulated in software gets for answering all that it is asked, while others keep this one busy. */
const LOOKS = 3;

async function measuredPreview(edge: ManagedBox, phase: number): Promise<string> {
  for (let look = 1; ; look++) {
    const preview = await edge.succeed("preview", phase);
    if (look === LOOKS || !states(preview).includes("not measured")) {
      return preview;
    }
  }
}

async function measuredDrift(edge: ManagedBox, phase: number): ReturnType<ManagedBox["drift"]> {
  for (let look = 1; ; look++) {
    const drift = await edge.drift(phase);
    if (look === LOOKS || !drift.items.some(({ state }) => state === "not measured")) {
      return drift;
    }
  }
}

/** What Pulumi counts at the end of a preview, or of an update, beside `29 unchanged`. */
function counted(output: string): string[] {
  return [...output.matchAll(/^ +[-+~]+ ?(\d+ .+)$/gm)].map(([, count = ""]) => count);
}

/** The states of the items on the preview's page, each once. */
function states(preview: string): string[] {
  return [...new Set([...preview.matchAll(/^ +\d+\. \S+ \(([^)]+)\): /gm)].map(([, state = ""]) => state))];
}
