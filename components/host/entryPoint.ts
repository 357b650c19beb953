import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { installScript, scriptBundle, sha256 } from "./bundle.ts";
import type { Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { ENTRY_POINT } from "./paths.ts";
import { NOT_READ, type ItemPlan } from "./plan.ts";
import { nextRevision } from "./revision.ts";

export interface EntryPointArgs {
  /** Stack that uses the entry point; the last stack to be destroyed takes it away. */
  stack: string;
  /** The machine that is meant. It stands in the state, where a connection is secret as a whole, so that a review sees another one. */
  machine: { address: string; port: number; id?: string };
}

/** The program on the host that every other host item calls: one root-owned file, made of `scripts/`. */
export class EntryPoint extends pulumi.ComponentResource {
  /** Path of the entry point on the host. */
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: EntryPointArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const bundle = scriptBundle();
    super("twisterlab:host:EntryPoint", name, { ...args, sha256: sha256(bundle) }, opts);
    const plan = planEntryPoint(sha256(bundle), args.stack, host.observation);
    const revision = nextRevision(name, plan, host, recordOf(args.stack, host.observation));
    host.report.add({
      ...plan,
      name,
      revision,
      why: "every host item below calls it by sudo",
      undo: "the last phase that is destroyed takes it away",
    });

    // Where the account may only run the entry point, that one replaces itself.
    const run = `-- ${sha256(bundle)} ${args.stack} ${revision}`;
    const install = `if sudo -n bash -c : 2> /dev/null; then exec sudo -n bash -s ${run}; fi; exec sudo -n ${ENTRY_POINT} install ${run}`;
    const installed = new command.remote.Command(
      `${name}-install`,
      {
        connection: host.connection,
        create: install,
        update: install,
        delete: `sudo -n ${ENTRY_POINT} leave ${args.stack}`,
        stdin: installScript() + bundle,
        addPreviousOutputInEnv: false,
      },
      // The text is for the checkout's own diff; its checksum stands in the command.
      { parent: this, provider: host.provider, hideDiffs: ["stdin"] },
    );
    this.path = installed.id.apply(() => ENTRY_POINT);
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of the entry point: the program itself, the units that go with it, and who uses it. */
export function planEntryPoint(bundleSha256: string, stack: string, observation: Observation): ItemPlan {
  const wanted = `${ENTRY_POINT} of this checkout`;
  const installs = `installs ${ENTRY_POINT}, made of components/host/scripts`;
  if ("blind" in observation) {
    return { state: "not measured", sentence: installs, wanted, observed: NOT_READ };
  }
  const { entryPoint, units } = observation.facts;
  const differs = (observed: string): ItemPlan => ({
    state: "differs",
    sentence: `${installs} (${observed})`,
    wanted,
    observed,
  });
  if (entryPoint.sha256 === undefined) {
    return differs("it is not there yet");
  }
  if (entryPoint.sha256 !== bundleSha256) {
    return differs("another version is there");
  }
  const off = REVERT_UNITS.filter((unit) => units[unit]?.enabled !== "enabled");
  if (off.length > 0) {
    return differs(`not enabled: ${off.join(", ")}`);
  }
  return stack in entryPoint.users
    ? { state: "in sync", sentence: `${ENTRY_POINT} is as wanted`, wanted, observed: "as wanted" }
    : differs(`it is there, and ${stack} is not among its users yet`);
}

/** The units that undo what nobody confirms; see scripts/confirm.sh. */
const REVERT_UNITS = ["twisterlab-edge-revert.service", "twisterlab-edge-revert-at-boot.service"];

/** Revisions of the entry point, which each stack that uses it counts for itself. */
function recordOf(stack: string, observation: Observation): number | undefined {
  return "facts" in observation ? observation.facts.entryPoint.users[stack] : undefined;
}
