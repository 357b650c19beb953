import { describe, expect, test } from "vitest";
import { connectivity, endsOf, EVERYTHING, selects } from "../../../components/cluster/network/connectivity.ts";
import { findings } from "../../../components/cluster/network/findings.ts";
import type { Flow, Pods, Port } from "../../../components/cluster/network/flows.ts";
import { databaseJobs, jobPods } from "../../../components/cluster/network/jobs.ts";
import type { LiveNetwork, LivePod } from "../../../components/cluster/network/live.ts";
import { kept, matrix, readKept } from "../../../components/cluster/network/matrix.ts";
import { closedNamespace, digestOf, policyOf, type PolicySpec } from "../../../components/cluster/network/policies.ts";
import { flowTable } from "../../../components/cluster/network/table.ts";
import { parseSite } from "../../../components/settings/site.ts";
import { FROZEN_SITE_FILE, siteValues } from "../../support/mocks.ts";

const tcp = (port: number): Port => ({ protocol: "TCP", port });
const pods = (namespace: string, name: string, ...ports: number[]): Pods => ({
  kind: "pods",
  namespace,
  name,
  labels: { app: name },
  ports: ports.map(tcp),
  lasting: true,
  ownPolicy: false,
});
const flow = (from: Flow["from"], to: Flow["to"], ...ports: number[]): Flow => ({
  from,
  to,
  ports: ports.map(tcp),
  purpose: "a test",
});

const [web, store, other] = [pods("a", "web", 80), pods("a", "store", 5432), pods("b", "other", 8080)];
const lan = { kind: "addresses", name: "lan", cidr: "192.168.0.0/24", except: [] } as const;
const node = { kind: "node", name: "node", cidr: "192.168.0.30/32", ports: [tcp(6443)] } as const;
const about = { podCidr: "10.42.0.0/16" };

describe("the policy of pods", () => {
  test("allows what begins and what ends at them, in their own namespace and in others", () => {
    const flows = [flow([web, other], store, 5432), flow([store], node, 6443), flow([store], other, 8080)];
    expect(policyOf(store, flows)).toEqual({
      podSelector: { matchLabels: { app: "store" } },
      policyTypes: ["Ingress", "Egress"],
      egress: [
        { to: [{ ipBlock: { cidr: "192.168.0.30/32" } }], ports: [tcp(6443)] },
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "b" } },
              podSelector: { matchLabels: { app: "other" } },
            },
          ],
          ports: [tcp(8080)],
        },
      ],
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: { app: "web" } } },
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "b" } },
              podSelector: { matchLabels: { app: "other" } },
            },
          ],
          ports: [tcp(5432)],
        },
      ],
    });
  });

  test("has no rule for what the machine does, and none for an address that nobody knows", () => {
    const unknown = { ...lan, cidr: "unknown" };
    expect(policyOf(store, [flow([node], store, 5432), flow([store], unknown, 53), flow([unknown], store, 1)])).toEqual(
      {
        podSelector: { matchLabels: { app: "store" } },
        policyTypes: ["Ingress", "Egress"],
      },
    );
  });

  test("means a whole namespace, or the cluster, by groups; a job of this program is in none of them", () => {
    const [own, all] = [
      { kind: "group", name: "a/*", namespace: "a" },
      { kind: "group", name: "every-pod", namespace: undefined },
    ] as const;
    const flows = [flow([own, all], other, 8080), flow([own], store, 5432)];
    expect(policyOf(other, flows).ingress?.[0]?.from).toEqual([
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "a" } } },
      { namespaceSelector: {} },
    ]);
    expect(policyOf(store, flows).ingress?.[0]?.from).toEqual([{ podSelector: {} }]);
    expect(policyOf(jobPods("a", "redis-drill"), flows)).not.toHaveProperty("egress");
  });

  test("of a backup reaches the database; a restore of Redis is reached by it, one of PostgreSQL is not", () => {
    const of = (kind: "postgres" | "redis") => {
      const { flows, ...jobs } = databaseJobs(kind, store);
      return Object.entries(jobs).map(([name, job]) => [name, Object.keys(policyOf(job, flows)).slice(2)]);
    };
    expect(of("postgres")).toEqual([
      ["backup", ["egress"]],
      ["restore", ["egress"]],
      ["drill", []],
    ]);
    expect(of("redis")).toContainEqual(["restore", ["egress", "ingress"]]);
  });
});

