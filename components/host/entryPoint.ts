import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { installScript, scriptBundle, sha256 } from "./bundle.ts";
import { ENTRY_POINT, type Host } from "./host.ts";

export interface EntryPointArgs {
  /** Stack that uses the entry point; the last stack to be destroyed takes it away. */
  stack: string;
}

/** The program on the host that every other host item calls: one root-owned file, made of `scripts/`. */
export class EntryPoint extends pulumi.ComponentResource {
  /** Path of the entry point on the host. */
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: EntryPointArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const bundle = scriptBundle();
    super("twisterlab:host:EntryPoint", name, { ...args, sha256: sha256(bundle) }, opts);
    host.report.add(
      name,
      { state: "not measured", sentence: `installs ${ENTRY_POINT}, made of components/host/scripts` },
      { why: "every host item below calls it by sudo" },
    );

    const install = `sudo -n bash -s -- ${sha256(bundle)} ${args.stack}`;
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
