import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nameOf, type Pods, type Port } from "../../components/cluster/network/flows.ts";
import { type FlowTable, flowTable } from "../../components/cluster/network/table.ts";
import { readSiteFile } from "../../components/settings/siteFile.ts";
import { pairsOf } from "../engine/network/expected.ts";
import { approveAll, type ReviewedJson } from "../support/approvals.ts";
import { startStandInHost, type StandInHost } from "../support/standInHost.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { enforcePolicies } from "./kubeRouter.ts";
import { meet, standIn } from "./meeting.ts";
import { kubectl } from "./stack.ts";

// EdgeServer's own flow table, applied by the commands that people use to a cluster of its own whose node goes by policies as
// K3s does. In the place of every workload there is a pod that listens on every port.

let cluster: Cluster;
let host: StandInHost;
let table: FlowTable;
let pods: readonly Pods[];
let ports: readonly Port[];

beforeAll(async () => {
  cluster = await startCluster();
  await enforcePolicies(cluster);
  host = await startStandInHost(readFileSync(cluster.kubeconfig, "utf8"));
  host.edge.edit([
    [["twisterlab-edge:phase1", "registry"], undefined],
    [["twisterlab-edge:phase4", "watch"], "9 s"],
    [
      ["twisterlab-edge:phase4", "addresses"],
      { "upstream-dns": "198.51.100.1/32", "alert-receiver": "198.51.100.2/32" },
    ],
  ]);
  table = tableOf(host);
  pods = table.pods.filter(({ ownPolicy }) => !ownPolicy);
  const all = table.flows.flatMap((flow) => flow.ports.map((port) => JSON.stringify(port)));
  ports = [...new Set(all)].map((port) => JSON.parse(port) as Port);
  const numbers = [...new Set(ports.map(({ port }) => port))];
  const namespaces = table.namespaces.filter((name) => !["default", "kube-system"].includes(name));
  await apply(
    ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    REDIS,
    THEIRS,
  );
  await apply(...pods.map((each) => standIn(each, numbers, nameOf(each) === ILL ? NEEDS_REDIS : {})));
  await Promise.all(
    pods.map(({ namespace, name }) =>
      ask("--namespace", namespace, "rollout", "status", `deployment/${name}`, "--timeout=300s"),
    ),
  );
});

afterAll(async () => {
  await host.stop();
  await cluster.stop();
});

/** It is only well while it reaches the cache, which the table does not have. */
const ILL = "twisterlab/grafana";
const CONNECT = "import os, socket; socket.create_connection((os.environ['REDIS_SERVICE_HOST'], 6379), 2)";
const NEEDS_REDIS = {
  env: [
    { name: "PORTS", value: "3000" },
    { name: "SESSIONS", value: "redis://redis:6379/1" },
  ],
  readinessProbe: {
    exec: { command: ["python3", "-c", CONNECT] },
    ...{ periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 2 },
  },
};
const REDIS = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "redis", namespace: "twisterlab" },
  spec: { selector: { app: "twisterlab", component: "cache" }, ports: [{ port: 6379 }] },
};
const THEIRS = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "theirs", namespace: "twisterlab-dev" },
  spec: { podSelector: { matchLabels: { app: "nobody" } } },
};

function tableOf({ edge }: StandInHost): FlowTable {
  return flowTable(readSiteFile(join(edge.folder, "Pulumi.edge.yaml"), "edge"));
}

function ask(...words: readonly string[]): Promise<string> {
  return kubectl(words, undefined, cluster.kubeconfig);
}

function apply(...items: readonly object[]): Promise<string> {
  return kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items }, cluster.kubeconfig);
}

/** All policies on the cluster, `namespace/name`, with what they say. */
async function policies(): Promise<Record<string, string>> {
  const { items } = JSON.parse(await ask("get", "networkpolicies", "--all-namespaces", "--output=json")) as {
    items: { metadata: { namespace: string; name: string }; spec: object }[];
  };
  return Object.fromEntries(
    items.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, JSON.stringify(spec)]),
  );
}

function tryRun(verb: "preview" | "up" | "destroy") {
  const yes = verb === "preview" ? [] : ["--yes", "--skip-preview"];
  return host.edge.npm([verb, "--", "4", ...yes, "--non-interactive"]);
}

