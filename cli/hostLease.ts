import { applyTarget } from "../components/host/connection.ts";
import { LEASE_OWNER, leaseOwner, releaseLease, takeLease } from "../components/host/lease.ts";
import { EXIT, Failure } from "./failure.ts";
import { loginKey } from "./loginKey.ts";
import { say } from "./phase.ts";
import type { Site } from "./site.ts";

/** The host, for one run. */
export interface HostHold {
  /** Lets the program that Pulumi starts take the host in our name. */
  environment: Record<string, string>;
  /** @throws Failure when another run has the host, or it cannot be asked. */
  take(): Promise<void>;
  /** Gives the host back; says so when that cannot be done, because then others wait. */
  release(): Promise<void>;
}

/** Makes this process the owner of the host's lease for a run on `stack`. Takes nothing yet. */
export function holdHost(site: Site, stack: string): HostHold {
  const owner = leaseOwner(stack);
  const target = () => applyTarget(site.settings, loginKey(site));
  return {
    environment: { [LEASE_OWNER]: owner },
    take: async () => {
      try {
        await takeLease(target(), owner);
      } catch (error) {
        throw new Failure(`nothing was changed: ${(error as Error).message}`, EXIT.error);
      }
    },
    release: async () => {
      try {
        await releaseLease(target(), owner);
      } catch (error) {
        say(`If this run has the host, it stays held for half an hour at most: ${(error as Error).message}`);
      }
    },
  };
}
