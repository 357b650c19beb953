import { UNKNOWN } from "../../../policies/support/field.ts";
import type { Table } from "../table.ts";
import { container, cronJob, deployment, object } from "./objects.ts";

const SPEC = "spec.template.spec";
const C = `${SPEC}.containers[0]`;
const JOB = "spec.jobTemplate.spec.template.spec";

const base = () => [deployment()];
/** A patch of another's object says nothing of the rest. */
const patch = () => [
  object("apps/v1", "DeploymentPatch", "patch", {
    spec: { template: { metadata: { labels: {} }, spec: { containers: [{ name: "api" }] } } },
  }),
];
const asPatch: Table["accepted"] = {
  "a patch that says nothing of it": (stack) => void stack.splice(0, 1, ...patch()),
};

/** Rules over the pods of an object. */
export const pods: Record<string, Table> = {
  "pod-not-privileged": {
    base,
    pods: true,
    refused: { privileged: [`${C}.securityContext.privileged`, true] },
    accepted: { "said to be not": [`${C}.securityContext.privileged`, false], ...asPatch },
    unknown: [`${C}.securityContext.privileged`, `${C}.securityContext`, `${SPEC}.containers`, SPEC, "spec"],
  },
  "pod-no-privilege-escalation": {
    base,
    pods: true,
    refused: {
      allowed: [`${C}.securityContext.allowPrivilegeEscalation`, true],
      "said in another kind": [`${C}.securityContext.allowPrivilegeEscalation`, "false"],
    },
    accepted: asPatch,
    unknown: [`${C}.securityContext.allowPrivilegeEscalation`],
    absent: [`${C}.securityContext.allowPrivilegeEscalation`, `${C}.securityContext`],
  },
  "pod-no-host-namespaces": {
    base,
    refused: {
      network: [`${SPEC}.hostNetwork`, true],
      processes: [`${SPEC}.hostPID`, true],
      memory: [`${SPEC}.hostIPC`, true],
    },
    accepted: { "said to be not": [`${SPEC}.hostNetwork`, false] },
    unknown: [`${SPEC}.hostNetwork`, `${SPEC}.hostPID`, `${SPEC}.hostIPC`],
  },
  "pod-no-host-path": {
    base,
    refused: {
      "a path of the machine": [`${SPEC}.volumes[0]`, { name: "logs", hostPath: { path: "/var/log" } }],
      "behind a volume": (stack) => {
        stack[0] = object("core/v1", "PersistentVolume", "disk", { spec: { hostPath: { path: "/data" } } });
      },
    },
    accepted: {
      "a claim": [`${SPEC}.volumes[0]`, { name: "data", persistentVolumeClaim: { claimName: "data" } }],
      "a local volume": (stack) => {
        stack[0] = object("core/v1", "PersistentVolume", "disk", { spec: { local: { path: "/data" } } });
      },
      "no volumes": [`${SPEC}.volumes`, undefined],
    },
    unknown: [`${SPEC}.volumes[0].hostPath`, `${SPEC}.volumes`],
  },
  "pod-no-host-port": {
    base,
    pods: true,
    refused: { "a port of the machine": [`${C}.ports[0].hostPort`, 8080] },
    accepted: { "port 0, which is none": [`${C}.ports[0].hostPort`, 0], "no ports": [`${C}.ports`, undefined] },
    unknown: [`${C}.ports[0].hostPort`, `${C}.ports`],
  },
  "pod-drops-capabilities": {
    base,
    pods: true,
    refused: {
      "drops one": [`${C}.securityContext.capabilities.drop`, ["NET_RAW"]],
      "a patch that drops one": (stack) => {
        const [each] = patch();
        const spec = (each?.inputs as unknown as { spec: CronJob["spec"]["jobTemplate"]["spec"] }).spec.template.spec;
        spec.containers = [{ securityContext: { capabilities: { drop: ["NET_RAW"] } } }];
        if (each !== undefined) stack[0] = each;
      },
      "adds one": [`${C}.securityContext.capabilities.add`, ["SYS_ADMIN"]],
      "adds one beside the one that may be": [`${C}.securityContext.capabilities.add`, ["NET_BIND_SERVICE", "NET_RAW"]],
    },
    accepted: {
      "adds the one that may be": [`${C}.securityContext.capabilities.add`, ["NET_BIND_SERVICE"]],
      ...asPatch,
    },
    unknown: [`${C}.securityContext.capabilities.add`, `${C}.securityContext.capabilities.drop[0]`],
    absent: [`${C}.securityContext.capabilities`, `${C}.securityContext.capabilities.drop`],
  },
  "pod-runs-as-non-root": {
    base,
    pods: true,
    refused: {
      "root by number": [`${C}.securityContext.runAsUser`, 0],
      "root by permission": [`${C}.securityContext.runAsNonRoot`, false],
      "the pod is root": [`${SPEC}.securityContext.runAsUser`, 0],
    },
    accepted: {
      "by the container alone": (stack) => {
        const spec = (stack[0]?.inputs as { spec: { template: { spec: Record<string, object[]> } } }).spec.template
          .spec;
        Object.assign(spec, { securityContext: {} });
        const [first] = spec["containers"] as { securityContext: object }[];
        Object.assign(first?.securityContext ?? {}, { runAsNonRoot: true, runAsUser: 70 });
      },
      "without a number": [`${SPEC}.securityContext.runAsUser`, undefined],
      ...asPatch,
    },
    unknown: [`${SPEC}.securityContext.runAsNonRoot`, `${C}.securityContext.runAsUser`],
    absent: [`${SPEC}.securityContext.runAsNonRoot`, `${SPEC}.securityContext`],
  },
  "pod-seccomp-default": {
    base,
    pods: true,
    refused: { unconfined: [`${C}.securityContext.seccompProfile`, { type: "Unconfined" }] },
    accepted: { "a profile of its own": [`${C}.securityContext.seccompProfile`, { type: "Localhost" }], ...asPatch },
    unknown: [`${SPEC}.securityContext.seccompProfile.type`],
    absent: [`${SPEC}.securityContext.seccompProfile`, `${SPEC}.securityContext.seccompProfile.type`],
  },
  "pod-keeps-kernel-protection": {
    base,
    pods: true,
    refused: {
      "no AppArmor": [`${C}.securityContext.appArmorProfile`, { type: "Unconfined" }],
      "all of /proc": [`${C}.securityContext.procMount`, "Unmasked"],
      "a SELinux type": [`${C}.securityContext.seLinuxOptions`, { type: "spc_t" }],
      "a SELinux user": [`${C}.securityContext.seLinuxOptions`, { user: "root" }],
      "a SELinux role": [`${C}.securityContext.seLinuxOptions`, { role: "sysadm_r" }],
      "a process of the host": [`${C}.securityContext.windowsOptions`, { hostProcess: true }],
      "a setting of the kernel": [`${SPEC}.securityContext.sysctls`, [{ name: "kernel.msgmax", value: "1" }]],
      "a setting without a name": [`${SPEC}.securityContext.sysctls`, [{ value: "1" }]],
    },
    accepted: {
      "the runtime's AppArmor": [`${C}.securityContext.appArmorProfile`, { type: "RuntimeDefault" }],
      "/proc as it is": [`${C}.securityContext.procMount`, "Default"],
      ...Object.fromEntries(
        ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"].map((type) => [
          type,
          [`${C}.securityContext.seLinuxOptions`, { type }] as const,
        ]),
      ),
      ...Object.fromEntries(
        [
          "kernel.shm_rmid_forced",
          "net.ipv4.ip_local_port_range",
          "net.ipv4.ip_unprivileged_port_start",
          "net.ipv4.tcp_syncookies",
          "net.ipv4.ping_group_range",
          "net.ipv4.ip_local_reserved_ports",
          "net.ipv4.tcp_keepalive_time",
          "net.ipv4.tcp_fin_timeout",
          "net.ipv4.tcp_keepalive_intvl",
          "net.ipv4.tcp_keepalive_probes",
        ].map((name) => [name, [`${SPEC}.securityContext.sysctls`, [{ name, value: "1" }]] as const]),
      ),
    },
    unknown: [
      `${C}.securityContext.appArmorProfile.type`,
      `${C}.securityContext.procMount`,
      `${C}.securityContext.seLinuxOptions.type`,
      `${SPEC}.securityContext.sysctls`,
      `${C}.securityContext.windowsOptions.hostProcess`,
    ],
  },
  "pod-read-only-root": {
    base,
    pods: "not jobs",
    refused: { "can write": [`${C}.securityContext.readOnlyRootFilesystem`, false] },
    accepted: {
      "a job, which the other rule is for": (stack) => {
        const job = cronJob();
        const [first] = (job.inputs as unknown as CronJob).spec.jobTemplate.spec.template.spec.containers;
        Object.assign(first?.securityContext ?? {}, { readOnlyRootFilesystem: false });
        stack[0] = job;
      },
      ...asPatch,
    },
    unknown: [`${C}.securityContext.readOnlyRootFilesystem`],
    absent: [`${C}.securityContext.readOnlyRootFilesystem`],
  },
  "job-read-only-root": {
    base: () => [cronJob()],
    refused: { "can write": [`${JOB}.containers[0].securityContext.readOnlyRootFilesystem`, false] },
    accepted: {
      "what is no job, which the other rule is for": (stack) => {
        const each = deployment();
        const [first] = (each.inputs as unknown as { spec: CronJob["spec"]["jobTemplate"]["spec"] }).spec.template.spec
          .containers;
        Object.assign(first?.securityContext ?? {}, { readOnlyRootFilesystem: false });
        stack[0] = each;
      },
    },
    unknown: [`${JOB}.containers[0].securityContext.readOnlyRootFilesystem`],
    absent: [`${JOB}.containers[0].securityContext.readOnlyRootFilesystem`],
  },
  "pod-no-runtime-socket": {
    base,
    refused: Object.fromEntries(
      [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/k3s/containerd/containerd.sock",
        "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
        "/run/k3s",
        "/var/run/",
        "/",
      ].map((path) => [path, [`${SPEC}.volumes[0]`, { name: "x", hostPath: { path } }] as const]),
    ),
    accepted: { "another path": [`${SPEC}.volumes[0]`, { name: "x", hostPath: { path: "/var/log" } }] },
    unknown: [`${SPEC}.volumes[0].hostPath.path`, `${SPEC}.volumes[0].hostPath`],
  },
  "image-tag-pinned": {
    base,
    pods: true,
    refused: {
      "no tag": [`${C}.image`, "redis"],
      latest: [`${C}.image`, "redis:latest"],
      "latest, shouted": [`${C}.image`, "redis:LATEST"],
      "a port, which is no tag": [`${C}.image`, "registry.example:5000/redis"],
      "no image's name": [`${C}.image`, "redis:7 alpine"],
    },
    accepted: {
      "a version": [`${C}.image`, "redis:7-alpine"],
      "a digest alone": [`${C}.image`, `redis@sha256:${"a".repeat(64)}`],
      "a version behind a port": [`${C}.image`, "registry.example:5000/team/redis:7"],
      ...asPatch,
    },
    unknown: [`${C}.image`],
    absent: [`${C}.image`],
  },
  "image-by-digest": {
    base,
    pods: true,
    refused: {
      "a tag": [`${C}.image`, "redis:7-alpine"],
      "a digest in capitals": [`${C}.image`, `redis@sha256:${"A".repeat(64)}`],
    },
    accepted: { "a digest alone": [`${C}.image`, `redis@sha256:${"a".repeat(64)}`], ...asPatch },
    unknown: [`${C}.image`],
    absent: [`${C}.image`],
  },
  "pod-has-resources": {
    base,
    pods: true,
    refused: {
      "nothing of memory": [`${C}.resources.requests.memory`, "0"],
      "no unit that Kubernetes knows": [`${C}.resources.limits.memory`, "128MB"],
      "more memory than its limit": [`${C}.resources.requests.memory`, "129Mi"],
    },
    accepted: {
      "as much memory as its limit": [`${C}.resources.requests.memory`, "128Mi"],
      "no limit of cpu": [`${C}.resources.limits.cpu`, undefined],
      "cores as a number": [`${C}.resources.requests.cpu`, 1],
      ...asPatch,
    },
    unknown: [`${C}.resources.requests.cpu`, `${C}.resources.limits.memory`, `${C}.resources`],
    absent: [
      `${C}.resources`,
      `${C}.resources.requests`,
      `${C}.resources.requests.cpu`,
      `${C}.resources.requests.memory`,
      `${C}.resources.limits.memory`,
    ],
  },
  "pod-scratch-is-limited": {
    base,
    refused: {
      "no limit": [`${SPEC}.volumes[0].emptyDir`, {}],
      "a limit of nothing": [`${SPEC}.volumes[0].emptyDir.sizeLimit`, "0"],
    },
    accepted: { "another volume": [`${SPEC}.volumes[0]`, { name: "x", configMap: { name: "x" } }] },
    unknown: [`${SPEC}.volumes[0].emptyDir.sizeLimit`],
    absent: [`${SPEC}.volumes[0].emptyDir.sizeLimit`],
  },
  "pod-has-readiness-probe": {
    base,
    refused: { "an empty one": [`${C}.readinessProbe`, {}] },
    accepted: {
      "what does not listen": (stack) => {
        const { containers } = (stack[0]?.inputs as { spec: { template: { spec: { containers: object[] } } } }).spec
          .template.spec;
        containers[0] = { ...container(), ports: [], readinessProbe: undefined };
      },
      "an init container, which has none": [
        `${SPEC}.initContainers`,
        [{ ...container("init"), readinessProbe: undefined }],
      ],
      "a job": (stack) => {
        const job = cronJob();
        const spec = (job.inputs as unknown as CronJob).spec.jobTemplate.spec.template.spec;
        spec.containers = [{ ...container(), readinessProbe: undefined } as unknown as Container];
        stack[0] = job;
      },
      "a patch that says nothing of it": (stack) => {
        stack[0] = object("apps/v1", "DeploymentPatch", "patch", {
          spec: { template: { spec: { containers: [{ name: "api", ports: [{ containerPort: 1 }] }] } } },
        });
      },
    },
    unknown: [`${C}.readinessProbe`, `${C}.ports`],
    absent: [`${C}.readinessProbe`],
  },
  "pod-no-api-token": {
    base,
    refused: {
      mounted: [`${SPEC}.automountServiceAccountToken`, true],
      "of the default account": (stack) => {
        const spec = (stack[0]?.inputs as { spec: { template: { spec: object } } }).spec.template.spec;
        Object.assign(spec, { automountServiceAccountToken: true, serviceAccountName: "default" });
      },
    },
    accepted: {
      "of an account of its own": (stack) => {
        const spec = (stack[0]?.inputs as { spec: { template: { spec: object } } }).spec.template.spec;
        Object.assign(spec, { automountServiceAccountToken: true, serviceAccountName: "hygiene" });
      },
      "of an account that is made meanwhile": (stack) => {
        const spec = (stack[0]?.inputs as { spec: { template: { spec: object } } }).spec.template.spec;
        Object.assign(spec, { automountServiceAccountToken: true, serviceAccountName: UNKNOWN });
      },
      ...asPatch,
    },
    unknown: [`${SPEC}.automountServiceAccountToken`],
    absent: [`${SPEC}.automountServiceAccountToken`],
  },
  "pod-no-secret-in-env": {
    base,
    pods: true,
    refused: {
      "by its name": [`${C}.env[0]`, { name: "PGPASSWORD", value: "hunter2" }],
      "by its name in another style": [`${C}.env[0]`, { name: "apiToken", value: "hunter2" }],
      "by its name, in short": [`${C}.env[0]`, { name: "DB_PASS", value: "hunter2" }],
      "by its value": [`${C}.env[0]`, { name: "DATABASE_URL", value: "postgres://app:hunter2@db/app" }],
      "a private key": [`${C}.env[0]`, { name: "PEM", value: "-----BEGIN EC PRIVATE KEY-----\nMHc" }],
      "not known, of such a name": [`${C}.env[0]`, { name: "PASSWORD", value: UNKNOWN }],
    },
    accepted: {
      "another variable": [`${C}.env[0]`, { name: "PASSWORD", value: "$(FROM_ELSEWHERE)" }],
      "nothing in it": [`${C}.env[0]`, { name: "PASSWORD", value: "" }],
      "where one is": [`${C}.env[0]`, { name: "PASSWORD_FILE", value: "/run/secrets/password" }],
      "not known, of another name": [`${C}.env[0]`, { name: "ENDPOINT", value: UNKNOWN }],
      "a URL without a password": [`${C}.env[0]`, { name: "URL", value: "postgres://app@db/app" }],
      "no environment": [`${C}.env`, undefined],
    },
    unknown: [`${C}.env`, `${C}.env[0].name`],
  },
};

interface Container {
  securityContext: object;
}

interface CronJob {
  spec: { jobTemplate: { spec: { template: { spec: { containers: Container[] } } } } };
}
