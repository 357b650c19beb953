import Table from "cli-table3";
import { BACKUP_POD } from "../components/cluster/databaseBackup.ts";
import { HYGIENE_POD } from "../components/cluster/podHygiene.ts";
import { DRILL_POD } from "../components/cluster/restoreDrill.ts";
import { CHART_JOB, DISTRIBUTION_CONTAINER, harborTakes } from "../components/harborShape.ts";
import { METALLB_CONTAINERS } from "../components/metalLbShape.ts";
import { NOTHING, shareOf, sum, type Resources, type Share } from "../components/podResources.ts";
import { ownRegistry } from "../components/settings/ownRegistry.ts";
import type { Site } from "../components/settings/site.ts";
import { formatBytes } from "../components/settings/values/size.ts";

/** Something that takes a part of the machine. */
export interface BudgetRow {
  readonly what: string;
  /** What it is promised. Undefined: nobody wrote that down. */
  readonly requests: Share | undefined;
  /** What it may use at most. */
  readonly limits: Share | undefined;
}

/** What all of the declared phases together take of the machine, and whether that is there. */
export interface Budget {
  readonly rows: readonly BudgetRow[];
  readonly total: { readonly requests: Share; readonly limits: Share };
  readonly capacity: Share;
  /** What does not fit, a line each; empty when all does. */
  readonly faults: readonly string[];
}

/**
 * Adds up what runs already (its fewest pods, as far as somebody wrote down what they take), what phases 0, 1 and 3 add, and what
 * is kept free for the system. Requests must fit, and so must the limits of memory, because what is used beyond it is killed;
 * processor limits of them all may be more than there is, and are today: then each gets its part.
 *
 * Of the jobs only the largest counts: their schedules are apart (`policies.backupSpacing`).
 */
export function budgetOf(site: Site): Budget {
  const rows = [...running(site), ...mcpServices(site), ...jobs(site), ...registry(site), ...metalLb(), reserve(site)];
  const total = {
    requests: sum(rows.map(({ requests }) => requests ?? NOTHING)),
    limits: sum(rows.map(({ limits }) => limits ?? NOTHING)),
  };
  const capacity = { cpu: site.host.capacity.threads, memory: site.host.capacity.memory.bytes };
  const faults = [
    ...(total.requests.cpu > capacity.cpu
      ? [`${cores(total.requests.cpu)} are promised, and the machine has ${cores(capacity.cpu)}`]
      : []),
    ...(total.requests.memory > capacity.memory
      ? [
          `${formatBytes(total.requests.memory)} of memory are promised, and the machine has ${formatBytes(capacity.memory)}`,
        ]
      : []),
    ...(total.limits.memory > capacity.memory
      ? [
          `${formatBytes(total.limits.memory)} of memory may be used, and the machine has ${formatBytes(capacity.memory)}`,
        ]
      : []),
  ];
  return { rows, total, capacity, faults };
}

/** The budget as a table for a preview. */
export function describeBudget({ rows, total, capacity }: Budget): string {
  const table = new Table({
    head: ["", "cpu promised", "at most", "memory promised", "at most"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const line = ({ what, requests, limits }: BudgetRow): string[] => [
    what,
    requests === undefined ? "?" : cores(requests.cpu),
    limits === undefined ? "?" : cores(limits.cpu),
    requests === undefined ? "?" : mebibytes(requests.memory),
    limits === undefined ? "?" : mebibytes(limits.memory),
  ];
  table.push(
    ...[...rows, { what: "all together", ...total }, { what: "the machine", requests: capacity, limits: capacity }].map(
      line,
    ),
  );
  return `What the pods of all phases take of the machine (?: nobody wrote it down):\n${table.toString()}`;
}

function running({ workloads, phase0 }: Site): BudgetRow[] {
  const ours = Object.entries(phase0.mcpServices).map(([name, { namespace }]) => `${namespace}/${name}`);
  return Object.entries(workloads).flatMap(([namespace, inNamespace]) =>
    Object.entries(inNamespace)
      .filter(([name, { replicas }]) => replicas.min > 0 && !ours.includes(`${namespace}/${name}`))
      .map(([name, { replicas, requests, limits }]) => {
        const times = (share: typeof requests): Share | undefined =>
          share && sum(Array.from({ length: replicas.min }, () => valuesOf(share)));
        const count = replicas.min > 1 ? ` x ${replicas.min}` : "";
        return { what: `${namespace}/${name}${count}`, requests: times(requests), limits: times(limits) };
      }),
  );
}

function mcpServices({ phase0 }: Site): BudgetRow[] {
  return Object.entries(phase0.mcpServices).map(([name, { namespace, requests, limits }]) => ({
    what: `${namespace}/${name}`,
    requests: valuesOf(requests),
    limits: valuesOf(limits),
  }));
}

function jobs({ phase0, phase1 }: Site): BudgetRow[] {
  const { backups, podHygiene } = phase0;
  const pods: [string, Resources, boolean][] = [
    ["a trial of restoring", DRILL_POD, backups.postgres !== undefined || backups.redis !== undefined],
    ["a backup", BACKUP_POD, backups.postgres !== undefined || backups.redis !== undefined],
    ["an installation of a chart", CHART_JOB, phase1.registry?.option === "harbor"],
    ["the pod hygiene", HYGIENE_POD, podHygiene.namespaces.length > 0],
  ];
  const [largest] = pods.filter(([, , there]) => there);
  return largest === undefined ? [] : [row(`the largest job, ${largest[0]}`, largest[1])];
}

function registry({ phase1 }: Site): BudgetRow[] {
  switch (ownRegistry(phase1)?.option) {
    case "harbor":
      return [{ what: "Harbor", ...harborTakes() }];
    case "distribution":
      return [row("the registry", DISTRIBUTION_CONTAINER)];
    default:
      return [];
  }
}

function metalLb(): BudgetRow[] {
  return Object.entries(METALLB_CONTAINERS).map(([part, takes]) => row(`MetalLB's ${part}`, takes));
}

function reserve({ policies }: Site): BudgetRow {
  const kept = valuesOf(policies.reserve);
  return { what: "kept free (policies.reserve)", requests: kept, limits: kept };
}

function row(what: string, { requests, limits }: Resources): BudgetRow {
  return { what, requests: shareOf(requests), limits: shareOf(limits) };
}

function valuesOf({ cpu, memory }: Record<"cpu" | "memory", { readonly value: number }>): Share {
  return { cpu: cpu.value, memory: memory.value };
}

function cores(count: number): string {
  return `${Math.round(count * 1000)}m`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}Mi`;
}
