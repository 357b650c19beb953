import { cronJob, object, pods, type Inputs, type Written } from "./plans.ts";
import type { ChangePlan } from "../../review/plan.ts";

/** A change that must be refused, and the rules that must say so. */
export interface BadChange {
  name: string;
  rules: string[];
  steps: Written[];
  more?: Partial<ChangePlan> & { outputs?: Inputs };
}

const GIB = 2 ** 30;
const claim = (spec: Inputs): Inputs => object("PersistentVolumeClaim", "postgres-pvc", { spec });
const size = (storage: string): Inputs => ({ resources: { requests: { storage } } });
const volume = (bytes: number): Inputs => ({ volumeGroup: "ubuntu-vg", logicalVolume: "ubuntu-lv", size: bytes });
const daemon = (more: Inputs): Inputs => ({
  path: "/etc/docker/daemon.json",
  activate: "docker",
  content: `${JSON.stringify({ "storage-driver": "overlay2", "live-restore": true, ...more }, null, 2)}\n`,
});
const registries = (...lines: string[]): Inputs => ({
  path: "/etc/rancher/k3s/registries.yaml",
  activate: "k3s",
  content: lines,
});
const MIRRORS = ["mirrors:", "  harbor.example:", "    endpoint:", "      - https://harbor.example"];
const VERIFIED = ["configs:", "  harbor.example:", "    tls:", "      ca_file: /etc/ca.crt"];
const policy = (name: string, spec: Inputs): Inputs => object("NetworkPolicy", name, { spec });
const DENY_ALL = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const command = (more: Inputs): Inputs => ({
  create: "put --revision 1",
  update: "put --revision 1",
  connection: "[secret]",
  ...more,
});
const file = (name: string, activate: string, content: string): Written => ({
  type: "twisterlab:host:HostFile",
  name,
  old: { path: `/etc/${name}`, activate, content: "old" },
  new: { path: `/etc/${name}`, activate, content },
});
const BACKUP = "twisterlab:cluster:PostgresBackup";

