import type { KubernetesObjectApi } from "@kubernetes/client-node";
import type { ClusterLook } from "../ownership.ts";
import { connectivity, type Connection, endsOf, type MeasuredConnection, type Surroundings } from "./connectivity.ts";
import { findings } from "./findings.ts";
import { nameOf } from "./flows.ts";
import { type LiveNetwork, readNetwork } from "./live.ts";
import { kept, matrix, readKept } from "./matrix.ts";
import { closedNamespace, jobPolicies, type Policy } from "./policies.ts";
import { type FlowTable, flowTable, type Told } from "./table.ts";

/** The network policies of a site, and what becomes of who may reach whom. */
export class NetworkPlan {
  /** Namespaces that are closed, in that order, with their policies. */
  readonly namespaces: readonly { readonly namespace: string; readonly policies: readonly Policy[] }[];
  readonly #told: Told;
  readonly #stack: string;
  readonly #kept: readonly Connection[] | undefined;
  readonly #table: FlowTable;
  #live: LiveNetwork | undefined;

  /** @param left `after` of the stack's last `up`, for a preview that cannot ask the cluster. */
  constructor(told: Told, stack: string, left: Readonly<Record<string, string>> | undefined) {
    this.#told = told;
    this.#stack = stack;
    this.#kept = left === undefined ? undefined : readKept(left);
    this.#table = flowTable(told);
    const { flows, pods, namespaces } = this.#table;
    this.namespaces = namespaces.map((namespace) => ({ namespace, policies: closedNamespace(namespace, flows, pods) }));
  }

  /** Reads the cluster, which the plan is compared with from then on. @throws Error when it does not answer. */
  async read(api: KubernetesObjectApi): Promise<LiveNetwork> {
    this.#live = await readNetwork(api);
    return this.#live;
  }

  /** What is on the cluster that the table does not know, or the other way round; nothing before it was read. */
  findings(): Pick<ClusterLook, "refusals" | "notes"> {
    return this.#live === undefined
      ? { refusals: [], notes: [] }
      : findings(this.#table, this.#live, this.#afterwards());
  }

  /** Who may reach whom afterwards, for the stack to keep. */
  get after(): Record<string, string> {
    return kept(this.#afterwards());
  }

  /** The connectivity before and after, for the preview. */
  page(): string {
    const source =
      this.#live === undefined
        ? this.#kept === undefined
          ? "not known: the cluster was not read, and this stack was never applied"
          : "as the last `up` left it; the cluster was not read"
        : "as the cluster has it";
    const parts = [
      `Who may reach whom. Before: ${source}. The machine always reaches its own pods.`,
      matrix(this.#before(), this.#afterwards()),
    ];
    const unknown = this.#unknownAddresses();
    if (unknown.length > 0) {
      parts.push(`Not in it, because their addresses are not known yet: ${unknown.join(", ")}.`);
    }
    const unlabelled = this.#unlabelled();
    if (unlabelled.length > 0) {
      parts.push(`Closed with no flow at all, because nobody wrote down their labels: ${unlabelled.join(", ")}.`);
    }
    return parts.join("\n");
  }

  #before(): readonly Connection[] | undefined {
    return this.#live === undefined ? this.#kept : this.#connectivity(this.#live.policies);
  }

  #afterwards(): MeasuredConnection[] {
    const { flows, pods } = this.#table;
    const planned = this.namespaces.flatMap(({ policies }) => policies);
    // What this stack has there becomes what is planned; a policy of another's stays.
    const others = this.#live?.policies.filter(({ stack }) => stack !== this.#stack) ?? jobPolicies(flows, pods);
    return this.#connectivity([...others, ...planned]);
  }

  #connectivity(policies: readonly Policy[]): MeasuredConnection[] {
    const { flows, pods } = this.#table;
    const about: Surroundings = {
      podCidr: this.#told.network.podCidr,
      ...(this.#live === undefined ? {} : { namespaceLabels: this.#live.namespaceLabels }),
    };
    return connectivity(policies, endsOf(flows, pods), about);
  }

  #unknownAddresses(): string[] {
    const ends = endsOf(this.#table.flows, []);
    return ends.flatMap((end) => (end.kind === "addresses" && end.cidr === "unknown" ? [nameOf(end)] : []));
  }

  #unlabelled(): string[] {
    return this.#table.namespaces.flatMap((namespace) =>
      Object.entries(this.#told.workloads[namespace] ?? {})
        .filter(([, { labels }]) => Object.keys(labels).length === 0)
        .map(([name]) => `${namespace}/${name}`),
    );
  }
}
