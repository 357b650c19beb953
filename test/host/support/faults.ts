import { rmSync } from "node:fs";
import { join } from "node:path";
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
  /** What each command cost while nothing disturbed it: on a fresh host, and with nothing left to do. */
  readonly costs: readonly Cost[];
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
  const costs: Cost[] = [];
  const measure = async (command: string, run: () => Promise<unknown>): Promise<void> => {
    const [started, before] = [Date.now(), line.connections];
    await run();
    costs.push({ command, seconds: Math.round((Date.now() - started) / 1000), connections: line.connections - before });
  };
  for (const time of ["first", "second"]) {
    for (const phase of phases) {
      await measure(`${time} up of phase ${phase}`, () => managed.succeed("up", phase, "--skip-preview"));
    }
  }
  for (const phase of phases) {
    await measure(`preview of phase ${phase}, in sync`, () => managed.succeed("preview", phase));
    await measure(`drift of phase ${phase}`, () => managed.drift(phase));
  }
  const wanted = await itemStates(managed);
  return {
    managed,
    proxy: line,
    phases,
    old,
    wanted,
    costs,
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

type ManagedBoxChanges = NonNullable<NonNullable<Parameters<typeof managedBox>[0]>["changes"]>;

/** A fault that can come at any moment of a run. Resolves when the host can be reached again. */
export type Interruption = (bench: FaultBench) => Promise<void>;

/** The three ways in which a run is cut short. */
export const INTERRUPTIONS: Readonly<Record<string, Interruption>> = {
  "SSH connection cut": ({ proxy }) => {
    proxy.cut();
    return Promise.resolve();
  },
  "script killed": async ({ managed }) => {
    await managed.box.run("pkill --signal KILL --full 'twisterlab-edge (attached|go-back)'");
  },
  "power cut": async ({ managed: { box } }) => {
    await box.powerCut();
    await box.powerOn();
  },
};

/**
 * Interrupts runs at random moments: each run goes on where the one before was stopped, until all phases are applied;
 * then a fresh host takes the place. After every fault each item must be in its old or its new state, and a completed run
 * must leave nothing to do.
 * @param random numbers from 0 to 1, so that a campaign can be repeated.
 */
export async function interrupt(
  fault: string,
  times: number,
  bench: FaultBench,
  random: () => number,
  say: (line: string) => void = () => undefined,
): Promise<FaultCount> {
  const inject = INTERRUPTIONS[fault];
  if (inject === undefined) {
    throw new Error(`there is no fault "${fault}"`);
  }
  const { managed, proxy } = bench;
  const count: FaultCount = { fault, injected: 0, survived: 0, lost: [] };
  await bench.fresh();
  while (count.injected < times) {
    let applied = true;
    for (const phase of bench.phases) {
      const run = { ended: false };
      const up = managed.phase("up", phase, "--skip-preview").finally(() => {
        run.ended = true;
      });
      if (count.injected < times) {
        // A moment in one of the run's connections: they are what it is made of.
        const skipped = Math.floor(random() * CONNECTIONS);
        for (let connection = 0; connection <= skipped && !run.ended; connection++) {
          await Promise.race([proxy.nextConnection(), up]);
        }
        await Promise.race([pause(random() * MOMENT), up]);
        if (!run.ended) {
          count.injected++;
          await inject(bench);
          await up;
          await settled(managed);
          const wrong = between(await itemStates(managed), bench.old, bench.wanted);
          if (wrong.length === 0) {
            count.survived++;
          } else {
            count.lost.push(`${fault} ${count.injected}: neither old nor new: ${wrong.join(", ")}`);
          }
          say(`${fault}: ${count.injected} of ${times}${wrong.length === 0 ? "" : `, LOST ${wrong.join(", ")}`}`);
        }
      }
      const { code } = await up;
      if (code !== 0) {
        applied = false;
        break;
      }
    }
    if (applied || count.injected >= times) {
      count.lost.push(...(await converges(bench)).map((what) => `${fault} ${count.injected}: ${what}`));
      if (count.injected < times) {
        await bench.fresh();
      }
    }
  }
  return count;
}

/** Connections of a run among which the moment of a fault is chosen; a run has some more, and then it just ends. */
const CONNECTIONS = 6;
/** Longest time into a connection, in milliseconds. */
const MOMENT = 12_000;

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
    const { code, items } = await managed.drift(phase);
    if (code !== 0) {
      wrong.push(
        ...items.filter(({ state }) => state !== "in sync").map(({ name, observed }) => `${name}: ${observed}`),
      );
    }
  }
  return wrong;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
