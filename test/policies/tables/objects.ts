import type { Inputs, Plain } from "../table.ts";

/** A Kubernetes object. */
export function object(
  apiVersion: string,
  kind: string,
  name: string,
  fields: Inputs,
  more: Partial<Plain> = {},
): Plain {
  const metadata = { name, namespace: "twisterlab", ...(fields["metadata"] as Inputs | undefined) };
  return {
    type: `kubernetes:${apiVersion}:${kind}`,
    name,
    inputs: { apiVersion, kind, ...fields, metadata },
    ...more,
  };
}

/** A pod that every rule accepts. */
export function pod(): Inputs {
  return {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
    containers: [container()],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } }],
  };
}

export function container(name = "api"): Inputs {
  return {
    name,
    image: `redis:7-alpine@sha256:${"0123456789abcdef".repeat(4)}`,
    env: [
      { name: "HOME", value: "/tmp" },
      { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "db", key: "password" } } },
    ],
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/health", port: 8080 } },
    resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "1", memory: "128Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}

const LABELS = { app: "api" };

export function deployment(): Plain {
  return object("apps/v1", "Deployment", "api", {
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: pod() },
    },
  });
}

export function cronJob(name = "nightly"): Plain {
  return object("batch/v1", "CronJob", name, {
    spec: {
      schedule: "0 2 * * *",
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: 3600,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        spec: {
          backoffLimit: 1,
          activeDeadlineSeconds: 7200,
          template: { metadata: { labels: { job: name } }, spec: { ...pod(), restartPolicy: "Never" } },
        },
      },
    },
  });
}

export function networkPolicy(name = "closed", labels: Inputs = { job: "nightly" }): Plain {
  return object("networking.k8s.io/v1", "NetworkPolicy", name, {
    spec: {
      podSelector: { matchLabels: labels },
      policyTypes: ["Ingress", "Egress"],
      egress: [{ to: [{ podSelector: { matchLabels: { app: "twisterlab", component: "cache" } } }] }],
    },
  });
}

export function service(): Plain {
  return object("core/v1", "Service", "cache", {
    spec: { selector: { app: "twisterlab", component: "cache" }, ports: [{ port: 6379 }] },
  });
}
