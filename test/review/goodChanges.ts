import { cronJob, object, pods, UNKNOWN, type Inputs, type Written } from "./plans.ts";

/** Changes that people make every week, and that no rule may object to. */
export const GOOD_CHANGES: { name: string; steps: Written[]; outputs?: Inputs }[] = [
  { name: "nothing", steps: [] },
  {
    name: "a phase is applied for the first time, with two items that restart a service",
    steps: [
      { type: "twisterlab:host:EntryPoint", name: "entry-point", new: { machine: { address: "192.168.0.30" } } },
      { type: "twisterlab:host:LogicalVolume", name: "root-volume", new: { size: 100 }, protect: { new: true } },
      {
        type: "twisterlab:host:HostFile",
        name: "docker",
        new: { path: "/etc/docker/daemon.json", activate: "docker", content: "{}" },
      },
      {
        type: "twisterlab:host:HostFile",
        name: "k3s",
        new: { path: "/etc/rancher/k3s/registries.yaml", activate: "k3s" },
      },
      { type: "core/v1:Namespace", name: "harbor", new: { metadata: { name: "harbor" } }, protect: { new: true } },
    ],
  },
  {
    name: "the root volume grows",
    steps: [
      {
        type: "twisterlab:host:LogicalVolume",
        name: "root-volume",
        old: { logicalVolume: "ubuntu-lv", size: 100, reserve: 20 },
        new: { logicalVolume: "ubuntu-lv", size: 200, reserve: 20 },
        protect: { old: true, new: true },
      },
    ],
  },
  {
    name: "a claim grows",
    steps: [
      {
        type: "core/v1:PersistentVolumeClaim",
        name: "data",
        old: object("PersistentVolumeClaim", "data", { spec: { resources: { requests: { storage: "1024Mi" } } } }),
        new: object("PersistentVolumeClaim", "data", { spec: { resources: { requests: { storage: "1Gi" } } } }),
      },
    ],
  },
  {
    name: "a claim leaves the program and stays on the cluster",
    steps: [
      {
        type: "core/v1:PersistentVolumeClaim",
        name: "data",
        old: object("PersistentVolumeClaim", "data"),
        retainOnDelete: true,
      },
    ],
  },
  {
    name: "backups are kept longer, and made more often",
    steps: [
      {
        type: "twisterlab:cluster:PostgresBackup",
        name: "postgres-backup",
        old: { schedule: "0 2 * * *", retention: 604800, image: "postgres:16-alpine" },
        new: { schedule: "0 2,14 * * *", retention: 1209600, image: "postgres:16-alpine" },
      },
    ],
  },
  {
    name: "a backup is made at another hour",
    steps: [
      {
        type: "twisterlab:cluster:RedisBackup",
        name: "redis-backup",
        old: { schedule: "15 2 * * *", retention: 604800 },
        new: { schedule: "45 3 * * *", retention: 604800 },
      },
    ],
  },
  {
    name: "a job that has nothing to do with backups comes less often",
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "pod-hygiene",
        old: object("CronJob", "pod-hygiene", { spec: cronJob("30 * * * *", "python:3.12-slim") }),
        new: object("CronJob", "pod-hygiene", { spec: cronJob("30 4 * * *", "python:3.12-slim") }),
      },
    ],
  },
  {
    name: "an image goes up a minor version",
    steps: [
      {
        type: "apps/v1:Deployment",
        name: "redis",
        old: object("Deployment", "redis", { spec: pods("redis:7.2-alpine") }),
        new: object("Deployment", "redis", { spec: pods("redis:7.4-alpine") }),
      },
    ],
  },
  {
    name: "PostgreSQL goes up a minor version, with its digest",
    steps: [
      {
        type: "apps/v1:StatefulSet",
        name: "postgres",
        old: object("StatefulSet", "postgres", { spec: pods(`postgres:16.3@sha256:${"a".repeat(64)}`) }),
        new: object("StatefulSet", "postgres", { spec: pods(`postgres:16.4@sha256:${"b".repeat(64)}`) }),
      },
    ],
  },
  {
    name: "an image moves from the public registry to ours",
    steps: [
      {
        type: "apps/v1:Deployment",
        name: "grafana",
        old: object("Deployment", "grafana", { spec: pods("grafana/grafana:10.2.0") }),
        new: object("Deployment", "grafana", { spec: pods("harbor.twisterlab.local/grafana/grafana:10.2.0") }),
      },
    ],
  },
  {
    name: "a chart goes up one minor version",
    steps: [
      {
        type: "helm.cattle.io/v1:HelmChart",
        name: "harbor",
        old: object("HelmChart", "harbor", { spec: { version: "1.14.2" } }),
        new: object("HelmChart", "harbor", { spec: { version: "1.15.0" } }),
      },
    ],
  },
  {
    name: "K3s goes up one minor version",
    steps: [
      {
        type: "twisterlab:cluster:RegistryNamespace",
        name: "registry-namespace",
        old: { podSecurityVersion: "v1.33" },
        new: { podSecurityVersion: "v1.34" },
      },
    ],
  },
  {
    name: "Docker's logs get more room",
    steps: [
      {
        type: "twisterlab:host:HostFile",
        name: "docker-daemon-json",
        old: {
          path: "/etc/docker/daemon.json",
          activate: "docker",
          content: '{"live-restore":true,"log-opts":{"max-file":"3"}}',
        },
        new: {
          path: "/etc/docker/daemon.json",
          activate: "docker",
          content: '{"live-restore":true,"log-opts":{"max-file":"5"}}',
        },
      },
    ],
  },
  {
    name: "the registry's authority is told at last",
    steps: [
      {
        type: "twisterlab:host:K3sRegistries",
        name: "k3s-registries",
        old: { registry: "harbor.example", user: "robot" },
        new: { registry: "harbor.example", user: "robot", authority: { file: "/etc/ca.crt", certificate: "PEM" } },
      },
    ],
  },
  {
    name: "a command runs again, with its undo",
    steps: [
      {
        type: "command:remote:Command",
        name: "tune-apply",
        within: ["twisterlab:host:MountOptions"],
        old: { create: "put --revision 1", update: "put --revision 1", delete: "undo", connection: "[secret]" },
        new: { create: "put --revision 2", update: "put --revision 2", delete: "undo", connection: "[secret]" },
        differs: ["create", "update"],
      },
    ],
  },
  {
    name: "the key to log in with is another one",
    steps: [
      {
        type: "command:remote:Command",
        name: "motd-apply",
        within: ["twisterlab:host:HostFile"],
        old: { create: "put", connection: "[secret]" },
        new: { create: "put", connection: "[secret]" },
        differs: ["connection.privateKey"],
      },
    ],
  },
  {
    name: "one host item is taken back",
    steps: [
      { type: "twisterlab:host:MountOptions", name: "mount-options", old: { mount: "/", options: ["noatime"] } },
      {
        type: "command:remote:Command",
        name: "mount-options-apply",
        within: ["twisterlab:host:MountOptions"],
        old: { create: "put", delete: "undo", connection: "[secret]" },
      },
    ],
  },
  {
    name: "a policy is tightened, another one is added",
    steps: [
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "db",
        old: object("NetworkPolicy", "db", { spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] } }),
        new: object("NetworkPolicy", "db", {
          spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] },
        }),
      },
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "deny",
        new: object("NetworkPolicy", "deny", { spec: { podSelector: {}, policyTypes: ["Egress"] } }),
      },
    ],
  },
  {
    name: "a default-deny is made anew under another name of the object, and its rules stay",
    steps: [
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "deny",
        old: object("NetworkPolicy", "deny", { spec: { podSelector: {}, policyTypes: ["Ingress"] } }),
      },
      {
        type: "networking.k8s.io/v1:NetworkPolicy",
        name: "default-deny",
        new: object("NetworkPolicy", "default-deny", { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } }),
      },
    ],
  },
  {
    name: "a value that is not known yet, of which no rule needs anything",
    steps: [
      {
        type: "core/v1:Service",
        name: "api",
        old: object("Service", "api", { spec: { externalName: "a.example" } }),
        new: object("Service", "api", { spec: { externalName: UNKNOWN } }),
      },
    ],
  },
  {
    name: "the machine's identity is told at last; the cluster is where it was",
    steps: [
      {
        type: "twisterlab:host:EntryPoint",
        name: "entry-point",
        old: { machine: { address: "192.168.0.30" } },
        new: { machine: { address: "192.168.0.30", id: "a" } },
      },
    ],
    outputs: { clusterServer: "https://192.168.0.30:6443" },
  },
];
