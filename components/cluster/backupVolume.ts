import * as pulumi from "@pulumi/pulumi";
import { localVolume, type LocalVolumeArgs } from "./localVolume.ts";

/** Of the claim: its namespace is that of the databases, and its name the component's own. */
export type BackupVolumeArgs = Omit<LocalVolumeArgs, "claim">;

/** The folder of the backups, as a volume: on a disk other than the databases'. */
export class BackupVolume extends pulumi.ComponentResource {
  /** Name of the claim. */
  readonly claim: pulumi.Output<string>;

  constructor(name: string, args: BackupVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:BackupVolume", name, args, opts);
    const claim = localVolume(name, { ...args, claim: name }, { parent: this });
    this.claim = claim.metadata.name;
    this.registerOutputs({ claim: this.claim });
  }
}
