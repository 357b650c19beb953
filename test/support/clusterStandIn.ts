import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What one of the cluster's objects is made of, as JSON. */
type Json = Record<string, unknown>;

/** A server that answers as the API does, as far as our commands ask for jobs. Every job has one pod. */
export interface ClusterStandIn {
  /** Text of a kubeconfig that leads to it. */
  readonly kubeconfig: string;
  readonly url: string;
  /** CronJobs, by their names. */
  cronJobs: Record<string, Json>;
  /** Jobs that were there before. */
  jobs: Json[];
  /** `status` of the pod, one for each look; the last one stays. Undefined: there is no pod. */
  pods: (Json | undefined)[];
  /** `status` of the job. */
  job: Json;
  log: string;
  events: Json[];
  /** Exit from the usual: an HTTP status for a request, or `hang up`. */
  instead: (request: string) => { status: number; body: string } | "hang up" | undefined;
  /** Jobs that were made, and names of those that were removed. */
  readonly created: Json[];
  readonly removed: string[];
  stop(): void;
}

export async function startClusterStandIn(): Promise<ClusterStandIn> {
  const server = createServer((request, response) => {
    const asked = `${request.method ?? ""} ${request.url ?? ""}`;
    const other = standIn.instead(asked);
    if (other === "hang up") {
      request.socket.destroy();
      return;
    }
    void (other === undefined ? answer(request) : Promise.resolve(other)).then(({ status, body }) => {
      response.writeHead(status, { "content-type": body.startsWith("{") ? "application/json" : "text/plain" });
      response.end(body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const found = (object: Json) => ({ status: 200, body: JSON.stringify(object) });
  const missing = { status: 404, body: JSON.stringify({ kind: "Status", code: 404, message: "not found" }) };
  let looks = 0;

  async function answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const { pathname } = new URL(request.url ?? "", url);
    const [, kind = "", name, part] = /namespaces\/[^/]+\/(\w+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(pathname) ?? [];
    const { method } = request;
    if (kind === "cronjobs") {
      const cronJob = standIn.cronJobs[name ?? ""];
      return cronJob === undefined ? missing : found(cronJob);
    }
    if (kind === "jobs" && method === "POST") {
      const job = JSON.parse(await text(request)) as { metadata: Json };
      standIn.created.push(job);
      looks = 0;
      return found({ ...job, metadata: { ...job.metadata, uid: "the-job" } });
    }
    if (kind === "jobs" && method === "DELETE") {
      standIn.removed.push(name ?? "");
      return found({ kind: "Status", status: "Success" });
    }
    if (kind === "jobs") {
      return found(name === undefined ? { items: standIn.jobs } : { metadata: { name }, status: standIn.job });
    }
    if (kind === "events") {
      return found({ items: standIn.events });
    }
    if (part === "log") {
      return { status: 200, body: standIn.log };
    }
    const status = standIn.pods[Math.min(looks++, standIn.pods.length - 1)];
    return found({ items: status === undefined ? [] : [{ metadata: { name: "the-pod", uid: "the-pod" }, status }] });
  }

  const standIn: ClusterStandIn = {
    url,
    kubeconfig: JSON.stringify({
      clusters: [{ name: "one", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "somebody", user: { token: "none" } }],
      contexts: [{ name: "one", context: { cluster: "one", user: "somebody" } }],
      "current-context": "one",
    }),
    cronJobs: {},
    jobs: [],
    pods: [],
    job: {},
    log: "",
    events: [],
    instead: () => undefined,
    created: [],
    removed: [],
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return standIn;
}

/** `status` of a pod that has ended, with what it left. */
export function endedPod(code: number, message: string, about: Json = {}): Json {
  const terminated = { exitCode: code, message, reason: code === 0 ? "Completed" : "Error" };
  return { phase: code === 0 ? "Succeeded" : "Failed", containerStatuses: [{ state: { terminated } }], ...about };
}

/** `status` of a pod that waits. */
export function waitingPod(reason: string, message?: string): Json {
  return { phase: "Pending", containerStatuses: [{ state: { waiting: { reason, message } } }] };
}

export const RUNNING: Json = { phase: "Running", containerStatuses: [{ state: { running: {} } }] };

/** A CronJob with labels, a command, resources and limits like ours. */
export function cronJob(app: string, script: string, memory: string): Json {
  const labels = { "app.kubernetes.io/managed-by": "twisterlab-edge", "app.kubernetes.io/name": app };
  const container = {
    name: app,
    image: "image",
    command: ["sh", "-c", `exec sh /scripts/${script}`],
    env: [{ name: "BACKUPS", value: "/backups" }],
    resources: { limits: { memory } },
  };
  const template = { metadata: { labels }, spec: { restartPolicy: "Never", containers: [container] } };
  return {
    metadata: { name: app },
    spec: {
      schedule: "0 0 1 1 *",
      jobTemplate: { metadata: { labels }, spec: { backoffLimit: 1, activeDeadlineSeconds: 7200, template } },
    },
  };
}
