import type { ClusterLook } from "../ownership.ts";
import { permits, selects, type MeasuredConnection } from "./connectivity.ts";
import { ANY, type Labels, nameOf, type Pods, type Port, portName, takes } from "./flows.ts";
import type { LiveNetwork, LivePod, LiveService } from "./live.ts";
import type { FlowTable } from "./table.ts";

/**
 * What the table says of a cluster that is not so, and what is there that the table does not have.
 *
 * Seen is what objects say: labels, ports that containers and Services name, and addresses in a pod's environment. Not seen
 * is what connects without saying so: K3s keeps no record of connections.
 */
export function findings(
  table: FlowTable,
  live: LiveNetwork,
  allowed: readonly MeasuredConnection[],
): Pick<ClusterLook, "refusals" | "notes"> {
  const closed = ({ namespace }: { namespace: string }): boolean => table.namespaces.includes(namespace);
  const known = table.pods.filter(closed);
  const governed = live.pods.filter((pod) => pod.governed && closed(pod));
  return {
    refusals: known.filter((pods) => pods.lasting && !isThere(pods, live)).map(deadSelector),
    notes: [
      ...governed.filter((pod) => !known.some((pods) => standsFor(pods, pod))).map(strangePod),
      ...foreignPolicies(table, live),
      ...known.flatMap((pods) => unreachedPorts(pods, live, allowed)),
      ...new Set(governed.flatMap((pod) => namedServices(pod, table, live, allowed))),
    ],
  };
}

function isThere(pods: Pods, { pods: live, workloads }: LiveNetwork): boolean {
  return [...live, ...workloads].some((each) => standsFor(pods, each));
}

function deadSelector(pods: Pods): string {
  const labels = Object.entries(pods.labels).map(([key, value]) => (value === ANY ? key : `${key}=${value}`));
  return `no pod of ${pods.namespace} carries ${labels.join(",")}, the labels of ${nameOf(pods)}: its flows would reach nothing, and its pods would be cut off; write down what they carry (kubectl get pods --namespace ${pods.namespace} --show-labels)`;
}

function strangePod({ namespace, name }: LivePod): string {
  return `the pod ${namespace}/${name} is of no workload that the flow table knows: it will reach nothing, and only the machine will reach it`;
}

function foreignPolicies({ namespaces }: FlowTable, { policies }: LiveNetwork): string[] {
  return policies
    .filter(({ namespace, stack }) => namespaces.includes(namespace) && stack === undefined)
    .map(
      ({ namespace, name }) =>
        `NetworkPolicy ${namespace}/${name} is another's and stays: what it allows is allowed besides`,
    );
}

/** Ports that containers or Services name, and that nobody may reach. */
function unreachedPorts(pods: Pods, live: LiveNetwork, allowed: readonly MeasuredConnection[]): string[] {
  const there = live.pods.filter((pod) => pod.governed && standsFor(pods, pod));
  const behind = live.services.filter((service) => there.some((pod) => leadsTo(service, pod)));
  const named = [...there.flatMap(({ ports }) => ports), ...behind.flatMap((service) => targetsOf(service, there))];
  const reached = (port: Port): boolean => allowed.some((one) => one.to === nameOf(pods) && permits(one, port));
  const missed = [...new Set(named.filter((port) => !reached(port)).map(portName))];
  return missed.length === 0
    ? []
    : [`no flow reaches port ${missed.join(", ")} of ${nameOf(pods)}, which its objects name`];
}

/** Services that a pod's environment names, and that it may not reach. */
function namedServices(
  pod: LivePod,
  table: FlowTable,
  live: LiveNetwork,
  allowed: readonly MeasuredConnection[],
): string[] {
  const from = table.pods.find((pods) => standsFor(pods, pod));
  if (from === undefined) return [];
  return live.services.flatMap((service) => {
    const variable = pod.environment.find(({ name, value }) => mentions(name, value, service, pod.namespace))?.name;
    const behind = live.pods.filter((each) => leadsTo(service, each));
    const to = table.pods.find((pods) => behind.some((each) => standsFor(pods, each)));
    if (variable === undefined || to === undefined || nameOf(to) === nameOf(from)) return [];
    const wanted = targetsOf(service, behind);
    const reached = allowed.some(
      (one) => one.from === nameOf(from) && one.to === nameOf(to) && wanted.some((port) => permits(one, port)),
    );
    return reached
      ? []
      : [
          `${nameOf(from)} names the Service ${service.namespace}/${service.name} in its environment (${variable}), and no flow lets it reach ${nameOf(to)}`,
        ];
  });
}

/** Whether a value has a Service's address in it: in a URL, with a port, or alone where the variable is one for addresses. */
function mentions(variable: string, value: string, { namespace, name }: LiveService, own: string): boolean {
  const names = [`${name}\\.${namespace}(\\.svc[a-z.]*)?`, ...(namespace === own ? [name] : [])].join("|");
  const inUrl = new RegExp(`(//|@)(${names})([:/?,]|$)|(^|[\\s,=])(${names}):\\d`);
  const alone = new RegExp(`^(${names})$`);
  return inUrl.test(value) || (/HOST|ADDR|SERVER|ENDPOINT|UR[IL]/i.test(variable) && alone.test(value));
}

function leadsTo({ namespace, selector }: LiveService, pod: LivePod): boolean {
  const isFor = Object.keys(selector).length > 0 && selects({ matchLabels: { ...selector } }, pod.labels);
  return isFor && pod.namespace === namespace;
}

/** Ports of the pods that a Service leads to; those that it names are looked up. */
function targetsOf({ targets }: LiveService, pods: readonly LivePod[]): Port[] {
  return targets.flatMap(({ protocol, port }) =>
    typeof port === "number"
      ? [{ protocol, port }]
      : pods.flatMap(({ ports }) => ports.filter((each) => each.name === port && each.protocol === protocol)),
  );
}

/** Whether an entry of the table stands for what is there. */
function standsFor(pods: Pods, there: { readonly namespace: string; readonly labels: Labels }): boolean {
  return pods.namespace === there.namespace && takes(pods.labels, there.labels);
}
