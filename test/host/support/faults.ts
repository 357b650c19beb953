import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Captured } from "../../../cli/capture.ts";
import { startBox } from "../box/box.ts";
import { between, itemStates, settled, type ItemStates } from "./itemStates.ts";
import { managedBox, type ManagedBox } from "./managedBox.ts";
import { startProxy, type TcpProxy } from "./tcpProxy.ts";

/** What came of the faults of one kind. */
export interface FaultCount {
  fault: string;
  injected: number;
  /** After the fault every item was in its old or its new state, and the next `up` brought all to the new one. */
  survived: number;
  /** What was found wrong, fault by fault: there must be nothing. */
  lost: string[];
}

/** What a command cost. */
export interface Cost {
  command: string;
  seconds: number;
  /** SSH connections that it opened. */
  connections: number;
}

/** A host behind a line that can be cut, with what its items are before and after. */
export interface FaultBench {
  readonly managed: ManagedBox;
  readonly proxy: TcpProxy;
  readonly phases: readonly number[];
  readonly old: ItemStates;
  readonly wanted: ItemStates;
  /** What the first `up` of each phase cost. */
  readonly firstCosts: readonly Cost[];
  /** A fresh host in place of this one, under the same address; Pulumi knows nothing of it yet. */
  fresh(): Promise<void>;
  stop(): Promise<void>;
}

/** Prepares a bench: applies the phases once, undisturbed, to learn what the items are to become. */
export async function faultBench(phases: readonly number[], changes: ManagedBoxChanges = []): Promise<FaultBench> {
  let proxy: TcpProxy | undefined;
  const managed = await managedBox({
    changes,
    port: async (box) => {
      proxy = await startProxy({ address: box.address, port: box.sshPort });
      return proxy.port;
    },
  });
  if (proxy === undefined) {
    throw new Error("the proxy was not started");
  }
  const line = proxy;
  const old = await itemStates(managed);
  const firstCosts: Cost[] = [];
  for (const phase of phases) {
    firstCosts.push(
      await measure(line, `first up of phase ${phase}`, () => managed.succeed("up", phase, "--skip-preview")),
    );
  }
  const wanted = await itemStates(managed);
  return {
    managed,
    proxy: line,
    phases,
    old,
    wanted,
    firstCosts,
    fresh: async () => {
      await managed.box.stop();
      managed.box = await startBox();
      line.leadTo({ address: managed.box.address, port: managed.box.sshPort });
      // The state of the stacks; the passphrase and the site file stay.
      rmSync(join(managed.edge.home, ".local/share/twisterlab-edge"), { recursive: true, force: true });
    },
    stop: async () => {
      await line.stop();
      await managed.stop();
    },
  };
}

async function measure(proxy: TcpProxy, command: string, run: () => Promise<unknown>): Promise<Cost> {
  const [started, before] = [Date.now(), proxy.connections];
  await run();
  return { command, seconds: Math.round((Date.now() - started) / 1000), connections: proxy.connections - before };
}

/** What each command costs with nothing left to do: to be asked before anything is disturbed. */
export async function costsInSync({ managed, proxy, phases }: FaultBench): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const phase of phases) {
    costs.push(
      await measure(proxy, `second up of phase ${phase}`, () => managed.succeed("up", phase, "--skip-preview")),
      await measure(proxy, `preview of phase ${phase}`, () => managed.succeed("preview", phase)),
      await measure(proxy, `drift of phase ${phase}`, () => managed.drift(phase)),
    );
  }
  return costs;
}

type ManagedBoxChanges = NonNullable<NonNullable<Parameters<typeof managedBox>[0]>["changes"]>;

/** A fault that can come at any moment of a run. Resolves when the host can be reached again: with whether it hit anything. */
export type Interruption = (bench: FaultBench) => Promise<boolean>;

/** The three ways in which a run is cut short. */
export const INTERRUPTIONS: Readonly<Record<string, Interruption>> = {
  "SSH connection cut": ({ proxy }) => {
    return Promise.resolve(proxy.cut() > 0);
  },
  "script killed": async ({ managed }) => {
    const verb = "twisterlab-edge (attached|go-back)";
    const kill = `until pkill --signal KILL --full '${verb}'; do sleep 0.1; done`;
    return (await managed.box.run(`timeout 10 bash -c "${kill}"`)).code === 0;
  },
  "power cut": async ({ managed: { box } }) => {
    await box.powerCut();
    await box.powerOn();
    return true;
  },
};

