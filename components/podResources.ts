import { cpu, memory } from "./settings/values/quantity.ts";

/** Kubernetes quantities. */
type Amount = Readonly<Record<"cpu" | "memory", string>>;

/** What a container is promised, and may use at most. */
export type Resources = Readonly<Record<"requests" | "limits", Amount>>;

/** Cores and bytes. */
export interface Share {
  readonly cpu: number;
  readonly memory: number;
}

/** What a container gets: processor share and memory that it is promised, and both that it may use, `100m 256Mi`. */
export function resources(requests: string, limits: string): Resources {
  const amount = (text: string): Amount => {
    const [share = "", bytes = ""] = text.split(" ");
    return { cpu: share, memory: bytes };
  };
  return { requests: amount(requests), limits: amount(limits) };
}

export const NOTHING: Share = { cpu: 0, memory: 0 };

export function shareOf(amount: Amount): Share {
  return { cpu: cpu.read(amount.cpu).value, memory: memory.read(amount.memory).value };
}

export function sum(shares: readonly Share[]): Share {
  return {
    // Thousandths add up without the noise of fractions.
    cpu: shares.reduce((total, each) => total + Math.round(each.cpu * 1000), 0) / 1000,
    memory: shares.reduce((total, each) => total + each.memory, 0),
  };
}
