import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { McpServiceArgs } from "../../components/cluster/mcpService.ts";
import { kubectl, Stack, tryKubectl, type DeclaredComponent } from "./stack.ts";

const NAMESPACE = "mcp-test";
const IMAGE = "docker.io/twisterlab/mcp-unified:dev";

let stack: Stack;
let before: string;

beforeAll(async () => {
  const labels = { theirs: "yes", "pod-security.kubernetes.io/enforce": "restricted" };
  await kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
  await kubectl(["apply", "-f", "-"], THEIRS);
  await inNamespace("rollout", "status", "deployment/theirs", "--timeout=120s");
  before = await theirs();
  stack = await Stack.make();
});

afterAll(() => {
  stack.forget();
});

/** A Deployment of somebody else. */
const THEIRS = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "theirs", namespace: NAMESPACE },
  spec: {
    selector: { matchLabels: { app: "theirs" } },
    template: {
      metadata: { labels: { app: "theirs" } },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            name: "theirs",
            image: "busybox:1.36.1",
            command: ["sleep", "2147483647"],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          },
        ],
      },
    },
  },
};

function inNamespace(...words: readonly string[]): Promise<string> {
  return kubectl(["--namespace", NAMESPACE, ...words]);
}

/** What was there before, in full but for who manages which field. */
async function theirs(): Promise<string> {
  return `${await kubectl(["get", "namespace", NAMESPACE, "--output=json"])}${await inNamespace("get", "deployment", "theirs", "--output=json")}`;
}

function service(name: string, changed: Partial<McpServiceArgs> = {}): DeclaredComponent {
  const args: McpServiceArgs = {
    name,
    namespace: NAMESPACE,
    image: IMAGE,
    pullPolicy: "Never",
    labels: { app: name, component: "mcp" },
    requests: { cpu: "10m", memory: "32Mi" },
    limits: { cpu: "500m", memory: "128Mi" },
    historyLimit: 3,
    ...changed,
  };
  return { component: "McpService", name, args };
}

/** The only pod of a service. */
async function podOf(name: string): Promise<string> {
  const pods = await inNamespace("get", "pods", `--selector=app=${name}`, "--output=name");
  expect(pods.trim().split("\n")).toHaveLength(1);
  return pods.trim().replace("pod/", "");
}

/** Asks for a pod to be moved away, as a drain does. */
async function evict(pod: string): Promise<void> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: NAMESPACE } };
  await kubectl(["create", "--raw", `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`, "-f", "-"], eviction);
}

describe("three MCP services", () => {
  test("come up and answer, in a namespace that takes restricted pods only", async () => {
    stack.declare(service("mcp-unified"), service("mcp-other"), service("mcp-third"));
    await stack.up();
    for (const name of ["mcp-unified", "mcp-other", "mcp-third"]) {
      const proxy = `/api/v1/namespaces/${NAMESPACE}/services/${name}:http/proxy/health`;
      expect(await kubectl(["get", "--raw", proxy])).toBe('{"status":"ok"}');
    }
  });

  test("leave nothing for a second preview", async () => {
    await stack.nothingToDo();
  });

  test("run as nobody, who can write to /tmp alone", async () => {
    const said = await inNamespace(
      ...["exec", await podOf("mcp-unified"), "--", "sh", "-c"],
      "id -u; echo > /tmp/mine && echo /tmp; echo > /data/mine && echo /data; true",
    );
    expect(said).toBe("10580\n/tmp\n");
  });

  test("let their only pod be moved", async () => {
    const pod = await podOf("mcp-third");
    await evict(pod);
    await inNamespace("wait", "--for=delete", `pod/${pod}`, "--timeout=60s");
    await inNamespace("rollout", "status", "deployment/mcp-third", "--timeout=60s");
    expect(await podOf("mcp-third")).not.toBe(pod);
  });
});

describe("an update that goes wrong", () => {
  let third: string;
  let output: string;
  let seconds: number;

  beforeAll(async () => {
    third = await podOf("mcp-third");
    stack.declare(
      service("mcp-unified", { environment: [{ name: "FAIL", value: "start" }] }),
      service("mcp-other", { image: "docker.io/twisterlab/mcp-unified:missing" }),
      service("mcp-third"),
    );
    const started = Date.now();
    const { code, stdout, stderr } = await stack.tryUp();
    seconds = (Date.now() - started) / 1000;
    output = stdout + stderr;
    expect(code).not.toBe(0);
  });

  test("fails in three minutes, and not much later", () => {
    expect(seconds).toBeGreaterThan(150);
    expect(seconds).toBeLessThan(240);
  });

  test("says why the pod ended, with the end of its log", () => {
    expect(output).toMatch(/CrashLoopBackOff[^]*mcp: no module named twisterlab/);
    expect(output).toContain("ProgressDeadlineExceeded");
  });

  test("says which image is not there", () => {
    expect(output).toMatch(/ErrImageNeverPull[^]*mcp-unified:missing/);
  });

  test("leaves the others alone", async () => {
    expect(await podOf("mcp-third")).toBe(third);
  });

  test("does not keep a drain waiting for a pod that never becomes ready", async () => {
    const pod = await podOf("mcp-unified");
    await evict(pod);
    await inNamespace("wait", "--for=delete", `pod/${pod}`, "--timeout=60s");
  });

  test("is mended by the next one", async () => {
    stack.declare(service("mcp-unified"), service("mcp-other"), service("mcp-third"));
    await stack.up();
    await stack.nothingToDo();
  });
});

test("gone, nothing is left of them, and what was there before is as it was", async () => {
  await stack.destroy();
  // What is deleted with its Deployment goes a little later.
  await expect.poll(left, { timeout: 60_000, interval: 300 }).toBe("");
  expect(await theirs()).toBe(before);
  expect((await tryKubectl(["get", "namespace", NAMESPACE])).code).toBe(0);
});

function left(): Promise<string> {
  const kinds = "deployments,replicasets,pods,services,endpointslices,poddisruptionbudgets";
  return inNamespace("get", kinds, "--selector=component=mcp", "--output=name");
}