/** Changes of which every one would cost something that does not come back by itself. */
export const BAD_CHANGES: BadChange[] = [
  {
    name: "a claim is taken out of the program",
    rules: ["stateful-destroy"],
    steps: [{ type: "core/v1:PersistentVolumeClaim", name: "data", old: claim(size("10Gi")) }],
  },
  {
    name: "a protected claim is unprotected and deleted in one plan",
    rules: ["unprotect", "stateful-destroy"],
    steps: [{ type: "core/v1:PersistentVolumeClaim", name: "data", old: claim(size("10Gi")), protect: { old: true } }],
  },
  {
    name: "a protected claim is unprotected and replaced in one plan",
    rules: ["unprotect", "force-new"],
    steps: [
      {
        type: "core/v1:PersistentVolumeClaim",
        name: "data",
        op: "replace",
        old: claim({ storageClassName: "local-path" }),
        new: claim({ storageClassName: "fast" }),
        replacedFor: "spec.storageClassName",
        protect: { old: true },
      },
    ],
  },
  {
    name: "a claim gets another storage class, which makes it another claim",
    rules: ["force-new"],
    steps: [
      {
        type: "core/v1:PersistentVolumeClaim",
        name: "data",
        op: "replace",
        old: claim({ storageClassName: "local-path" }),
        new: claim({ storageClassName: "fast" }),
        replacedFor: "spec.storageClassName",
      },
    ],
  },
  {
    name: "a claim is replaced, and the provider does not say why",
    rules: ["stateful-destroy"],
    steps: [{ type: "core/v1:PersistentVolumeClaim", name: "data", op: "replace", old: claim({}), new: claim({}) }],
  },
  {
    name: "a StatefulSet gets other claim templates",
    rules: ["force-new"],
    steps: [
      {
        type: "apps/v1:StatefulSet",
        name: "postgres",
        op: "replace",
        old: object("StatefulSet", "postgres", { spec: { volumeClaimTemplates: [{ spec: size("10Gi") }] } }),
        new: object("StatefulSet", "postgres", { spec: { volumeClaimTemplates: [{ spec: size("20Gi") }] } }),
        replacedFor: "spec.volumeClaimTemplates[0].spec",
      },
    ],
  },
  {
    name: "a StatefulSet is deleted",
    rules: ["stateful-destroy"],
    steps: [{ type: "apps/v1:StatefulSet", name: "postgres", old: object("StatefulSet", "postgres") }],
  },
  {
    name: "a namespace is deleted",
    rules: ["stateful-destroy"],
    steps: [{ type: "core/v1:Namespace", name: "harbor", old: { metadata: { name: "harbor" } } }],
  },
  {
    name: "a namespace gets another name",
    rules: ["force-new"],
    steps: [
      {
        type: "core/v1:Namespace",
        name: "harbor",
        op: "replace",
        old: { metadata: { name: "harbor" } },
        new: { metadata: { name: "registry" } },
        replacedFor: "metadata.name",
      },
    ],
  },
  {
    name: "a storage class goes",
    rules: ["stateful-destroy"],
    steps: [{ type: "storage.k8s.io/v1:StorageClass", name: "fast", old: object("StorageClass", "fast") }],
  },
  {
    name: "a custom resource definition goes",
    rules: ["stateful-destroy"],
    steps: [
      {
        type: "apiextensions.k8s.io/v1:CustomResourceDefinition",
        name: "pools",
        old: object("CustomResourceDefinition", "ipaddresspools.metallb.io"),
      },
    ],
  },
  {
    name: "a chart that K3s has installed is taken out, which uninstalls it",
    rules: ["stateful-destroy"],
    steps: [{ type: "helm.cattle.io/v1:HelmChart", name: "harbor", old: object("HelmChart", "harbor") }],
  },
  {
    name: "a Secret goes with which something is encrypted",
    rules: ["stateful-destroy"],
    steps: [{ type: "core/v1:Secret", name: "key", old: object("Secret", "harbor-secret-key", { data: "[secret]" }) }],
  },
  {
    name: "the nightly backup of PostgreSQL is taken out",
    rules: ["stateful-destroy", "rpo-worsened"],
    steps: [
      { type: BACKUP, name: "postgres-backup", old: { schedule: "0 2 * * *", retention: 604800 } },
      {
        type: "batch/v1:CronJob",
        name: "postgres-backup",
        within: [BACKUP],
        old: object("CronJob", "postgres-backup", { spec: cronJob("0 2 * * *") }),
      },
    ],
  },
  {
    name: "a data root is taken out, unprotected before",
    rules: ["stateful-destroy"],
    steps: [
      {
        type: "twisterlab:host:DataRoot",
        name: "data-root-docker",
        old: { path: "/var/lib/docker", mount: "/mnt/ssd" },
      },
    ],
  },
  {
    name: "protection is taken off, together with a deletion elsewhere",
    rules: ["unprotect"],
    steps: [
      { type: "core/v1:Namespace", name: "harbor", op: "same", old: {}, new: {}, protect: { old: true } },
      { type: "core/v1:ConfigMap", name: "old", old: object("ConfigMap", "old") },
    ],
  },
  {
    name: "protection is taken off alone",
    rules: ["unprotect"],
    steps: [{ type: "core/v1:Namespace", name: "harbor", op: "same", old: {}, new: {}, protect: { old: true } }],
  },
  {
    name: "the root volume is to be smaller",
    rules: ["volume-shrink"],
    steps: [
      { type: "twisterlab:host:LogicalVolume", name: "root-volume", old: volume(150 * GIB), new: volume(100 * GIB) },
    ],
  },
  {
    name: "a claim is to be smaller",
    rules: ["volume-shrink"],
    steps: [{ type: "core/v1:PersistentVolumeClaim", name: "data", old: claim(size("10Gi")), new: claim(size("8Gi")) }],
  },
  {
    name: "a command loses its undo",
    rules: ["rollback-removed"],
    steps: [{ type: "command:remote:Command", name: "tune", old: command({ delete: "undo" }), new: command({}) }],
  },
  {
    name: "a command keeps its text and gets another undo",
    rules: ["rollback-removed"],
    steps: [
      {
        type: "command:remote:Command",
        name: "tune",
        old: command({ delete: "undo" }),
        new: command({ delete: "true", create: "put --revision 2" }),
      },
    ],
  },
  {
    name: "a command with an undo is replaced for its triggers: the old undo would run last",
    rules: ["rollback-after-replace"],
    steps: [
      {
        type: "command:remote:Command",
        name: "tune",
        op: "replace",
        old: command({ delete: "undo", triggers: ["1"] }),
        new: command({ delete: "undo", triggers: ["2"] }),
        replacedFor: "triggers[0]",
      },
    ],
  },
  {
    name: "Docker's data root moves by daemon.json, where its images would be out of sight",
    rules: ["daemon-json"],
    steps: [
      { type: "twisterlab:host:HostFile", name: "docker", old: daemon({}), new: daemon({ "data-root": "/mnt/ssd" }) },
    ],
  },
  {
    name: "Docker gets another storage driver",
    rules: ["daemon-json"],
    steps: [
      { type: "twisterlab:host:HostFile", name: "docker", old: daemon({}), new: daemon({ "storage-driver": "btrfs" }) },
    ],
  },
  {
    name: "live-restore is switched off",
    rules: ["daemon-json"],
    steps: [
      { type: "twisterlab:host:HostFile", name: "docker", old: daemon({}), new: daemon({ "live-restore": false }) },
    ],
  },
  {
    name: "Docker is to trust a registry without TLS",
    rules: ["daemon-json"],
    steps: [
      {
        type: "twisterlab:host:HostFile",
        name: "docker",
        old: daemon({}),
        new: daemon({ "insecure-registries": ["192.168.0.30:8090"] }),
      },
    ],
  },
  {
    name: "K3s is not to verify the registry's certificate",
    rules: ["registries-weakened"],
    steps: [
      {
        type: "twisterlab:host:HostFile",
        name: "registries",
        old: registries(...MIRRORS, ...VERIFIED),
        new: registries(...MIRRORS, ...VERIFIED, "      insecure_skip_verify: true"),
      },
    ],
  },
  {
    name: "K3s is to pull over plain HTTP",
    rules: ["registries-weakened"],
    steps: [
      {
        type: "twisterlab:host:HostFile",
        name: "registries",
        old: registries(...MIRRORS),
        new: registries(...MIRRORS.map((line) => line.replace("https", "http"))),
      },
    ],
  },
  {
    name: "one mirror is to stand for every registry",
    rules: ["registries-weakened"],
    steps: [
      {
        type: "twisterlab:host:HostFile",
        name: "registries",
        old: registries(...MIRRORS),
        new: registries(...MIRRORS, '  "*":', "    endpoint:", "      - https://harbor.example"),
      },
    ],
  },
  {
    name: "the registry's own authority is left out",
    rules: ["registries-weakened"],
    steps: [
      {
        type: "twisterlab:host:K3sRegistries",
        name: "k3s-registries",
        old: { registry: "harbor.example", authority: { file: "/etc/ca.crt" } },
        new: { registry: "harbor.example" },
      },
    ],
  },
  {
    name: "the namespace's default-deny is deleted",
    rules: ["network-opened"],
    steps: [{ type: "networking.k8s.io/v1:NetworkPolicy", name: "deny", old: policy("deny", DENY_ALL) }],
  },
  {
    name: "the default-deny is kept for one direction only",
    rules: ["network-opened"],
    steps: [
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "deny",
        old: policy("deny", DENY_ALL),
        new: policy("deny", { podSelector: {}, policyTypes: ["Ingress"] }),
      },
    ],
  },
  {
    name: "pods get another label, and their policy selects nobody any more",
    rules: ["network-opened"],
    steps: [
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "redis",
        op: "same",
        old: policy("redis", { podSelector: { matchLabels: { app: "redis" } }, policyTypes: ["Ingress"] }),
        new: policy("redis", { podSelector: { matchLabels: { app: "redis" } }, policyTypes: ["Ingress"] }),
      },
      {
        type: "apps/v1:Deployment",
        name: "redis",
        old: object("Deployment", "redis", { spec: pods("redis:7", { app: "redis" }) }),
        new: object("Deployment", "redis", { spec: pods("redis:7", { app: "cache" }) }),
      },
    ],
  },
  {
    name: "a policy lets everybody in",
    rules: ["network-opened"],
    steps: [
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "db",
        old: policy("db", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] }),
        new: policy("db", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] }),
      },
    ],
  },
  {
    name: "backups are kept for three days and not for seven",
    rules: ["retention-lowered"],
    steps: [{ type: BACKUP, name: "postgres-backup", old: { retention: 604800 }, new: { retention: 259200 } }],
  },
  {
    name: "a backup job of another program keeps less, by its environment",
    rules: ["retention-lowered"],
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "dump",
        old: object("CronJob", "pg-dump", { spec: cronJob("0 2 * * *", "backup:1", { BACKUP_KEEP_DAYS: "7" }) }),
        new: object("CronJob", "pg-dump", { spec: cronJob("0 2 * * *", "backup:1", { BACKUP_KEEP_DAYS: "3" }) }),
      },
    ],
  },
  {
    name: "the journal is kept for less",
    rules: ["retention-lowered"],
    steps: [
      {
        type: "twisterlab:host:JournaldLimit",
        name: "journald-limit",
        old: { maxUse: 524288000, retention: 259200 },
        new: { maxUse: 104857600, retention: 259200 },
      },
    ],
  },
  {
    name: "a backup is suspended",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "postgres-backup",
        old: object("CronJob", "postgres-backup", { spec: cronJob("0 2 * * *") }),
        new: object("CronJob", "postgres-backup", { spec: { ...cronJob("0 2 * * *"), suspend: true } }),
      },
    ],
  },
  {
    name: "the backup is made once a week",
    rules: ["rpo-worsened"],
    steps: [{ type: BACKUP, name: "postgres-backup", old: { schedule: "0 2 * * *" }, new: { schedule: "0 2 * * 0" } }],
  },
  {
    name: "the trial restore is taken out",
    rules: ["rpo-worsened"],
    steps: [
      { type: "twisterlab:cluster:RestoreDrill", name: "redis-drill", old: { kind: "redis", schedule: "30 4 * * 0" } },
    ],
  },
  {
    name: "nobody is told of Redis' backups any more",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "twisterlab:host:BackupLog",
        name: "backup-log",
        old: { kinds: ["postgres", "redis", "k3s"], drilled: ["postgres"], maxAge: 93600, maxDrillAge: 691200 },
        new: { kinds: ["postgres", "k3s"], drilled: ["postgres"], maxAge: 93600, maxDrillAge: 691200 },
      },
    ],
  },
  {
    name: "a late backup is told a week later",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "twisterlab:host:BackupLog",
        name: "backup-log",
        old: { kinds: ["k3s"], drilled: [], maxAge: 93600 },
        new: { kinds: ["k3s"], drilled: [], maxAge: 604800 },
      },
    ],
  },
  {
    name: "PostgreSQL is to start with another major version",
    rules: ["version-path"],
    steps: [
      {
        type: "apps/v1:StatefulSet",
        name: "postgres",
        old: object("StatefulSet", "postgres", { spec: pods("postgres:16-alpine") }),
        new: object("StatefulSet", "postgres", { spec: pods("postgres:17-alpine") }),
      },
    ],
  },
  {
    name: "Redis goes back a version",
    rules: ["version-path"],
    steps: [
      {
        type: "apps/v1:Deployment",
        name: "redis",
        old: object("Deployment", "redis", { spec: pods("redis:7.4.1") }),
        new: object("Deployment", "redis", { spec: pods("redis:7.2.5") }),
      },
    ],
  },
  {
    name: "a chart skips a major version",
    rules: ["version-path"],
    steps: [
      {
        type: "helm.cattle.io/v1:HelmChart",
        name: "harbor",
        old: object("HelmChart", "harbor", { spec: { version: "1.14.0" } }),
        new: object("HelmChart", "harbor", { spec: { version: "3.0.0" } }),
      },
    ],
  },
  {
    name: "K3s skips a minor version",
    rules: ["version-path"],
    steps: [
      {
        type: "twisterlab:cluster:RegistryNamespace",
        name: "registry-namespace",
        old: { namespace: "harbor", podSecurityVersion: "v1.33" },
        new: { namespace: "harbor", podSecurityVersion: "v1.35" },
      },
    ],
  },
  {
    name: "an image loses its digest",
    rules: ["image-mutability"],
    steps: [
      {
        type: "apps/v1:Deployment",
        name: "api",
        old: object("Deployment", "api", { spec: pods(`harbor.example/api:1@sha256:${"a".repeat(64)}`) }),
        new: object("Deployment", "api", { spec: pods("harbor.example/api:1") }),
      },
    ],
  },
  {
    name: "an image comes as latest, from a public registry",
    rules: ["image-mutability"],
    steps: [
      {
        type: "apps/v1:Deployment",
        name: "api",
        old: object("Deployment", "api", { spec: pods("harbor.example/api:1.2") }),
        new: object("Deployment", "api", { spec: pods("api:latest") }),
      },
    ],
  },
  {
    name: "two files are changed that each restart a service",
    rules: ["change-budget"],
    steps: [file("one", "docker", "new"), file("two", "k3s", "new")],
  },
  {
    name: "four objects are replaced at once",
    rules: ["change-budget", "force-new"],
    steps: ["a", "b", "c", "d"].map((name): Written => ({
      type: "core/v1:ConfigMap",
      name,
      op: "replace",
      old: object("ConfigMap", name, { immutable: true, data: { key: "1" } }),
      new: object("ConfigMap", name, { immutable: true, data: { key: "2" } }),
      replacedFor: "data.key",
    })),
  },
  {
    name: "another machine has the address",
    rules: ["wrong-host"],
    steps: [
      {
        type: "twisterlab:host:EntryPoint",
        name: "entry-point",
        old: { stack: "s", machine: { address: "192.168.0.30", id: "a" } },
        new: { stack: "s", machine: { address: "192.168.0.30", id: "b" } },
      },
    ],
  },
  {
    name: "the kubeconfig leads to another cluster",
    rules: ["wrong-host"],
    steps: [],
    more: {
      outputs: { clusterServer: "https://192.168.0.30:6443" },
      cluster: { refusals: [], notes: [], objects: [], server: "https://10.0.0.1:6443" },
    },
  },
  {
    name: "a command of another program runs on another machine",
    rules: ["wrong-host"],
    steps: [
      {
        type: "command:remote:Command",
        name: "tune",
        old: command({ connection: { host: "a" } }),
        new: command({ connection: { host: "b" } }),
        differs: ["connection.host"],
      },
    ],
  },
  {
    name: "a claim gets another name in the program, without an alias",
    rules: ["rename-without-alias", "stateful-destroy"],
    steps: [
      { type: "core/v1:PersistentVolumeClaim", name: "data", old: claim(size("1Gi")) },
      { type: "core/v1:PersistentVolumeClaim", name: "postgres-data", new: claim(size("1Gi")) },
    ],
  },
  {
    name: "only a part is to be applied",
    rules: ["bypass"],
    steps: [],
    more: { bypasses: ["--target=urn:pulumi:edge-phase-1::twisterlab-edge::x::y"] },
  },
  {
    name: "an object of the same name is there, and another's",
    rules: ["on-the-spot"],
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "drill",
        new: object("CronJob", "redis-drill", { spec: cronJob("0 4 * * 0") }),
      },
    ],
    more: { cluster: { refusals: ["CronJob twisterlab/redis-drill is there already"], notes: [], objects: [] } },
  },
];
