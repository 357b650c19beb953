import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import { planRun, type Reason } from "./plan.ts";

export interface RegistryFolderArgs extends Reason {
  /** Mount point of a disk that / is not on. */
  mount: string;
  /** The folder, an absolute path below it. */
  path: string;
  /** Folders in it, one for each volume. */
  folders: readonly string[];
}

/**
 * The folders that the registry's volumes are, on a disk other than the system's: refused unless that disk is mounted.
 * Removing the resource changes nothing on the host: every image stays.
 */
export class RegistryFolder extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: RegistryFolderArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:RegistryFolder", name, args, opts);
    const { mount, path, folders, why } = args;
    const { stdout } = hostItem(
      name,
      {
        plan: planRun(
          name,
          `${path} is made on the disk at ${mount}, with a folder for each volume (${folders.join(", ")}); what is there already stays, and all of it when this item is removed`,
          host.observation,
        ),
        why,
        apply: "registry-folder make",
        // No undo: nothing that may hold an image is ever removed.
        goingBack: "stays, with every image in it, also when it is taken out of the site file",
        parameters: { mount, path, folders: folders.join(",") },
      },
      host,
      { parent: this },
    );
    this.path = stdout.apply(() => path);
    this.registerOutputs({ path: this.path });
  }
}