describe("a namespace that is closed", () => {
  test("has a policy for each of its known pods, and the refusal last; jobs have their own", () => {
    const policies = closedNamespace("a", [], [web, jobPods("a", "redis-drill"), store, other]);
    expect(policies.map(({ name }) => name)).toEqual(["allow-store", "allow-web", "default-deny"]);
    expect(policies.at(-1)?.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });

  test("has another digest for every other set of policies", () => {
    const digest = (...flows: Flow[]) => digestOf(closedNamespace("a", flows, [web, store]));
    expect(digest()).toBe(digest());
    expect(digest(flow([web], store, 5432))).not.toBe(digest(flow([web], store, 5433)));
  });
});

describe("connectivity", () => {
  const ends = [web, store, other, lan];
  const between = (...specs: PolicySpec[]) =>
    connectivity(
      specs.map((spec, index) => ({ name: String(index), namespace: "a", spec })),
      ends,
      about,
    ).map(({ from, to, ports }) => `${from} -> ${to}: ${ports}`);
  const onStore = (ingress: PolicySpec["ingress"]): PolicySpec => ({
    podSelector: { matchLabels: { app: "store" } },
    ...(ingress === undefined ? {} : { ingress }),
  });
  const into = (ingress: PolicySpec["ingress"]) =>
    between(onStore(ingress)).filter((line) => line.includes("-> a/store"));

  test("is everything where no policy selects", () => {
    expect(between()).toHaveLength(12);
    expect(between().every((line) => line.endsWith(EVERYTHING))).toBe(true);
  });

  test("is nothing where one selects and allows nothing, in its direction alone", () => {
    expect(into(undefined)).toEqual([]);
    expect(between(onStore(undefined))).toContain("a/store -> a/web: everything");
    expect(between({ podSelector: {}, policyTypes: ["Egress"] }).filter((line) => line.startsWith("a/"))).toEqual([]);
  });

  test("adds up what policies allow, peer by peer", () => {
    expect(between(onStore([{ from: [{ podSelector: {} }] }]), onStore([{ ports: [{ port: 5432 }] }]))).toEqual(
      expect.arrayContaining(["a/web -> a/store: everything", "b/other -> a/store: 5432", "lan -> a/store: 5432"]),
    );
  });

  test("goes by the labels of namespaces, and by their names", () => {
    const peer = (matchLabels: Record<string, string>) => [{ from: [{ namespaceSelector: { matchLabels } }] }];
    expect(into(peer({ "kubernetes.io/metadata.name": "b" }))).toEqual(["b/other -> a/store: everything"]);
    expect(into(peer({ team: "x" }))).toEqual([]);
    const labelled = connectivity([{ name: "a", namespace: "a", spec: onStore(peer({ team: "x" })) }], ends, {
      ...about,
      namespaceLabels: { b: { team: "x" } },
    });
    expect(labelled.map(({ from, to }) => `${from} ${to}`)).toContain("b/other a/store");
  });

  test("goes by addresses: of networks, of parts that are left out, and of the pods themselves", () => {
    const block = (cidr: string, ...except: string[]) => [{ from: [{ ipBlock: { cidr, except } }] }];
    expect(into(block("192.168.0.0/16"))).toEqual(["lan -> a/store: everything"]);
    expect(into(block("192.168.0.0/16", "192.168.0.128/25"))).toEqual([]);
    expect(into(block("192.168.0.0/28"))).toEqual([]);
    expect(into(block("0.0.0.0/0"))).toHaveLength(3);
    expect(into(block("10.0.0.0/8"))).toEqual(["a/web -> a/store: everything", "b/other -> a/store: everything"]);
  });

  test("knows ranges, protocols and names of ports", () => {
    const ports = (...given: object[]) => into([{ from: [{ podSelector: {} }], ports: given }]);
    expect(ports({ port: 1000, endPort: 2000 }, { protocol: "UDP", port: 53 })).toEqual([
      "a/web -> a/store: 53/UDP, 1000-2000",
    ]);
    expect(ports({ protocol: "UDP" })).toEqual(["a/web -> a/store: 0-65535/UDP"]);
    expect(ports({ port: "db" })).toEqual(["a/web -> a/store: 5432"]);
  });

  test.each([
    [{ matchExpressions: [{ key: "app", operator: "In", values: ["web", "api"] }] }, true],
    [{ matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] }, false],
    [{ matchExpressions: [{ key: "team", operator: "NotIn", values: ["x"] }] }, true],
    [{ matchExpressions: [{ key: "app", operator: "Exists" }] }, true],
    [{ matchExpressions: [{ key: "app", operator: "DoesNotExist" }] }, false],
    [{}, true],
  ])("the selector %j", (selector, taken) => {
    expect(selects(selector, { app: "web" })).toBe(taken);
  });

  test("has the machine once, whatever it is called", () => {
    const flows = [flow([web], node, 6443), flow([store], { ...node, name: "api-server" }, 6443)];
    expect(endsOf(flows, []).map((end) => end.name)).toEqual(["node"]);
  });

  test("of EdgeServer's policies is what its table says", () => {
    const site = parseSite(siteValues(FROZEN_SITE_FILE), { file: "Pulumi.edge.yaml" });
    const table = flowTable(site);
    const planned = table.namespaces.flatMap((namespace) => closedNamespace(namespace, table.flows, table.pods));
    const found = connectivity(planned, endsOf(table.flows, table.pods), about);
    expect(found.filter(({ ports }) => ports === EVERYTHING)).toEqual([]);
    expect(found).toContainEqual(
      expect.objectContaining({ from: "kube-system/helm-jobs", to: "internet", ports: "443" }),
    );
    // Its address is not known yet.
    expect(found.map(({ to }) => to)).not.toContain("upstream-dns");
  });
});

