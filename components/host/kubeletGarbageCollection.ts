import * as pulumi from "@pulumi/pulumi";
import type { KubeletFact } from "./facts.ts";
import type { Host } from "./host.ts";
import { compareFile, HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";
import { kubeletValues, renderKubeletConfig, type KubeletLimits } from "./render/kubeletConfig.ts";

const PATH = "/etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml";

export type KubeletGarbageCollectionArgs = KubeletLimits & Reason;

/**
 * What the kubelet clears away before the disk is full: images first, then pods, and the logs of containers, which
 * Docker's and logrotate's limits do not reach. K3s reads the file when it starts, so it is restarted; pods outlive that.
 */
export class KubeletGarbageCollection extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: KubeletGarbageCollectionArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:KubeletGarbageCollection", name, args, opts);
    const file = new HostFile(
      `${name}-yaml`,
      {
        path: PATH,
        content: renderKubeletConfig(args),
        why: args.why,
        plan: planKubeletGarbageCollection(args, host.observation),
        validate: "k3s-kubelet",
        activate: "k3s-kubelet",
        guarded: true,
      },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says: of the file, and of what the kubelet runs with now. */
export function planKubeletGarbageCollection(limits: KubeletLimits, observation: Observation): ItemPlan {
  const values = kubeletValues(limits);
  const wanted = `unused images go above ${limits.imageGc.high} % of the disk, pods below ${limits.evictBelow.disk} % free`;
  const restart = "K3s is restarted, its pods stay up";
  const comparison = compareFile({ path: PATH, content: renderKubeletConfig(limits) }, observation);
  if ("blind" in observation || comparison.state === "not measured") {
    return { state: "not measured", sentence: `${PATH}: ${wanted}; ${restart}`, wanted, observed: NOT_READ };
  }
  const { kubelet } = observation.facts;
  const changes = kubelet === undefined ? [] : describeChanges(kubelet, values);
  if (comparison.state === "in sync" && changes.length === 0) {
    return kubelet === undefined
      ? {
          state: "not measured",
          sentence: `${PATH} is as wanted; the kubelet could not be asked what it runs with`,
          wanted,
          observed: "the file is as wanted",
        }
      : { state: "in sync", sentence: `the kubelet runs as wanted: ${wanted}`, wanted, observed: "as wanted" };
  }
  const observed = [
    ...(comparison.state === "in sync" ? [] : [`${PATH} ${comparison.differences.join("; ")}`]),
    ...(changes.length === 0 ? [] : [`the kubelet runs with ${changes.join(", ")}`]),
  ].join("; ");
  return { state: "differs", sentence: `${observed}; ${restart}`, wanted, observed };
}

/** Each value that the kubelet has otherwise, as `name there -> wanted`. */
function describeChanges(there: KubeletFact, wanted: KubeletFact): string[] {
  const before = flat(there);
  const after = flat(wanted);
  return [...new Set([...Object.keys(after), ...Object.keys(before)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} ${before[name] ?? "unset"} -> ${after[name] ?? "unset"}`);
}

function flat(values: KubeletFact): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .flatMap(([name, value]): [string, string][] =>
        value !== null && typeof value === "object"
          ? Object.entries(value as Record<string, string>).map(([signal, limit]) => [`${name} ${signal}`, limit])
          : [[name, String(value)]],
      )
      .filter(([, value]) => value !== "null"),
  );
}