async function run(verb: "preview" | "up" | "destroy"): Promise<string> {
  const { code, stdout, stderr } = await tryRun(verb);
  if (code !== 0) {
    throw new Error(`npm run ${verb} -- 4 ended with ${code}:\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** Lets the flow table have what the ill one needs, or not. */
function allowWhatItNeeds(allowed: boolean): void {
  const { flows } = readFlows();
  const own = { from: [ILL], to: ["twisterlab/redis"], purpose: "sessions" };
  const others = flows.filter(({ purpose }) => purpose !== own.purpose);
  host.edge.edit([[["twisterlab-edge:phase4", "flows"], allowed ? [...others, own] : others]]);
}

function readFlows() {
  const { phase4 } = readSiteFile(join(host.edge.folder, "Pulumi.edge.yaml"), "edge");
  return {
    flows: phase4.flows.map(({ ports: given, ...flow }) => ({
      ...flow,
      ...(given === undefined
        ? {}
        : { ports: given.map(({ port, protocol }) => (protocol === "TCP" ? String(port) : `${port}/${protocol}`)) }),
    })),
  };
}

describe("a cluster that is open", () => {
  test("is not changed by a preview, which says what is there and what the table does not have", async () => {
    const stdout = await run("preview");
    expect(stdout).toContain("Before: as the cluster has it");
    expect(stdout).toMatch(
      /twisterlab\/redis-exporter, twisterlab\/twisterlab-api +│ twisterlab\/redis +│ everything +│ 6379/,
    );
    expect(stdout).toContain(`${ILL} names the Service twisterlab/redis in its environment (SESSIONS)`);
    expect(stdout).toContain("NetworkPolicy twisterlab-dev/theirs is another's and stays");
    expect(stdout).not.toContain("s3cret");
    expect(Object.keys(await policies())).toEqual(["twisterlab-dev/theirs"]);
  });

  test("is not closed by labels that no pod carries", async () => {
    const labels = ["twisterlab-edge:workloads", "monitoring", "alertmanager", "labels"];
    host.edge.edit([[labels, { app: "alert-manager" }]]);
    const refused = await tryRun("up");
    expect(refused.code).not.toBe(0);
    expect(`${refused.stdout}${refused.stderr}`).toContain(
      "no pod of monitoring carries app=alert-manager, the labels of monitoring/alertmanager",
    );
    host.edge.edit([[labels, { app: "alertmanager" }]]);
    expect(Object.keys(await policies())).toEqual(["twisterlab-dev/theirs"]);
  });
});

describe("a namespace that is worse off when it is closed", () => {
  test("is opened again, with what was reached and what was not; those before it stay closed, those after it open", async () => {
    const failed = await tryRun("up");
    expect(failed.code).not.toBe(0);
    const said = `${failed.stdout}${failed.stderr}`;
    expect(said).toContain("the network policies of twisterlab were taken back to what they were");
    expect(said).toContain("Deployment grafana has 0 of 1 pods ready, and had 1");
    expect(said).toMatch(/as before: .*Deployment twisterlab-api/);
    const left = Object.keys(await policies());
    expect(left).toContain("monitoring/default-deny");
    expect(left.filter((name) => /^(twisterlab|kube-system)\//.test(name))).toEqual([]);
    await ask("--namespace", "twisterlab", "rollout", "status", "deployment/grafana", "--timeout=60s");
  });
});

describe("the phase", () => {
  test("is applied once the table has what is needed, and has nothing to do the second time", async () => {
    allowWhatItNeeds(true);
    table = tableOf(host);
    const started = Date.now();
    await run("up");
    console.log(`phase 4: ${Math.round((Date.now() - started) / 1000)} s`);
    expect(await run("preview")).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(Object.keys(await policies())).toEqual(
      expect.arrayContaining(table.namespaces.map((name) => `${name}/default-deny`)),
    );
  });

  test("lets every pod reach what the table says, and nothing else", async () => {
    const wanted = pairsOf(table.flows, pods);
    expect(wanted.length).toBeGreaterThan(70);
    expect(await meet(cluster.kubeconfig, pods, ports)).toEqual(wanted);
  });

  test("takes a change back that harms: what was allowed before is allowed again", async () => {
    const before = await policies();
    allowWhatItNeeds(false);
    const failed = await tryRun("up");
    expect(`${failed.stdout}${failed.stderr}`).toContain("Deployment grafana has 0 of 1 pods ready");
    expect(await policies()).toEqual(before);
    expect(await run("preview")).not.toMatch(/Resources:\n\s+\d+ unchanged/);
    allowWhatItNeeds(true);
    await run("up");
    expect(await run("preview")).toMatch(/Resources:\n\s+\d+ unchanged/);
  });
});

describe("going back", () => {
  test("opens what was closed, by what somebody has approved; another's policy stays", async () => {
    const refused = await tryRun("destroy");
    expect(refused.code).toBe(30);
    expect(refused.stdout).toContain("network-opened");
    const { stdout } = await host.edge.npm(["review", "--", "4", "--destroy", "--json"]);
    approveAll(host.edge, JSON.parse(stdout) as ReviewedJson);
    await run("destroy");
    expect(Object.keys(await policies())).toEqual(["twisterlab-dev/theirs"]);
    const reached = await meet(cluster.kubeconfig, pods, [{ protocol: "TCP", port: 6379 }]);
    expect(reached).toHaveLength(pods.length * (pods.length - 1) - (pods.length - 1));
  });
});
