import { beforeAll, describe, expect, test } from "vitest";
import { jobPods } from "../../../components/cluster/network/jobs.ts";
import { flowTable } from "../../../components/cluster/network/table.ts";
import {
  closedNamespace,
  DEFAULT_DENY,
  jobPolicies,
  type Policy,
} from "../../../components/cluster/network/policies.ts";
import { parseSite } from "../../../components/settings/site.ts";
import { FROZEN_SITE_FILE, siteValues } from "../../support/mocks.ts";
import { analyze, ensureAnalyzer } from "./analyzer.ts";
import { outsideFound, outsideOf, pairsFound, pairsOf } from "./expected.ts";

// The table says who may reach whom; a program that knows nothing of it reads the policies, and says so too, or does not.

const site = parseSite(
  siteValues(FROZEN_SITE_FILE, (all) => {
    Object.assign(all["twisterlab-edge:phase4"] ?? {}, {
      addresses: { "upstream-dns": "192.168.0.1/32", "alert-receiver": "203.0.113.10/32" },
    });
  }),
  { file: "Pulumi.edge.yaml" },
);
const table = flowTable(site);
const { flows, namespaces } = table;
/** In each namespace somebody whom the table does not know. */
const pods = [...table.pods, ...namespaces.map((namespace) => jobPods(namespace, "stranger"))];
const policies = [
  ...namespaces.flatMap((namespace) => closedNamespace(namespace, flows, pods)),
  ...jobPolicies(flows, table.pods),
];

let analyzer: string;

beforeAll(async () => {
  analyzer = await ensureAnalyzer();
});

/** What the analyser finds in policies that the table does not have, and the other way round. */
async function differences(changed: readonly Policy[]): Promise<string[]> {
  const reaches = await analyze(analyzer, pods, changed);
  const [wanted, found] = [pairsOf(flows, pods), pairsFound(reaches)];
  const [wantedOutside, foundOutside] = [outsideOf(flows, pods), outsideFound(reaches)];
  const outside = [...new Set([...Object.keys(wantedOutside), ...Object.keys(foundOutside)])];
  return [
    ...found.filter((pair) => !wanted.includes(pair)).map((pair) => `too much: ${pair}`),
    ...wanted.filter((pair) => !found.includes(pair)).map((pair) => `missing: ${pair}`),
    ...outside
      .filter((key) => wantedOutside[key] !== foundOutside[key])
      .map((key) => `${key}: ${foundOutside[key] ?? 0} addresses, wanted ${wantedOutside[key] ?? 0}`),
  ];
}

/** The policies with one of them changed, in a copy. */
function changed(name: string, namespace: string, change: (policy: { spec: Policy["spec"] }) => void): Policy[] {
  const copies = structuredClone(policies) as { name: string; namespace: string; spec: Policy["spec"] }[];
  const policy = copies.find((each) => each.name === name && each.namespace === namespace);
  if (policy === undefined) throw new Error(`there is no ${namespace}/${name}`);
  change(policy);
  return copies;
}

describe("the policies of EdgeServer, read by another's analyser", () => {
  test("allow every flow of the table and no other, for each pair of pods and each port", async () => {
    expect(pairsOf(flows, pods).length).toBeGreaterThan(70);
    expect(Object.keys(outsideOf(flows, pods)).length).toBeGreaterThan(20);
    expect(await differences(policies)).toEqual([]);
  });

  test.each(namespaces)("%s closed alone keeps to the table at its end of every flow", async (namespace) => {
    const only = closedNamespace(namespace, flows, pods);
    const jobs = jobPolicies(flows, table.pods);
    const touches = (line: string): boolean =>
      line
        .split(": ")[1]
        ?.split(" -> ")
        .some((end) => end.startsWith(`${namespace}/`)) ?? false;
    const found = await differences([...only, ...jobs]);
    // Every pod of the cluster may ask the name server: a stranger in a namespace that is open as well.
    const known = found.filter((line) => !line.includes("/stranger -> kube-system/coredns"));
    expect(known.filter((line) => line.includes(" -> ") && touches(line))).toEqual([]);
  });
});

describe("a fault that somebody plants is found:", () => {
  test("a label that no pod carries", async () => {
    const found = await differences(
      changed("allow-redis", "twisterlab", ({ spec }) => {
        spec.podSelector = { matchLabels: { app: "redis" } };
      }),
    );
    expect(found).toContain("missing: twisterlab/twisterlab-api -> twisterlab/redis: 6379");
  });

  test("a refusal that refuses nothing, because it selects nobody or allows all", async () => {
    const selectsNobody = changed(DEFAULT_DENY, "default", ({ spec }) => {
      spec.podSelector = { matchLabels: { app: "nobody" } };
    });
    expect(await differences(selectsNobody)).toContain("too much: default/stranger -> kube-system/coredns: 53");
    const allowsAll = changed(DEFAULT_DENY, "monitoring", ({ spec }) => {
      spec.ingress = [{}];
    });
    expect(await differences(allowsAll)).toContainEqual(
      expect.stringContaining("monitoring/grafana in All Connections: 4294967296 addresses"),
    );
  });

  test("a namespace that is another", async () => {
    const found = await differences(
      changed("allow-prometheus", "monitoring", ({ spec }) => {
        for (const peer of spec.egress?.flatMap(({ to = [] }) => to) ?? []) {
          if (peer.namespaceSelector?.matchLabels !== undefined) {
            peer.namespaceSelector.matchLabels["kubernetes.io/metadata.name"] = "twisterlab-dev";
          }
        }
      }),
    );
    expect(found).toContain("missing: monitoring/prometheus -> twisterlab/postgres-exporter: 9187");
  });

  test("a port with a typing error", async () => {
    const found = await differences(
      changed("allow-postgres", "twisterlab", ({ spec }) => {
        for (const port of spec.ingress?.flatMap(({ ports = [] }) => ports) ?? []) port.port = 5423;
      }),
    );
    expect(found).toContain("missing: twisterlab/twisterlab-api -> twisterlab/postgres: 5432");
    expect(found).toContainEqual(expect.stringContaining("twisterlab/postgres in 5423"));
  });

  test("no way to the name server", async () => {
    const found = await differences(
      changed("allow-twisterlab-api", "twisterlab", ({ spec }) => {
        spec.egress = (spec.egress ?? []).filter(({ ports = [] }) => !ports.some(({ port }) => port === 53));
      }),
    );
    expect(found).toEqual([
      "missing: twisterlab/twisterlab-api -> kube-system/coredns: 53",
      "missing: twisterlab/twisterlab-api -> kube-system/coredns: 53/UDP",
    ]);
  });

  test("a whole internet where a part of it is meant", async () => {
    const found = await differences(
      changed("allow-trivy", "harbor", ({ spec }) => {
        for (const { ipBlock } of spec.egress?.flatMap(({ to = [] }) => to) ?? []) {
          if (ipBlock !== undefined) delete ipBlock.except;
        }
      }),
    );
    expect(found).toEqual([expect.stringContaining("harbor/trivy out 443: 4294967296 addresses")]);
  });
});