describe("the matrix", () => {
  const line = (from: string, to: string, ports: string) => ({ from, to, ports });

  test("has a row for what may reach the same, and a sentence for what was open", () => {
    const before = [
      line("a", "c", EVERYTHING),
      line("b", "c", EVERYTHING),
      line("c", "a", EVERYTHING),
      line("d", "a", "1"),
    ];
    const rows = matrix(before, [line("a", "c", "80"), line("b", "c", "80")]);
    expect(rows).toMatch(/│ a, b +│ c +│ everything +│ 80 +│/);
    expect(rows).toMatch(/│ d +│ a +│ 1 +│ nothing +│/);
    expect(rows).toContain("Besides these, 1 pairs could reach each other on every port before");
  });

  test("does not say nothing where nobody has looked", () => {
    expect(matrix(undefined, [line("a", "c", "80")])).toMatch(/not known +│ 80/);
  });

  test("is kept by whom it leads to, and read again", () => {
    const all = [line("a", "c", "53, 53/UDP"), line("b", "c", "53, 53/UDP"), line("d", "c", EVERYTHING)];
    expect(kept(all)).toEqual({ c: "a, b: 53, 53/UDP; d: everything" });
    expect(readKept(kept(all))).toEqual(all);
  });
});

describe("what is on the cluster", () => {
  const livePod = (of: Pods, change: Partial<LivePod> = {}): LivePod => ({
    namespace: of.namespace,
    name: `${of.name}-1`,
    labels: of.labels,
    governed: true,
    ready: true,
    restarts: 0,
    ports: of.ports,
    environment: [],
    ...change,
  });
  const service = (of: Pods, port: number | string = of.ports[0]?.port ?? 0) => ({
    namespace: of.namespace,
    name: of.name,
    selector: of.labels,
    targets: [{ protocol: "TCP" as const, port }],
  });
  const look = (live: Partial<LiveNetwork>) => {
    const table = { flows: [flow([web], store, 5432)], pods: [web, store, other], namespaces: ["a"] };
    const all = { pods: [], workloads: [], services: [], policies: [], namespaceLabels: {}, ...live };
    const planned = closedNamespace("a", table.flows, table.pods);
    return findings(table, all, connectivity(planned, endsOf(table.flows, table.pods), about));
  };
  const there = [livePod(web, { ports: [] }), livePod(store)];

  test("is what the table says: there is nothing to tell", () => {
    expect(look({ pods: there })).toEqual({ refusals: [], notes: [] });
  });

  test("has no pod with the labels: refused, unless a workload makes such pods", () => {
    expect(look({ pods: [livePod(web, { ports: [] })] }).refusals).toEqual([
      expect.stringContaining("no pod of a carries app=store, the labels of a/store"),
    ]);
    const workload = { kind: "Deployment", namespace: "a", name: "store", labels: store.labels, ready: 0, wanted: 0 };
    expect(look({ pods: [livePod(web, { ports: [] })], workloads: [workload] }).refusals).toEqual([]);
  });

  test("has a pod that the table does not know, and one that has ended or the machine's network", () => {
    const stranger = livePod(pods("a", "stranger"));
    expect(look({ pods: [...there, stranger] }).notes).toEqual([
      "the pod a/stranger-1 is of no workload that the flow table knows: it will reach nothing, and only the machine will reach it",
    ]);
    expect(look({ pods: [...there, { ...stranger, governed: false }] }).notes).toEqual([]);
  });

  test("has ports that nobody may reach, by container or by Service", () => {
    const metrics = { ...tcp(9090), name: "metrics" };
    const notes = (...ports: LivePod["ports"]) =>
      look({ pods: [livePod(web, { ports: [] }), livePod(store, { ports })], services: [service(store, "metrics")] })
        .notes;
    expect(notes(tcp(5432))).toEqual([]);
    expect(notes(metrics)).toEqual(["no flow reaches port 9090 of a/store, which its objects name"]);
  });

  test.each([
    ["DATABASE_URL", "postgresql://app:hidden@web:80/app", true],
    ["DATABASE_HOST", "web", true],
    ["DATABASE_HOST", "web.a.svc.cluster.local", true],
    ["BROKERS", "x:1,web:80", true],
    ["DATABASE_USER", "web", false],
    ["TITLE", "the web://site", false],
    ["OTHER_HOST", "web.b", false],
  ])("names a Service that no flow reaches: %s=%s", (name, value, told) => {
    const { notes } = look({
      pods: [livePod(web, { ports: [] }), livePod(store, { environment: [{ name, value }] })],
      services: [service(web)],
    });
    const line = `a/store names the Service a/web in its environment (${name}), and no flow lets it reach a/web`;
    expect(notes.includes(line)).toBe(told);
    expect(notes.join()).not.toContain("hidden");
  });

  test("names a Service that a flow reaches", () => {
    const environment = [{ name: "DATABASE_URL", value: "postgresql://store:5432/app" }];
    const live = { pods: [livePod(web, { ports: [], environment }), livePod(store)], services: [service(store)] };
    expect(look(live).notes).toEqual([]);
  });
});
