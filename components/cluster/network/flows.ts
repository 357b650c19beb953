// Who may reach whom over the network, and the NetworkPolicies that allow just that. Pure: no Pulumi, no cluster.

export type Labels = Readonly<Record<string, string>>;

/** A port of pods or machines: behind a Service it is the pod's own, which is what policies see. */
export interface Port {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** Pods of a namespace that carry labels. */
export interface Pods {
  readonly kind: "pods";
  readonly namespace: string;
  readonly name: string;
  /** `*` for any value. */
  readonly labels: Labels;
  /** What they listen on; empty where nobody wrote it down. */
  readonly ports: readonly Port[];
  /** Whether some always run; jobs come and go, and a workload may be down. */
  readonly lasting: boolean;
  /** Whether their policy is made together with them, as that of a job of this program is. */
  readonly ownPolicy: boolean;
}

/** All pods of a namespace, or of the cluster, but for those with a policy of their own. */
export interface Group {
  readonly kind: "group";
  /** `twisterlab/*`, or `every-pod`. */
  readonly name: string;
  /** Undefined: all of the cluster. */
  readonly namespace: string | undefined;
}

/** Addresses outside of the pods' network. */
export interface Addresses {
  readonly kind: "addresses";
  readonly name: string;
  /** Network in CIDR notation; `unknown` until somebody has found it. */
  readonly cidr: string;
  /** Networks within it that are not meant. */
  readonly except: readonly string[];
}

/** The machine itself. Kubernetes lets it reach its own pods whatever policies say: probes come from there. */
export interface Node {
  readonly kind: "node";
  readonly name: string;
  readonly cidr: string;
  readonly ports: readonly Port[];
}

export type Endpoint = Pods | Group | Addresses | Node;

/** One line of the table: any of `from` may reach `to`. */
export interface Flow {
  readonly from: readonly Endpoint[];
  readonly to: Endpoint;
  readonly ports: readonly Port[];
  /** Why, for whoever reviews. */
  readonly purpose: string;
}

/** The label that Kubernetes gives every namespace: its name. */
export const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

/** Label value that stands for any. */
export const ANY = "*";

/** As people call an endpoint, and as the site file does. */
export function nameOf(endpoint: Endpoint): string {
  return endpoint.kind === "pods" ? `${endpoint.namespace}/${endpoint.name}` : endpoint.name;
}

/** `5432`, `53/UDP`. */
export function portName({ port, protocol }: Port): string {
  return protocol === "TCP" ? String(port) : `${port}/${protocol}`;
}

/** Whether pods are meant by an endpoint. */
export function covers(endpoint: Endpoint, pods: Pods): boolean {
  if (endpoint.kind === "group") {
    return !pods.ownPolicy && (endpoint.namespace === undefined || endpoint.namespace === pods.namespace);
  }
  return endpoint.kind === "pods" && nameOf(endpoint) === nameOf(pods);
}

/** Whether a selector of these labels takes pods that carry others. */
export function takes(wanted: Labels, carried: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const there = carried[key];
    return there !== undefined && (value === ANY || there === ANY || there === value);
  });
}
