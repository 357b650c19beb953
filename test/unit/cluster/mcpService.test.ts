import { expect, test } from "vitest";
import { McpService, type McpServiceArgs } from "../../../components/cluster/mcpService.ts";
import { record, valueOf, type RecordedResource } from "../../support/mocks.ts";

const ARGS: McpServiceArgs = {
  name: "mcp-unified",
  namespace: "twisterlab",
  image: "twisterlab/mcp-unified:2026-02-08",
  pullPolicy: "Never",
  labels: { app: "mcp-unified", component: "mcp" },
  requests: { cpu: "100m", memory: "256Mi" },
  limits: { cpu: "500m", memory: "512Mi" },
  historyLimit: 5,
};

async function declared(changed: Partial<McpServiceArgs> = {}): Promise<(kind: string) => RecordedResource> {
  const { resources } = await record({}, () => new McpService("mcp", { ...ARGS, ...changed }));
  return (kind) => {
    const found = resources.find(({ type }) => type.endsWith(`:${kind}`));
    if (found === undefined) {
      throw new Error(`there is no ${kind}`);
    }
    return found;
  };
}

interface DeploymentSpec {
  minReadySeconds: number;
  progressDeadlineSeconds: number;
  selector: object;
  template: { metadata: { labels: object }; spec: { containers: [Container] } };
}

interface Container {
  env: object[];
  startupProbe: { periodSeconds: number; failureThreshold: number };
}

function specOf({ inputs }: RecordedResource): DeploymentSpec {
  return inputs["spec"] as DeploymentSpec;
}

test("the image runs with nothing but what the arguments say", async () => {
  const resource = await declared();
  expect(resource("Deployment").inputs).toMatchObject({
    metadata: { name: "mcp-unified", namespace: "twisterlab" },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 5,
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: {
        spec: {
          automountServiceAccountToken: false,
          containers: [
            {
              image: "twisterlab/mcp-unified:2026-02-08",
              imagePullPolicy: "Never",
              resources: { requests: ARGS.requests, limits: ARGS.limits },
              env: [{ name: "HOME", value: "/tmp" }],
              terminationMessagePolicy: "FallbackToLogsOnError",
            },
          ],
        },
      },
    },
  });
});

test("only the given labels tell its pods from others", async () => {
  const resource = await declared();
  const { selector, template } = specOf(resource("Deployment"));
  expect(selector).toEqual({ matchLabels: ARGS.labels });
  expect(template.metadata.labels).toEqual({ ...ARGS.labels, "app.kubernetes.io/managed-by": "twisterlab-edge" });
  expect(resource("Service").inputs).toMatchObject({ spec: { selector: ARGS.labels } });
  expect(resource("PodDisruptionBudget").inputs).toMatchObject({ spec: { selector: { matchLabels: ARGS.labels } } });
});

test("port, path, environment and number are as they are given", async () => {
  const environment = [{ name: "MODE", value: "real" }];
  const resource = await declared({ port: 9000, health: "/ready", replicas: 2, environment });
  const { template } = specOf(resource("Deployment"));
  const probe = { httpGet: { path: "/ready", port: "http" } };
  expect(template.spec.containers).toMatchObject([
    {
      ports: [{ name: "http", containerPort: 9000 }],
      env: [{ name: "HOME", value: "/tmp" }, ...environment],
      startupProbe: probe,
      readinessProbe: probe,
      livenessProbe: probe,
    },
  ]);
  expect(resource("Deployment").inputs).toMatchObject({ spec: { replicas: 2 } });
  expect(resource("Service").inputs).toMatchObject({ spec: { ports: [{ port: 9000, targetPort: "http" }] } });
});

test("one that is slow to start has its time, and Kubernetes gives an update up before the provider does", async () => {
  const resource = await declared();
  const { minReadySeconds, progressDeadlineSeconds, template } = specOf(resource("Deployment"));
  const { periodSeconds, failureThreshold } = template.spec.containers[0].startupProbe;
  const start = periodSeconds * failureThreshold;
  expect(start).toBe(90);
  expect(progressDeadlineSeconds).toBeGreaterThan(start + minReadySeconds);
  expect(progressDeadlineSeconds).toBeLessThan(180);
});

test("it may be moved, also while it is ill", async () => {
  const resource = await declared();
  expect(resource("PodDisruptionBudget").inputs).toMatchObject({
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" },
  });
});

test("its Service comes when there is something to serve, and has a name", async () => {
  const resource = await declared();
  expect(resource("Service").dependsOn).toEqual(["mcp-confirm"]);
  const { result } = await record({}, () => new McpService("mcp", ARGS));
  expect(await valueOf(result.url)).toBe("http://mcp-unified.twisterlab.svc:8080");
});
