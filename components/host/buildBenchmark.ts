import * as pulumi from "@pulumi/pulumi";
import { hostItem, type Host } from "./host.ts";
import { planRun, type Reason } from "./plan.ts";

export interface BuildBenchmarkArgs extends Reason {
  /** Folder on the host that is built in. */
  context: string;
  /** Dockerfile, from that folder. */
  dockerfile: string;
  /** Seconds that a build from nothing is to stay below. */
  fullBelow: number;
  /** Seconds that a build with everything in the cache is to stay below. */
  cachedBelow: number;
}

/**
 * How long Docker builds an image on this host, measured once for these arguments and recorded as an output: from nothing,
 * then with everything in its cache. A build that fails is an error; one that is too slow is a figure.
 */
export class BuildBenchmark extends pulumi.ComponentResource {
  /** A line for each build: seconds, limit, verdict. */
  readonly report: pulumi.Output<string>;

  constructor(name: string, args: BuildBenchmarkArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:BuildBenchmark", name, args, opts);
    const { context, dockerfile, fullBelow, cachedBelow } = args;
    const { stdout } = hostItem(
      name,
      {
        plan: planRun(
          name,
          `docker build of ${context}/${dockerfile}, from nothing (to stay below ${fullBelow} s) and cached (below ${cachedBelow} s); its tag is removed, its layers stay in Docker's build cache`,
          host.observation,
        ),
        why: args.why,
        goingBack: "measures, and changes nothing",
        apply: "build-benchmark run",
        undo: "build-benchmark forget",
        parameters: { context, dockerfile, full_below: fullBelow, cached_below: cachedBelow },
      },
      host,
      { parent: this },
    );
    this.report = stdout;
    this.registerOutputs({ report: this.report });
  }
}
