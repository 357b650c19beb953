import { Field } from "../../support/field.ts";
import { loadOf, most, NOTHING, plus, surge, times, type Load, type Share } from "../../support/budget.ts";
import { isKind } from "../../support/resource.ts";
import type { Facts } from "../../support/site/rule.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** All pods fit on the node, with room for an update. */
export const nodeHasRoom: SiteRule = {
  name: "node-has-room",
  audience: "site",
  level: "mandatory",
  reason: "what does not fit is not scheduled, or pushes something out that was running, and it shows only then.",
  source: "our own; schedulers find it out too late",
  fix: "lower requests, or take something out; `host.capacity` and `policies.reserve` say what there is.",
  example: {
    refused: "requests: { cpu: '3' } beside workloads of 2652m",
    accepted: "requests that leave `policies.reserve` and one update of room",
  },
  *checkStack(stack, { site }) {
    const loads = stack.flatMap((resource) => loadOf(resource) ?? []);
    if (loads.length === 0) return;
    const names = new Set(loads.map(({ name }) => name));
    const all = [...loads, ...runningAlready(site).filter(({ name }) => !names.has(name))];
    const steady = all.map((load) => load.steady).reduce(plus, NOTHING);
    // One thing is updated at a time, and the largest decides.
    const update = all.map((load) => load.surge).reduce(most, NOTHING);
    const { threads, memory } = site.host.capacity;
    const reserve = {
      cpu: Math.round(site.policies.reserve.cpu.value * 1000),
      memory: site.policies.reserve.memory.value,
    };
    const needed = plus(plus(steady, update), reserve);
    const there = { cpu: threads * 1000, memory: memory.bytes };
    for (const [what, unit] of [
      ["cpu", 1],
      ["memory", 2 ** 20],
    ] as const) {
      if (needed[what] <= there[what]) continue;
      const of = (share: Share): string => `${Math.ceil(share[what] / unit)}${what === "cpu" ? "m" : "Mi"}`;
      yield {
        at: largest(loads, what),
        what: `all pods together request ${of(steady)} of ${what}, an update ${of(update)} more, and ${of(reserve)} are to stay free: the machine has ${of(there)}`,
      };
    }
  },
};

/** What the site file has of the workloads that are there, with their fewest pods. */
function runningAlready(site: Facts["site"]): Omit<Load, "resource">[] {
  return Object.entries(site.workloads).flatMap(([namespace, workloads]) =>
    Object.entries(workloads).map(([name, { kind, replicas, requests }]) => {
      const share = { cpu: Math.round((requests?.cpu.value ?? 0) * 1000), memory: requests?.memory.value ?? 0 };
      return {
        name: `${namespace}/${name}`,
        steady: times(share, replicas.min),
        surge: times(share, kind === "Deployment" ? surge(new Field(undefined), replicas.min) : 0),
      };
    }),
  );
}

function largest(loads: readonly Load[], what: keyof Share): Load["resource"] {
  const long = loads.filter(({ resource }) => !isKind(resource, "Job", "CronJob"));
  const [first] = [...(long.length > 0 ? long : loads)].sort((one, other) => other.steady[what] - one.steady[what]);
  if (first === undefined) throw new Error("there is no load");
  return first.resource;
}
