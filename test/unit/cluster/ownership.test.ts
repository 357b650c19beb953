import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterApi } from "../../../components/cluster/clusterApi.ts";
import { Ownership, STACK } from "../../../components/cluster/ownership.ts";
import { kubeconfigFor } from "../../support/kubeconfig.ts";
import { record } from "../../support/mocks.ts";

/** Objects of a cluster by the path of their API, with their annotations. */
let there: Record<string, Record<string, string>>;
/** What it was told to change. */
let changed: { path: string; body: unknown }[];
let server: Server;
let folder: string;

beforeEach(async () => {
  there = { "/api/v1/namespaces/twisterlab": {} };
  changed = [];
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://cluster");
    const answer = (code: number, body: object) => {
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (pathname === "/apis/batch/v1" || pathname === "/api/v1") {
      answer(200, { resources: KINDS });
      return;
    }
    const annotations = there[pathname];
    if (annotations === undefined) {
      answer(404, { kind: "Status", code: 404, message: "not found" });
      return;
    }
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (request.method === "PATCH") {
        changed.push({ path: pathname, body: JSON.parse(body) });
      }
      answer(200, { metadata: { annotations, resourceVersion: "7", managedFields: MANAGED } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-ownership-"));
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const KINDS = [
  { name: "cronjobs", kind: "CronJob", namespaced: true },
  { name: "namespaces", kind: "Namespace", namespaced: false },
];

/** As two people have left it, and a controller. */
const MANAGED = [
  { manager: "kubectl", operation: "Update", fieldsV1: { "f:spec": { "f:schedule": {} } } },
  { manager: "somebody", operation: "Apply", fieldsV1: { "f:spec": { "f:suspend": {} } } },
  { manager: "controller", operation: "Update", subresource: "status", fieldsV1: { "f:status": {} } },
];

const CRON_JOB = "/apis/batch/v1/namespaces/twisterlab/cronjobs/redis-drill";

// The engine is told of the hook.
beforeEach(async () => {
  await record({}, () => undefined);
});

/** A look by a stack that wants this CronJob. */
function wanting(takeOver: string[] = [], timeout = 30, type = "kubernetes:batch/v1:CronJob"): Ownership {
  const { port } = server.address() as AddressInfo;
  const kubeconfigFile = join(folder, "kubeconfig");
  writeFileSync(kubeconfigFile, kubeconfigFor(`http://127.0.0.1:${port}`));
  const ownership = new Ownership({ stack: "edge-phase-0", api: new ClusterApi(kubeconfigFile, timeout), takeOver });
  declare(ownership, { name: "redis-drill", namespace: "twisterlab" }, type);
  return ownership;
}

function declare(ownership: Ownership, metadata: object, type = "kubernetes:batch/v1:CronJob") {
  const props = { apiVersion: "batch/v1", kind: "CronJob", metadata };
  return ownership.transformation({ type, name: "drill", props, opts: {}, resource: undefined as never });
}

test("everything that is made says which stack it belongs to", () => {
  const { props } = declare(wanting(), { name: "a", namespace: "b", annotations: { theirs: "kept" } }) ?? {};
  expect(props).toMatchObject({ metadata: { name: "a", annotations: { theirs: "kept", [STACK]: "edge-phase-0" } } });
});

test("what is patched keeps its owner", () => {
  expect(declare(wanting(), { name: "a" }, "kubernetes:batch/v1:CronJobPatch")).toBeUndefined();
  expect(wanting().transformation({ type: "pulumi:providers:kubernetes" } as never)).toBeUndefined();
});

test("a name that is not known before anything is made cannot be looked for", () => {
  expect(() => declare(wanting(), { name: pulumi.output("a") })).toThrow("must be plain texts");
});

describe("a look", () => {
  test("finds nothing in the way of what is not there, or is ours", async () => {
    expect(await wanting().look()).toEqual({ refusals: [], notes: [] });
    there[CRON_JOB] = { [STACK]: "edge-phase-0" };
    expect(await wanting().look()).toEqual({ refusals: [], notes: [] });
  });

  test("refuses what is another's, unless it may be taken over", async () => {
    there[CRON_JOB] = {};
    const called = "CronJob twisterlab/redis-drill";
    expect(await wanting().look()).toMatchObject({ refusals: [expect.stringContaining(`${called} is there already`)] });
    const { refusals, notes } = await wanting([called]).look();
    expect([refusals, notes]).toEqual([[], [expect.stringContaining(`${called} was there before and is taken over`)]]);
    expect(changed).toEqual([]);
  });

  test("refuses what another stack has made, whatever may be taken over", async () => {
    there[CRON_JOB] = { [STACK]: "edge-phase-1" };
    const { refusals } = await wanting(["CronJob twisterlab/redis-drill"]).look();
    expect(refusals).toEqual(["CronJob twisterlab/redis-drill belongs to the stack edge-phase-1"]);
  });

  test("refuses a namespace that is not there, and a patch of nothing", async () => {
    there = {};
    expect((await wanting().look()).refusals).toEqual([
      "Namespace twisterlab is not there, and is not this program's to make",
    ]);
    const own = wanting();
    declare(own, { name: "redis-drill", namespace: "twisterlab" }, "kubernetes:batch/v1:CronJobPatch");
    expect(own.objects).toEqual(["CronJob twisterlab/redis-drill"]);
    expect((await own.look()).refusals).toHaveLength(1);
    const patch = wanting([], 30, "kubernetes:batch/v1:CronJobPatch");
    expect((await patch.look()).refusals).toContain(
      "CronJob twisterlab/redis-drill is not there, and is not this program's to make",
    );
  });

  test("is blind where nobody answers, or in time", async () => {
    const silent = wanting([], 0.2);
    server.removeAllListeners("request");
    expect((await silent.look()).blind).toBe("no answer within 0.2 s");
    const nobody = wanting();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect((await nobody.look()).blind).toContain("ECONNREFUSED");
  });
});

describe("right before it is made, an object", () => {
  const drill = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "redis-drill", namespace: "twisterlab" } };

  test("is left alone when it is another's, also when nobody could look before", async () => {
    await wanting().claim(drill);
    there[CRON_JOB] = {};
    await expect(wanting().claim(drill)).rejects.toThrow("CronJob twisterlab/redis-drill is there already");
    expect(changed).toEqual([]);
  });

  test("is not made without a look", async () => {
    const silent = wanting([], 0.2);
    server.removeAllListeners("request");
    await expect(silent.claim(drill)).rejects.toThrow(
      "CronJob twisterlab/redis-drill was not looked for, and so not made: no answer within 0.2 s",
    );
  });

  test("that may be taken over gets this program as manager of every field but those of the status", async () => {
    there[CRON_JOB] = {};
    await wanting(["CronJob twisterlab/redis-drill"]).claim(drill);
    const ours = { manager: "twisterlab-edge", operation: "Apply", apiVersion: "batch/v1", fieldsType: "FieldsV1" };
    const fieldsV1 = { "f:spec": { "f:schedule": {}, "f:suspend": {} } };
    const metadata = {
      name: "redis-drill",
      namespace: "twisterlab",
      resourceVersion: "7",
      managedFields: [MANAGED[2], { ...ours, fieldsV1 }],
    };
    expect(changed).toEqual([{ path: CRON_JOB, body: { apiVersion: "batch/v1", kind: "CronJob", metadata } }]);
  });
});
