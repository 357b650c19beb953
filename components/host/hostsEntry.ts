import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";

const PATH = "/etc/hosts";

export interface HostsEntryArgs extends Reason {
  /** Host name, in small letters. */
  name: string;
  /** Its IP address. */
  address: string;
}

/**
 * The address of a name on the host, whatever the name servers say: a line in /etc/hosts. All other lines stay. Refused where
 * another line has the name. Removing the resource takes the line out.
 */
export class HostsEntry extends pulumi.ComponentResource {
  readonly name: pulumi.Output<string>;

  constructor(name: string, args: HostsEntryArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:HostsEntry", name, args, opts);
    const { stdout } = hostItem(
      name,
      {
        plan: planHostsEntry(args, host.observation),
        why: args.why,
        apply: "hosts-entry put",
        undo: "hosts-entry undo",
        parameters: { name: args.name, address: args.address },
      },
      host,
      { parent: this },
    );
    this.name = stdout.apply(() => args.name);
    this.registerOutputs({ name: this.name });
  }
}

/** What the preview says of the name, by what /etc/hosts has. */
export function planHostsEntry({ name, address }: Omit<HostsEntryArgs, "why">, observation: Observation): ItemPlan {
  const wanted = `${name} is ${address}`;
  const then = `${PATH} says that ${wanted}; its other lines stay as they are`;
  const text = "blind" in observation ? undefined : observation.facts.files[PATH]?.content;
  if (text === undefined) {
    return { state: "not measured", sentence: then, wanted, observed: NOT_READ };
  }
  const lines = text.split("\n").filter((line) => namesOf(line).includes(name));
  const theirs = lines.filter((line) => !line.endsWith("# twisterlab-edge"));
  if (theirs.length > 0) {
    const observed = `${PATH} has another line for it, ${JSON.stringify(theirs[0])}`;
    return {
      state: "differs",
      sentence: `${name}: ${observed}: up will refuse; take that line out`,
      wanted,
      observed,
      refused: true,
    };
  }
  const addresses = lines.map((line) => line.trim().split(/\s+/)[0] ?? "");
  if (addresses.length === 1 && addresses[0] === address) {
    return { state: "in sync", sentence: `${PATH} says that ${wanted}`, wanted, observed: "as wanted" };
  }
  const observed = addresses.length === 0 ? `not in ${PATH} yet` : `${PATH} has ${addresses.join(", ")}`;
  return { state: "differs", sentence: `${name}: ${observed}; ${then}`, wanted, observed };
}

/** The names that a line of the hosts file has an address for. */
function namesOf(line: string): string[] {
  return line.replace(/#.*/, "").toLowerCase().trim().split(/\s+/).slice(1);
}
