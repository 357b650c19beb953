import { hostname, userInfo } from "node:os";
import { callHost, type HostTarget } from "./observation.ts";

/**
 * Seconds that a run keeps the host after its last sign of life, which every change is. Longer than the longest change
 * without one: copying a data root, or a benchmark of all disks.
 */
const LEASE_SECONDS = 1800;

/** Environment variable with the owner of the lease, for the program that Pulumi starts on behalf of our command. */
export const LEASE_OWNER = "TWISTERLAB_LEASE_OWNER";

/** Who this process is to the others that want the host. */
export function leaseOwner(stack: string): string {
  return `${userInfo().username}@${hostname()} pid ${process.pid} ${stack}`;
}

/**
 * Takes the host for a run: nobody else may change it until the lease is released or ends by itself. Taking it again, as
 * the same owner, prolongs it. The lease of a process of this machine that is no more is broken.
 * @throws Error that names the owner, when another run has the host; when it is another machine than the one that is meant;
 *   and when it could not be asked.
 */
export async function takeLease(target: HostTarget, owner: string): Promise<void> {
  const machine = target.machineId === undefined ? {} : { machine: target.machineId };
  const take = (): Promise<string> => callHost(target, "lease take", { owner, seconds: LEASE_SECONDS, ...machine });
  try {
    await take();
  } catch (error) {
    const { message } = error as Error;
    const holder = /the host is held by '([^']+)'/.exec(message)?.[1];
    if (holder === undefined) {
      throw error;
    }
    if (!isGone(holder)) {
      throw new Error(`${message} (npm run doctor shows who has the host, and can break that)`, { cause: error });
    }
    await breakLease(target, holder);
    await take();
  }
}

export async function releaseLease(target: HostTarget, owner: string): Promise<void> {
  await callHost(target, "lease release", { owner });
}

/** Takes the host away from `owner`, who is known to be gone. @throws Error when somebody else, or nobody, has it. */
export async function breakLease(target: HostTarget, owner: string): Promise<void> {
  await callHost(target, "lease break", { owner });
}

/** Whether the owner was a process of this machine that has ended. */
function isGone(owner: string): boolean {
  const [, machine, pid] = /^\S+@(\S+) pid (\d+) /.exec(owner) ?? [];
  if (machine !== hostname() || pid === undefined) {
    return false;
  }
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
