import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import { planRun, type Reason } from "./plan.ts";

export interface DiskBenchmarkArgs extends Reason {
  /** Kernel names of the disks, `sdb` for instance. Only read from, so a letter that moved does no harm. */
  disks: string[];
  /** Device of the root filesystem, whose features are recorded. */
  rootDevice: string;
}

/** Read timings of the disks (`hdparm -Tt`) and the root filesystem's features, recorded as an output. Reads only. */
export class DiskBenchmark extends pulumi.ComponentResource {
  /** One figure a line. */
  readonly report: pulumi.Output<string>;

  constructor(name: string, args: DiskBenchmarkArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DiskBenchmark", name, args, opts);
    const { stdout } = hostItem(
      name,
      {
        plan: planRun(
          name,
          `hdparm -Tt reads from ${args.disks.join(", ")} for about ${10 * args.disks.length} s and the figures are recorded; nothing is written`,
          host.observation,
        ),
        why: args.why,
        goingBack: "measures, and changes nothing",
        apply: "disk-benchmark run",
        parameters: { disks: args.disks.join(" "), root_device: args.rootDevice },
      },
      host,
      { parent: this },
    );
    this.report = stdout;
    this.registerOutputs({ report: this.report });
  }
}
