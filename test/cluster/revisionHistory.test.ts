import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { kubectl, Stack, type DeclaredComponent } from "./stack.ts";

const NAMESPACE = "history-test";

/** How long what the cluster does by itself may take, on a busy machine. */
const SOON = { timeout: 60_000, interval: 300 };

/** What nobody should write into a Deployment, and somebody has. */
const PASSWORD = "s3cret-of-somebody";
const WITH_PASSWORD = ["sh", "-c", "exec sleep 2147483647", PASSWORD];

let stack: Stack;
/** What was there before the program came, by name. */
const before: Record<string, Seen> = {};

beforeAll(async () => {
  await kubectl(["create", "namespace", NAMESPACE]);
  await apply("silent", {});
  await apply("outspoken", { revisionHistoryLimit: 7 }, WITH_PASSWORD);
  await apply("ill", {}, ["false"]);
  await apply("others", {});
  // Old ReplicaSets without a pod: five, beside the one that counts.
  await apply("old", { replicas: 0 });
  for (let round = 1; round <= 5; round++) {
    await inNamespace("set", "env", "deployment/old", `ROUND=${round}`);
    await vi.waitFor(async () => {
      expect(await replicaSets()).toHaveLength(round + 1);
    }, SOON);
  }
  for (const name of ["silent", "outspoken", "others"]) {
    await inNamespace("rollout", "status", `deployment/${name}`, "--timeout=120s");
  }
  for (const name of ["silent", "outspoken", "others", "old"]) {
    before[name] = await see(name);
  }
  stack = await Stack.make();
});

afterAll(() => {
  stack.forget();
});

/** As its owner makes it, who says no more than must be. */
async function apply(name: string, spec: object, command = ["sleep", "2147483647"]): Promise<void> {
  await kubectl(["apply", "--filename=-"], {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE, labels: { owner: "somebody" }, annotations: { note: "ours" } },
    spec: {
      ...spec,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "main", image: "busybox:1.36.1", command }] },
      },
    },
  });
}

function inNamespace(...words: readonly string[]): Promise<string> {
  return kubectl(["--namespace", NAMESPACE, ...words]);
}

async function replicaSets(): Promise<string[]> {
  const revision = "{.metadata.annotations.deployment\\.kubernetes\\.io/revision}";
  const listed = await inNamespace(
    ...["get", "replicasets", "--selector=app=old", `--output=jsonpath={range .items[*]}${revision} {end}`],
  );
  return listed.trim().split(" ").sort();
}

interface Seen {
  metadata: Record<string, unknown> & { annotations: Record<string, string> };
  spec: Record<string, unknown> & { revisionHistoryLimit: number };
  status: Record<string, unknown>;
}

/** A Deployment without what each write changes: its version, its count of changes, and who manages which field. */
async function see(name: string): Promise<Seen> {
  const seen = JSON.parse(await inNamespace("get", "deployment", name, "--output=json")) as Seen;
  const { resourceVersion, generation, ...metadata } = seen.metadata;
  const { observedGeneration, ...status } = seen.status;
  expect([resourceVersion, generation, observedGeneration]).not.toContain(undefined);
  return { ...seen, metadata, status };
}

/** Field managers of a Deployment's `spec.revisionHistoryLimit`. */
async function owners(name: string): Promise<string[]> {
  const words = ["get", "deployment", name, "--output=json", "--show-managed-fields"];
  const { metadata } = JSON.parse(await inNamespace(...words)) as {
    metadata: { managedFields: { manager: string; fieldsV1: { "f:spec"?: object } }[] };
  };
  return metadata.managedFields
    .filter(({ fieldsV1 }) => "f:revisionHistoryLimit" in (fieldsV1["f:spec"] ?? {}))
    .map(({ manager }) => manager);
}

function history(...names: readonly string[]): DeclaredComponent {
  const deployments = names.map((name) => `${NAMESPACE}/${name}`);
  return { component: "RevisionHistory", name: "history", args: { limit: 3, deployments } };
}

describe("Deployments that others have made", () => {
  test("get the limit, the ill one too, and lose nothing else", async () => {
    // kubectl owns the field even where the manifest is silent: what the server has filled in counts as said.
    expect(await owners("silent")).toEqual(["kubectl-client-side-apply"]);
    stack.declare(history("silent", "outspoken", "ill", "old"));
    await stack.up();
    for (const name of ["silent", "outspoken", "old"]) {
      const { metadata, spec, ...rest } = await see(name);
      const theirs = Object.entries(metadata.annotations).filter(([key]) => !key.startsWith("pulumi.com/"));
      expect(spec.revisionHistoryLimit).toBe(3);
      expect({
        ...rest,
        metadata: { ...metadata, annotations: Object.fromEntries(theirs) },
        spec: { ...spec, revisionHistoryLimit: before[name]?.spec.revisionHistoryLimit },
      }).toEqual(before[name]);
      expect(await owners(name)).toEqual(["twisterlab-edge-revision-history"]);
    }
    expect((await see("ill")).spec.revisionHistoryLimit).toBe(3);
  });

  test("leave nothing for a second preview", async () => {
    await stack.nothingToDo();
  });

  test("keep their passwords: the state has none that somebody has written into theirs", async () => {
    const words = ["--namespace", NAMESPACE, "get", "deployment", "outspoken", "--output=yaml"];
    expect(await kubectl(words)).toContain(PASSWORD);
    expect(stack.kept).toContain(`${NAMESPACE}/outspoken`);
    expect(stack.kept).not.toContain(PASSWORD);
  });

  test("keep so many old ReplicaSets, the newest", async () => {
    await expect.poll(replicaSets, SOON).toEqual(["3", "4", "5", "6"]);
  });

  test("keep it when their owner applies the same again", async () => {
    await apply("silent", {});
    expect((await see("silent")).spec.revisionHistoryLimit).toBe(3);
    await stack.nothingToDo();
  });

  test("that are not named stay as they are", async () => {
    expect(await see("others")).toEqual(before["others"]);
  });

  test("have Kubernetes' own limit when one is no longer named, and nothing of ours is on them", async () => {
    stack.declare(history("outspoken", "ill", "old"));
    await stack.up();
    expect(await see("silent")).toEqual(before["silent"]);
    expect(await owners("silent")).toEqual([]);
  });

  test("survive when all of it goes; a limit of their own comes back with their manifest", async () => {
    await stack.destroy();
    const { spec, ...rest } = await see("outspoken");
    expect({ ...rest, spec: { ...spec, revisionHistoryLimit: 7 } }).toEqual(before["outspoken"]);
    expect(spec.revisionHistoryLimit).toBe(10);
    await apply("outspoken", { revisionHistoryLimit: 7 }, WITH_PASSWORD);
    expect(await see("outspoken")).toEqual(before["outspoken"]);
    expect(await see("old")).toEqual(before["old"]);
  });
});

test("a Deployment that is not there fails the update, and is not made", async () => {
  const other = await Stack.make();
  try {
    other.declare(history("missing"));
    const { code, stdout } = await other.tryUp();
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/Deployment.apps "missing" is invalid/);
    expect(await inNamespace("get", "deployment", "missing", "--ignore-not-found", "--output=name")).toBe("");
  } finally {
    other.forget();
  }
});