/**
 * Interrupts runs at random moments: each run goes on where the one before was stopped, until all phases are applied;
 * then a fresh host takes the place. After every fault each item must be in its old or its new state, and a completed run
 * must leave nothing to do.
 * @param faults names of INTERRUPTIONS, in the order in which they come.
 * @param random numbers from 0 to 1, so that a campaign can be repeated.
 * @returns a count for each kind of fault.
 */
export async function interrupt(
  faults: readonly string[],
  bench: FaultBench,
  random: () => number,
  say: (line: string) => void = () => undefined,
): Promise<FaultCount[]> {
  const counts = new Map(
    [...new Set(faults)].map((fault) => [fault, { fault, injected: 0, survived: 0, lost: [] as string[] }]),
  );
  let [fault, ...later] = faults;
  let last = fault;
  await bench.fresh();
  while (fault !== undefined) {
    let applied = true;
    for (const phase of bench.phases) {
      const up = start(bench, phase);
      const count = fault === undefined ? undefined : counts.get(fault);
      if (count !== undefined && fault !== undefined && (await hits(fault, up, bench, random))) {
        count.injected++;
        await up.result;
        await settled(bench.managed);
        const wrong = between(await itemStates(bench.managed), bench.old, bench.wanted);
        if (wrong.length === 0) {
          count.survived++;
        } else {
          count.lost.push(`${fault} ${count.injected}: neither old nor new: ${wrong.join(", ")}`);
        }
        say(`${fault} ${count.injected}${wrong.length === 0 ? "" : `: LOST ${wrong.join(", ")}`}`);
        last = fault;
        [fault, ...later] = later;
      }
      if ((await up.result).code !== 0) {
        applied = false;
        break;
      }
    }
    if (applied || fault === undefined) {
      const count = counts.get(last ?? "");
      count?.lost.push(...(await converges(bench)).map((what) => `${last} ${count.injected}: ${what}`));
      if (fault !== undefined) {
        await bench.fresh();
      }
    }
  }
  return [...counts.values()];
}

interface Run {
  ended: boolean;
  result: Promise<Captured>;
}

function start({ managed }: FaultBench, phase: number): Run {
  const result = managed.phase("up", phase, "--skip-preview").finally(() => {
    run.ended = true;
  });
  const run: Run = { ended: false, result };
  return run;
}

/**
 * Injects a fault at a moment in one of the run's connections: they are what it is made of.
 * @returns whether the run got so far, and there was something to hit.
 */
async function hits(fault: string, up: Run, bench: FaultBench, random: () => number): Promise<boolean> {
  const inject = INTERRUPTIONS[fault];
  if (inject === undefined) {
    throw new Error(`there is no fault "${fault}"`);
  }
  const skipped = Math.floor(random() * CONNECTIONS);
  for (let connection = 0; connection <= skipped && !up.ended; connection++) {
    await Promise.race([bench.proxy.nextConnection(), up.result]);
  }
  await Promise.race([pause(random() * MOMENT), up.result]);
  return !up.ended && (await inject(bench));
}

/** Connections of a run among which the moment of a fault is chosen; a run has some more, and then it just ends. */
const CONNECTIONS = 6;
/** Longest time into a connection, in milliseconds: many are shorter, a restart of Docker or K3s is longer. */
const MOMENT = 8_000;

/** Applies what is left, undisturbed. @returns what is not as it should be then. */
export async function converges({ managed, phases, wanted }: FaultBench): Promise<string[]> {
  const wrong: string[] = [];
  for (const phase of phases) {
    // A run that was killed on this machine leaves its lock; nobody else uses this state.
    const up = await managed.phase("up", phase, "--skip-preview");
    if (up.code !== 0) {
      wrong.push(`up of phase ${phase} does not converge:\n${up.stdout.slice(-2000)}\n${up.stderr.slice(-2000)}`);
    }
  }
  const now = await itemStates(managed);
  wrong.push(...Object.keys(wanted).filter((item) => now[item] !== wanted[item]));
  for (const phase of phases) {
    let { code, items } = await managed.drift(phase);
    // Not measured is not out of sync: a busy machine answers too late now and then.
    for (let again = 0; code === 21 && again < 3; again++) {
      ({ code, items } = await managed.drift(phase));
    }
    if (code !== 0) {
      const others = items.filter(({ state }) => state !== "in sync");
      wrong.push(...others.map(({ name, state, observed }) => `${name} (${state}): ${observed}`));
    }
  }
  return wrong;
}
