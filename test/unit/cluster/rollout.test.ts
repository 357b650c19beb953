import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ClusterApi } from "../../../components/cluster/clusterApi.ts";
import { readNetwork } from "../../../components/cluster/network/live.ts";
import { compare, Rollout } from "../../../components/cluster/network/rollout.ts";

/** What a cluster has, by kind. */
let there: Record<string, object[]>;
let changes: string[];
let broken: Error | undefined;
/** What happens there before it is looked at. */
let meanwhile: ((kind: string) => void) | undefined;

const objects = {
  list: (_: string, kind: string, namespace?: string) => {
    if (broken !== undefined) return Promise.reject(broken);
    meanwhile?.(kind);
    const all = (there[kind] ?? []) as KubernetesObject[];
    return Promise.resolve({
      items: all.filter(({ metadata }) => namespace === undefined || metadata?.namespace === namespace),
    });
  },
  delete: ({ metadata }: KubernetesObject) => changes.push(`delete ${metadata?.name ?? ""}`),
  patch: (object: KubernetesObject) => changes.push(`apply ${JSON.stringify(object)}`),
} as unknown as KubernetesObjectApi;

beforeEach(() => {
  there = {};
  changes = [];
  broken = undefined;
  meanwhile = undefined;
});

const deployment = (name: string, readyReplicas: number, replicas = 2, namespace = "a") => ({
  metadata: { name, namespace },
  spec: { replicas, template: {} },
  status: { readyReplicas },
});
const pod = (name: string, restartCount: number, ready = "True", namespace = "a") => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: "a" }] },
  status: { conditions: [{ type: "Ready", status: ready }], containerStatuses: [{ restartCount }] },
});
const policy = (name: string, stack?: string) => ({
  metadata: {
    name,
    namespace: "a",
    uid: "1",
    resourceVersion: "7",
    managedFields: [],
    annotations: stack === undefined ? {} : { "twisterlab-edge/stack": stack },
  },
  spec: { podSelector: {} },
});

/** A rollout that has looked at the cluster as it is now. */
async function begun(): Promise<Rollout> {
  const api = new ClusterApi("/nowhere", 1);
  vi.spyOn(api, "open").mockResolvedValue(objects);
  const rollout = new Rollout(api, "edge-phase-4", 0.02);
  rollout.beginFrom(await readNetwork(objects));
  return rollout;
}

describe("a namespace whose policies have changed", () => {
  test("is left as it is when it is as well as before", async () => {
    there = { Deployment: [deployment("api", 2), deployment("down", 0, 1)], Pod: [pod("api-1", 3)] };
    await (await begun()).check("a");
    expect(changes).toEqual([]);
  });

  test("gets back what it had when a workload is less ready: what is new goes, the refusal first", async () => {
    there = {
      Deployment: [deployment("api", 2), deployment("redis", 2)],
      NetworkPolicy: [policy("kept", "edge-phase-4")],
    };
    const rollout = await begun();
    there["Deployment"] = [deployment("api", 0), deployment("redis", 2)];
    const own = ["allow-api", "kept", "default-deny"].map((name) => policy(name, "edge-phase-4"));
    there["NetworkPolicy"] = [...own, policy("theirs"), policy("backup", "edge-phase-0")];
    await expect(rollout.check("a")).rejects.toThrow(
      "the network policies of a were taken back to what they were: Deployment api has 0 of 2 pods ready, and had 2; as before: Deployment redis",
    );
    expect(changes.slice(0, 2)).toEqual(["delete default-deny", "delete allow-api"]);
    expect(changes[2]).toBe(
      `apply ${JSON.stringify({
        metadata: { name: "kept", namespace: "a", annotations: { "twisterlab-edge/stack": "edge-phase-4" } },
        spec: { podSelector: {} },
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
      })}`,
    );
    expect(changes).toHaveLength(3);
  });

  test("is not judged by one look: what is well again in the next one counts", async () => {
    there = { Deployment: [deployment("api", 2)] };
    const rollout = await begun();
    let looks = 0;
    meanwhile = (kind) => {
      if (kind === "Deployment") there[kind] = [deployment("api", (looks += 1) === 1 ? 0 : 2)];
    };
    await rollout.check("a");
    expect(looks).toBeGreaterThan(1);
    expect(changes).toEqual([]);
  });

  test("that cannot be looked at gets back what it had, or the words to do it by hand", async () => {
    const rollout = await begun();
    broken = new Error("connection refused");
    await expect(rollout.check("a")).rejects.toThrow(
      /could NOT be taken back \(connection refused; by hand: kubectl delete networkpolicy --namespace a .*: the cluster did not answer: connection refused/,
    );
  });

  test("is not judged without a look from before", async () => {
    const rollout = new Rollout(new ClusterApi("/nowhere", 1), "edge-phase-4", 1);
    await expect(rollout.check("a")).rejects.toThrow("a was not looked at before its policies changed");
  });
});

describe("worse than before", () => {
  const health = async (kinds: Record<string, object[]>) => {
    there = kinds;
    return readNetwork(objects);
  };

  test("is a pod that was well and was started anew; one that was ill does that anyway", async () => {
    const before = await health({ Pod: [pod("api-1", 1), pod("builder", 523, "False")] });
    const now = await health({ Pod: [pod("api-1", 2), pod("builder", 524, "False"), pod("new", 4)] });
    expect(compare(before, now, "a").worse).toEqual(["the pod api-1 was started anew"]);
  });

  test("is not a workload that somebody scales down or removes, nor one of another namespace", async () => {
    const before = await health({
      Deployment: [deployment("api", 3, 3), deployment("old", 1, 1), deployment("b", 1, 1, "b")],
    });
    const now = await health({ Deployment: [deployment("api", 1, 1), deployment("b", 0, 1, "b")] });
    expect(compare(before, now, "a")).toEqual({ worse: [], well: ["Deployment api", "Deployment old"] });
  });

  test("is a DaemonSet with fewer pods", async () => {
    const set = (numberReady: number) => ({
      metadata: { name: "exporter", namespace: "a" },
      spec: { template: {} },
      status: { numberReady, desiredNumberScheduled: 1 },
    });
    const before = await health({ DaemonSet: [set(1)] });
    const now = await health({ DaemonSet: [set(0)] });
    expect(compare(before, now, "a").worse).toEqual(["DaemonSet exporter has 0 of 1 pods ready, and had 1"]);
  });
});
