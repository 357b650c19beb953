import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Job, V1Pod, V1Secret } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HelmChart, renderValues } from "../../../components/cluster/helmChart.ts";
import { awaitHelmJob, judgeHelmJob, type HelmView } from "../../../components/cluster/helmJob.ts";
import { kubeconfigFor } from "../../support/kubeconfig.ts";
import { record } from "../../support/mocks.ts";

const WANTED = { name: "harbor", namespace: "registry", version: "1.19.4", values: "# a\nreplicas: 1\n" };
const at = (second: number) => new Date(Date.UTC(2026, 10, 27, 10, 0, second));

/** What the controller copies, last written at a second. */
const copied = (values = WANTED.values, second = 10): V1Secret =>
  plain({
    data: { HelmChartValuesContent: Buffer.from(values).toString("base64") },
    metadata: { managedFields: [{ time: at(1) }, { time: at(second) }] },
  });

const job = (version = WANTED.version, second = 10, condition?: "Complete" | "Failed"): V1Job =>
  plain({
    metadata: { name: "helm-install-harbor", creationTimestamp: at(second) },
    spec: { template: { spec: { containers: [{ name: "helm", env: [{ name: "VERSION", value: version }] }] } } },
    ...(condition === undefined ? {} : { status: { conditions: [{ type: condition, status: "True" }] } }),
  });

const pod = (status: object): V1Pod =>
  plain({ metadata: { name: "helm-install-harbor-x" }, status: { containerStatuses: [status] } });

/** The client's own objects have the same fields. */
function plain(object: object): never {
  return object as never;
}

describe("an installation", () => {
  test.each<[string, HelmView, object]>([
    [
      "that nobody has taken up",
      { pods: [] },
      { is: "waiting", for: "K3s' Helm controller has not taken the chart up yet" },
    ],
    [
      "whose values are those of before",
      { copied: copied("old: 1\n"), job: job(undefined, 10, "Complete"), pods: [] },
      { is: "waiting", for: "K3s' Helm controller has not taken the chart up yet" },
    ],
    ["without a job", { copied: copied(), pods: [] }, { is: "waiting", for: "its job is not made yet" }],
    [
      "whose job is that of the values before",
      { copied: copied(undefined, 20), job: job(undefined, 10, "Complete"), pods: [] },
      { is: "waiting", for: "its job is not made yet" },
    ],
    [
      "whose job is that of the version before",
      { copied: copied(), job: job("1.19.2", 10, "Complete"), pods: [] },
      { is: "waiting", for: "its job is not made yet" },
    ],
    [
      "whose job runs",
      { copied: copied(), job: job(), pods: [] },
      { is: "waiting", for: "its job helm-install-harbor is not done" },
    ],
    [
      "whose job waits for its image",
      { copied: copied(), job: job(), pods: [pod({ state: { waiting: { reason: "ErrImagePull" } } })] },
      { is: "waiting", for: "its job helm-install-harbor is not done (ErrImagePull)" },
    ],
    ["whose job is complete", { copied: copied(), job: job(undefined, 10, "Complete"), pods: [] }, { is: "done" }],
    ["whose job has failed", { copied: copied(), job: job(undefined, 12, "Failed"), pods: [] }, { is: "failed" }],
  ])("%s", (_, view, verdict) => {
    expect(judgeHelmJob(WANTED, view)).toEqual(verdict);
  });
});

describe("waiting for it", () => {
  let views: HelmView[];
  let asked: number;
  let away: boolean;
  let logs: string[];
  let server: Server;
  let folder: string;
  let kubeconfig: string;

  beforeEach(async () => {
    views = [];
    [asked, away] = [0, false];
    logs = [];
    server = createServer((request, response) => {
      const url = request.url ?? "";
      // Three questions are a look.
      const view = views[Math.min(Math.floor(asked / 3), views.length - 1)] ?? { pods: [] };
      const found = url.includes("/secrets/") ? view.copied : url.includes("/jobs/") ? view.job : { items: view.pods };
      if (url.includes("/log")) {
        logs.push(url);
        response.setHeader("content-type", "text/plain");
        response.end("Error: INSTALLATION FAILED: no such chart\n");
        return;
      }
      asked += 1;
      if (away) {
        response.writeHead(503).end("{}");
        return;
      }
      response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(found ?? { kind: "Status", code: 404 }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-helm-"));
    kubeconfig = join(folder, "kubeconfig");
    const { port } = server.address() as AddressInfo;
    writeFileSync(kubeconfig, kubeconfigFor(`http://127.0.0.1:${port}`));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("ends when the job is complete", async () => {
    views = [{ pods: [] }, { copied: copied(), job: job(undefined, 10, "Complete"), pods: [] }];
    await awaitHelmJob(kubeconfig, WANTED, 60);
    expect(logs).toEqual([]);
  });

  test("fails with the log of the first try, which is asked for while its pod is there", async () => {
    const failing = pod({ lastState: { terminated: { exitCode: 1 } } });
    views = [
      { copied: copied(), job: job(), pods: [failing] },
      { copied: copied(), job: job(undefined, 10, "Failed"), pods: [] },
    ];
    await expect(awaitHelmJob(kubeconfig, WANTED, 60)).rejects.toThrow(
      "chart registry/harbor 1.19.4 was not installed; its job says:\nError: INSTALLATION FAILED: no such chart",
    );
    expect(logs).toEqual([expect.stringContaining("previous=true")]);
  });

  test("says what it waited for, when that takes too long", async () => {
    views = [{ pods: [] }];
    await expect(awaitHelmJob(kubeconfig, WANTED, -1)).rejects.toThrow(
      "was not installed within -1 s: K3s' Helm controller has not taken the chart up yet",
    );
  });

  test("outlives an API server that is away for a while, and says so when that takes too long", async () => {
    away = true;
    await expect(awaitHelmJob(kubeconfig, WANTED, -1)).rejects.toThrow(/within -1 s: .*503/);
  });
});

describe("a chart", () => {
  test("is pinned, aborts, and is protected; what was installed is written down afterwards", async () => {
    const secrets = [{ name: "harbor-values", keys: ["values.yaml"], digest: "1234" }];
    const { resources } = await record({}, () => {
      new HelmChart("harbor", {
        name: "harbor",
        namespace: "registry",
        chart: "harbor",
        repository: "https://helm.goharbor.io",
        version: "1.19.4",
        values: { replicas: 1 },
        secrets,
        timeout: 900,
        kubeconfigFile: "/somewhere",
      });
    });
    const chart = resources.find(({ name }) => name === "harbor-chart");
    expect(chart).toMatchObject({
      protect: true,
      inputs: {
        kind: "HelmChart",
        spec: {
          version: "1.19.4",
          failurePolicy: "abort",
          createNamespace: false,
          valuesContent: "# harbor-values is 1234\nreplicas: 1\n",
          valuesSecrets: [{ name: "harbor-values", keys: ["values.yaml"] }],
          timeout: "900s",
        },
      },
    });
    expect(resources.find(({ name }) => name === "harbor-installed")?.dependsOn).toEqual(["harbor-chart"]);
    expect(JSON.stringify(resources)).not.toContain("/somewhere");
  });

  test("is another one when a secret value is", () => {
    const text = (digest: string) => renderValues({ a: 1 }, [{ name: "b", keys: ["c"], digest }]);
    expect(text("1")).not.toBe(text("2"));
    expect(renderValues({ a: { b: [true, "text"] } }, [])).toBe("a:\n  b:\n    - true\n    - text\n");
  });
});
