import { UNKNOWN } from "../../../policies/support/field.ts";
import { scriptBundle, sha256 } from "../../../components/host/bundle.ts";
import type { Inputs, Plain, Table } from "../table.ts";
import { container, cronJob, deployment, networkPolicy, object, pod, service } from "./objects.ts";

const BACKUPS = "/twisterlab/data-warehouse/twisterlab-edge/backups";
const LVM = "/twisterlab/data-warehouse/twisterlab-edge/lvm";
const CALL = "sudo -n /usr/local/sbin/twisterlab-edge";
const component = (type: string, name: string, inputs: Inputs, more: Partial<Plain> = {}): Plain => ({
  type: `twisterlab:${type}`,
  name,
  inputs,
  ...more,
});
const command = (
  name: string,
  verb: string,
  parameters: Record<string, string | number>,
  more: Partial<Plain> = {},
  inputs: Inputs = {},
): Plain => ({
  type: "command:remote:Command",
  name,
  inputs: {
    connection: { host: "192.168.0.30" },
    create: `${CALL} ${verb} --revision 1`,
    update: `${CALL} ${verb} --revision 1`,
    stdin: `${Object.entries({ item: name, ...parameters })
      .map(([key, value]) => `${key}: ${value}\n`)
      .join("")}\n`,
    ...inputs,
  },
  ...more,
});
const file = (path: string, content: unknown, name = "file"): Plain =>
  component("host:HostFile", name, {
    path,
    content,
    mode: "644",
    owner: "root:root",
    validate: "none",
    activate: "none",
  });
const daemon = (change: Inputs = {}): Plain =>
  file(
    "/etc/docker/daemon.json",
    JSON.stringify({
      "live-restore": true,
      "log-opts": { "max-size": "10m", "max-file": "3" },
      "storage-driver": "overlay2",
      ...change,
    }),
  );
const daemonWith =
  (change: Inputs) =>
  (stack: Plain[]): void => {
    stack[0] = daemon(change);
  };
const otherFile = (stack: Plain[]): void => {
  stack[0] = file("/etc/other.json", '{"insecure-registries": ["x"], "live-restore": false, "mirrors": {"*": {}}}');
};
const registries = (change: (yaml: Registries) => void = () => undefined): Plain => {
  const yaml: Registries = {
    mirrors: { "harbor.twisterlab.local": { endpoint: ["https://harbor.twisterlab.local"] } },
    configs: {
      "harbor.twisterlab.local": {
        auth: { username: "robot$k3s", password: "[secret]" },
        tls: { ca_file: "/etc/rancher/k3s/registry-ca.crt" },
      },
    },
  };
  change(yaml);
  // JSON is YAML; as a list of lines, the way a review shows it.
  return file("/etc/rancher/k3s/registries.yaml", JSON.stringify(yaml, undefined, 1).split("\n"));
};
interface Registries {
  mirrors: Record<string, { endpoint?: string[] }>;
  configs: Record<string, { auth?: Record<string, unknown>; tls?: Record<string, unknown> }>;
}
const registriesWith =
  (change: (yaml: Registries) => void) =>
  (stack: Plain[]): void => {
    stack[0] = registries(change);
  };
const HARBOR = "harbor.twisterlab.local";
const volume = (inputs: Inputs = {}): Plain =>
  component("host:LogicalVolume", "root-volume", {
    volumeGroup: "ubuntu-vg",
    logicalVolume: "ubuntu-lv",
    size: 150 * 2 ** 30,
    recordedSize: 100 * 2 ** 30,
    metadataBackup: LVM,
    ...inputs,
  });
const growing = (): Plain[] => [
  volume(),
  command("root-volume-apply", "logical-volume grow", { metadata_backup: LVM }, { parent: "root-volume" }),
];
const backup = (inputs: Inputs = {}, name = "postgres-backup"): Plain =>
  component("cluster:PostgresBackup", name, {
    image: "postgres:16-alpine",
    retention: 604_800,
    schedule: "0 2 * * *",
    ...inputs,
  });
const pool = (...addresses: unknown[]): Plain =>
  object("metallb.io/v1beta1", "IPAddressPool", "pool", {
    metadata: { namespace: "metallb-system" },
    spec: { addresses },
  });
const pools = (list: readonly string[]): Table["refused"] =>
  Object.fromEntries(list.map((each) => [each, ["spec.addresses", [each]] as const]));
const known: Table["site"] = (config) => {
  Object.assign(config["twisterlab-edge:network"] ?? {}, {
    gateway: "192.168.0.1",
    dhcpRange: "192.168.0.150-192.168.0.199",
  });
};
const guarded = (path = "/etc/fstab"): Plain[] => [
  file(path, "x"),
  command("file-apply", "host-file put", { path, confirm_within: 90 }, { parent: "file" }),
  command("file-confirm", "confirm", {}, { parent: "file", dependsOn: ["file-apply"] }),
];
const restarting = (name: string, more: Partial<Plain> = {}, activate = "docker"): Plain[] => [
  { ...file(`/etc/${name}`, "x", name), ...more, inputs: { ...file(`/etc/${name}`, "x").inputs, activate } },
  command(`${name}-apply`, "host-file put", {}, { parent: name }),
];
const big = (requests: Inputs, inputs: Inputs = {}): Plain => {
  const each = deployment();
  Object.assign((each.inputs["spec"] as { template: { spec: Inputs } }).template, {
    spec: { ...pod(), containers: [{ ...container(), resources: { requests } }] },
  });
  Object.assign(each.inputs["spec"] as Inputs, inputs);
  return each;
};
const paris: Table["site"] = (config) => {
  config["twisterlab-edge:policies"] = { ...config["twisterlab-edge:policies"], timeZone: "Europe/Paris" };
};

/** Rules that know the site. */
export const site: Record<string, Table> = {
  "image-registry-allowed": {
    base: () => [deployment()],
    pods: true,
    refused: {
      "another registry": ["spec.template.spec.containers[0].image", "evil.example/redis:7"],
      "another part of one": ["spec.template.spec.containers[0].image", "somebody/redis:7"],
      "one that begins alike": ["spec.template.spec.containers[0].image", "docker.io/library-evil/redis:7"],
      "one that begins alike, with a dot": [
        "spec.template.spec.containers[0].image",
        "harbor.twisterlab.local.evil.example/x:1",
      ],
      "said to be pulled": (stack) =>
        void stack.splice(0, 1, withImage({ image: "evil.example/redis:7", imagePullPolicy: "Always" })),
    },
    accepted: {
      "the site's own": ["spec.template.spec.containers[0].image", "harbor.twisterlab.local/twisterlab/api:1"],
      "in full": ["spec.template.spec.containers[0].image", "docker.io/library/redis:7"],
      "a part that is allowed": ["spec.template.spec.containers[0].image", "twisterlab/mcp-unified:1"],
      "never pulled": (stack) =>
        void stack.splice(0, 1, withImage({ image: "nowhere.example/mcp:1", imagePullPolicy: "Never" })),
      "a patch that says nothing of it": (stack) =>
        void stack.splice(
          0,
          1,
          object("apps/v1", "DeploymentPatch", "x", { spec: { template: { spec: { containers: [{ name: "x" }] } } } }),
        ),
    },
    unknown: ["spec.template.spec.containers[0].image", "spec.template.spec.containers[0].imagePullPolicy"],
    absent: ["spec.template.spec.containers[0].image"],
  },
  "selector-finds-pods": {
    base: () => [networkPolicy("policy", { app: "api" }), deployment(), service()],
    refused: {
      "labels of nobody": ["spec.podSelector.matchLabels", { app: "redis" }],
      "labels of another namespace": ["metadata.namespace", "default"],
      "a peer of nobody": ["spec.egress[0].to[0].podSelector.matchLabels", { app: "redis" }],
      "a source of nobody": ["spec.ingress", [{ from: [{ podSelector: { matchLabels: { app: "redis" } } }] }]],
      "a peer of nobody, elsewhere": [
        "spec.egress[0].to[0]",
        { namespaceSelector: {}, podSelector: { matchLabels: { app: "nobody" } } },
      ],
      "an expression that takes nobody": [
        "spec.podSelector",
        { matchExpressions: [{ key: "app", operator: "In", values: ["redis"] }] },
      ],
      "a Service": (stack) => void Object.assign(stack[2]?.inputs ?? {}, { spec: { selector: { app: "redis" } } }),
      "a budget": (stack) =>
        void stack.push(
          object("policy/v1", "PodDisruptionBudget", "b", { spec: { selector: { matchLabels: { app: "redis" } } } }),
        ),
      "by a word that is empty": (stack) => {
        Object.assign(stack[0]?.inputs["metadata"] ?? {}, { annotations: { "twisterlab-edge/pods-made-by": "" } });
        Object.assign(stack[0]?.inputs["spec"] ?? {}, { podSelector: { matchLabels: { app: "restore" } } });
      },
    },
    accepted: {
      "all pods": ["spec.podSelector", {}],
      "of a workload that is there": ["spec.podSelector.matchLabels", { app: "twisterlab", component: "database" }],
      "pods that somebody makes on demand": (stack) => {
        Object.assign(stack[0]?.inputs["metadata"] ?? {}, {
          annotations: { "twisterlab-edge/pods-made-by": "npm run restore" },
        });
        Object.assign(stack[0]?.inputs["spec"] ?? {}, { podSelector: { matchLabels: { app: "restore" } } });
      },
      "a peer elsewhere": [
        "spec.egress[0].to[0]",
        { namespaceSelector: {}, podSelector: { matchLabels: { app: "prometheus" } } },
      ],
      "a Service that somebody else fills": (stack) =>
        void Object.assign(stack[2]?.inputs ?? {}, { spec: { ports: [] } }),
      "a budget": (stack) =>
        void stack.push(
          object("policy/v1", "PodDisruptionBudget", "b", { spec: { selector: { matchLabels: { app: "api" } } } }),
        ),
    },
    unknown: [
      "spec.podSelector",
      "spec.podSelector.matchLabels.app",
      "metadata.namespace",
      "spec.egress",
      "metadata.annotations",
    ],
  },
  "pool-is-clear": {
    base: () => [pool("192.168.0.100-192.168.0.110")],
    site: known,
    refused: {
      ...pools([
        "192.168.0.0/24",
        "192.168.0.30-192.168.0.40",
        "192.168.0.20-192.168.0.30",
        "192.168.0.1-192.168.0.5",
        "192.168.0.140-192.168.0.150",
        "192.168.0.199-192.168.0.210",
        "192.168.1.100-192.168.1.110",
        "192.168.0.250-192.168.1.5",
        "10.42.7.0/24",
        "10.43.0.0/24",
        "192.168.0.110-192.168.0.100",
        "192.168.0.30/32",
        "fd00::1-fd00::5",
        "192.168.0.100",
      ]),
      "the second of two": ["spec.addresses", ["192.168.0.100-192.168.0.110", "192.168.0.30/32"]],
      none: ["spec.addresses", []],
    },
    accepted: {
      ...pools([
        "192.168.0.31-192.168.0.40",
        "192.168.0.2-192.168.0.29",
        "192.168.0.144-192.168.0.149",
        "192.168.0.200/29",
      ]),
      "what is no pool": (stack) => void stack.splice(0, 1, service()),
    },
    unknown: ["spec.addresses", "spec.addresses[0]"],
    absent: ["spec.addresses"],
    also: {
      // While nobody knows the router and what it gives out.
      base: () => [service()],
      refused: { "over the node": (stack) => void stack.splice(0, 1, pool("192.168.0.30/32")) },
      waits: { "a pool that is free": (stack) => void stack.splice(0, 1, pool("192.168.0.100-192.168.0.110")) },
    },
  },
  "node-has-room": {
    base: () => [deployment()],
    refused: {
      "more cpu than there is": (stack) =>
        void stack.splice(
          0,
          1,
          big({ cpu: "574m", memory: "64Mi" }, { replicas: 1, strategy: { type: "Recreate" } }),
          big2(),
        ),
      "more cpu in an update": (stack) =>
        void stack.splice(0, 1, big({ cpu: "649m", memory: "64Mi" }, { strategy: ALL_AT_ONCE })),
      "more memory than there is": (stack) =>
        void stack.splice(0, 1, big({ cpu: "10m", memory: "8Gi" }, { replicas: 2 })),
      "one more each time": (stack) => void stack.splice(0, 1, big({ cpu: "100m", memory: "64Mi" }, { replicas: 8 })),
      "in an init container": (stack) => {
        const each = big({ cpu: "10m", memory: "64Mi" });
        const { spec } = (each.inputs["spec"] as { template: { spec: Inputs } }).template;
        Object.assign(spec, { initContainers: [{ name: "x", resources: { requests: { cpu: "2" } } }] });
        stack[0] = each;
      },
      "a job that runs in parallel": (stack) => {
        const job = cronJob();
        const { spec } = (job.inputs["spec"] as { jobTemplate: { spec: Inputs } }).jobTemplate;
        Object.assign(spec, { parallelism: 20 });
        stack[0] = job;
      },
      "a Job that runs in parallel": (stack) => {
        stack[0] = object("batch/v1", "Job", "x", { spec: { parallelism: 20, template: { spec: pod() } } });
      },
      "told of what runs on, and not of a job": (stack) => {
        const job = cronJob();
        const { spec } = (job.inputs["spec"] as { jobTemplate: { spec: Inputs } }).jobTemplate;
        Object.assign(spec, { parallelism: 20 });
        stack.splice(0, 1, job, big({ cpu: "600m", memory: "64Mi" }), { ...deployment(), name: "small" });
      },
      "no quantity": (stack) => void stack.splice(0, 1, big({ cpu: "half", memory: "64Mi" })),
    },
    accepted: {
      "to the last bit": (stack) =>
        void stack.splice(0, 1, big({ cpu: "648m", memory: "64Mi" }, { strategy: { type: "Recreate" } })),
      "to the last bit of an update": (stack) =>
        void stack.splice(0, 1, big({ cpu: "574m", memory: "64Mi" }, { strategy: ALL_AT_ONCE })),
      "in place of what is there": (stack) => {
        const each = big({ cpu: "1", memory: "64Mi" }, { strategy: { type: "Recreate" } });
        Object.assign(each.inputs["metadata"] as object, { name: "postgres" });
        stack[0] = each;
      },
      "an init container that is over before": (stack) => {
        const each = big({ cpu: "500m", memory: "64Mi" }, { strategy: { type: "Recreate" } });
        const { spec } = (each.inputs["spec"] as { template: { spec: Inputs } }).template;
        Object.assign(spec, { initContainers: [{ name: "x", resources: { requests: { cpu: "648m" } } }] });
        stack[0] = each;
      },
      "nothing that runs": (stack) => void stack.splice(0, 1, service()),
      "a patch of another's": (stack) =>
        void stack.splice(
          0,
          1,
          object("apps/v1", "DeploymentPatch", "x", { spec: { template: { spec: { containers: [] } } } }),
        ),
    },
    unknown: [
      "spec.replicas",
      "spec.template.spec.containers[0].resources.requests.cpu",
      "spec.template.spec.containers[0].resources.requests.memory",
      "spec.template.spec.initContainers",
    ],
  },
  "backup-schedules-apart": {
    base: () => [
      backup(),
      backup({ schedule: "15 2 * * *" }, "other"),
      component("host:K3sBackup", "k3s-backup", { hour: 4 }),
    ],
    refused: {
      "at once": ["schedule", "15 2 * * *"],
      "a minute too near": ["schedule", "1 2 * * *"],
      "with that of K3s": ["schedule", "0 4 * * *"],
      "on one day of the month": ["schedule", "10 2 13 * *"],
      "a drill": (stack) => void stack.push(component("cluster:RestoreDrill", "drill", { schedule: "5 2 * * 0" })),
      "no schedule": ["schedule", "often"],
    },
    accepted: {
      "just apart": ["schedule", "30 2 * * *"],
      "on another day": (stack) => {
        Object.assign(stack[0]?.inputs ?? {}, { schedule: "15 2 * * 1" });
        Object.assign(stack[1]?.inputs ?? {}, { schedule: "15 2 * * 2" });
      },
      "one alone": (stack) => void stack.splice(1, 2),
      "not a backup": (stack) => void stack.push(component("cluster:PodHygiene", "hygiene", { schedule: "0 2 * * *" })),
    },
    unknown: ["schedule"],
    absent: ["schedule"],
  },
  "backup-survives-clock-change": {
    base: () => [backup({ schedule: "0 4 * * *" })],
    site: paris,
    refused: { "left out in March": ["schedule", "30 2 * * *"], "on that Sunday": ["schedule", "15 2 * * 0"] },
    accepted: { "before it": ["schedule", "45 1 * * *"], "after it": ["schedule", "0 3 * * *"] },
    unknown: ["schedule"],
    also: {
      // While nobody knows the zone.
      base: () => [backup({ schedule: "0 4 * * *" })],
      refused: {
        "at one": ["schedule", "59 1 * * *"],
        "at two": ["schedule", "0 2 * * *"],
        "at three": ["schedule", "0 3 * * *"],
      },
      accepted: { "at noon": ["schedule", "0 12 * * *"], "at midnight": ["schedule", "59 0 * * *"] },
    },
  },
  "backup-kept-long-enough": {
    base: () => [backup()],
    refused: {
      "a second less": ["retention", 604_799],
      "of K3s": (stack) => void stack.splice(0, 1, component("host:K3sBackup", "k3s", { retention: 86_400 })),
      "of Redis": (stack) => void stack.splice(0, 1, component("cluster:RedisBackup", "redis", { retention: 0 })),
    },
    accepted: { longer: ["retention", 6_048_000], "what is no backup": (stack) => void stack.splice(0, 1, service()) },
    unknown: ["retention"],
    absent: ["retention"],
  },
  "backup-on-another-disk": {
    base: () => [component("host:BackupFolder", "folder", { mount: "/twisterlab/data-warehouse", path: BACKUPS })],
    refused: {
      "on /": ["path", "/var/backups"],
      "on a mount of the data's disk": ["path", "/srv/backups"],
      "beside the mount": ["path", "/twisterlab/data-warehouse-2/backups"],
      "back up again": ["path", "/twisterlab/data-warehouse/../../var/backups"],
      "the volume of the pods": (stack) =>
        void stack.splice(0, 1, component("cluster:BackupVolume", "v", { path: "/data" })),
      "of K3s": (stack) => void stack.splice(0, 1, component("host:K3sBackup", "k", { path: "/var/lib" })),
      "LVM's metadata": (stack) => void stack.splice(0, 1, volume({ metadataBackup: "/etc/lvm/backup" })),
    },
    accepted: {
      "the volume of the pods": (stack) => {
        stack.splice(0, 1, component("cluster:BackupVolume", "v", { path: BACKUPS }));
      },
      "of K3s": (stack) => {
        stack.splice(0, 1, component("host:K3sBackup", "k", { path: BACKUPS }));
      },
      "the mount itself": ["path", "/twisterlab/data-warehouse"],
      "another disk": ["path", "/twisterlab/ai-storage/backups"],
      "LVM's metadata": (stack) => void stack.splice(0, 1, volume()),
      "what is no backup": (stack) => void stack.splice(0, 1, component("host:DiskAlert", "a", { path: "/" })),
    },
    site: (config) => {
      Object.assign(config["twisterlab-edge:disks"]?.["system"] ?? {}, { mount: "/srv" });
    },
    unknown: ["path"],
    absent: ["path"],
  },
  "backup-client-not-older": {
    base: () => [backup()],
    refused: {
      older: ["image", "postgres:15-alpine"],
      "no version": ["image", "postgres:alpine"],
      "no tag": ["image", "postgres"],
      Redis: (stack) => void stack.splice(0, 1, component("cluster:RedisBackup", "r", { image: "redis:6-alpine" })),
      "a drill": (stack) =>
        void stack.splice(0, 1, component("cluster:RestoreDrill", "d", { kind: "postgres", image: "postgres:9.6" })),
    },
    accepted: {
      newer: ["image", "postgres:17-alpine"],
      "a whole version": ["image", "postgres:16.4"],
      Redis: (stack) => void stack.splice(0, 1, component("cluster:RedisBackup", "r", { image: "redis:7.2-alpine" })),
      "what is no backup": (stack) =>
        void stack.splice(0, 1, component("cluster:PodHygiene", "h", { image: "python:3" })),
      "a drill of something else": (stack) =>
        void stack.splice(0, 1, component("cluster:RestoreDrill", "d", { kind: "files" })),
    },
    unknown: ["image"],
    absent: ["image"],
  },
  "volume-never-shrinks": {
    base: () => [volume()],
    refused: {
      "a byte less than it has": ["size", 100 * 2 ** 30 - 1],
      "less than the site file knows": (stack) =>
        void stack.splice(0, 1, volume({ size: 50 * 2 ** 30, recordedSize: 10 * 2 ** 30 })),
      "another volume": (stack) =>
        void stack.splice(0, 1, volume({ logicalVolume: "data", size: 9, recordedSize: 10 })),
      "another volume of which nobody knows": (stack) =>
        void stack.splice(0, 1, volume({ logicalVolume: "data", size: 9, recordedSize: undefined })),
      "another group of which nobody knows": (stack) =>
        void stack.splice(0, 1, volume({ volumeGroup: "data", size: 9, recordedSize: undefined })),
    },
    accepted: {
      "what it has": ["size", 100 * 2 ** 30],
      "another volume, smaller": (stack) =>
        void stack.splice(0, 1, volume({ logicalVolume: "data", size: 10, recordedSize: 10 })),
      "what is no volume": (stack) => void stack.splice(0, 1, component("host:DiskAlert", "a", { size: 1 })),
    },
    unknown: ["size", "recordedSize", "volumeGroup", "logicalVolume"],
    absent: ["size"],
  },
  "volume-metadata-saved": {
    base: growing,
    refused: {
      "not handed over": (stack) =>
        void stack.splice(1, 1, command("x", "logical-volume grow", {}, { parent: "root-volume" })),
      "handed over another": (stack) =>
        void stack.splice(
          1,
          1,
          command("x", "logical-volume grow", { metadata_backup: "/tmp" }, { parent: "root-volume" }),
        ),
      "nobody grows it": (stack) => void stack.pop(),
      "another one's command": (stack) =>
        void stack.splice(1, 1, command("x", "logical-volume grow", { metadata_backup: LVM }, { parent: "other" })),
      "another verb": (stack) =>
        void stack.splice(
          1,
          1,
          command("x", "volume-group add-disk", { metadata_backup: LVM }, { parent: "root-volume" }),
        ),
    },
    accepted: { "what is no volume": (stack) => void stack.splice(0, 1, component("host:DiskAlert", "a", {})) },
    waits: {
      "for its parameters": (stack) => {
        Object.assign(stack[1]?.inputs ?? {}, { stdin: UNKNOWN });
      },
    },
    unknown: ["metadataBackup"],
    absent: ["metadataBackup"],
  },
  "docker-keys-known": {
    base: () => [daemon()],
    refused: {
      "a key that nobody knows": daemonWith({ "storage-drivers": "overlay2" }),
      "what stopped the daemon": daemonWith({ "storage-opts": ["overlay2.override_kernel_check=true"] }),
      "no JSON": ["content", "{"],
      "a list": ["content", "[1]"],
    },
    accepted: { "another option": daemonWith({ "storage-opts": ["overlay2.size=10G"] }), "another file": otherFile },
    unknown: ["content", "path"],
    absent: ["content"],
  },
  "docker-registries-secure": {
    base: () => [daemon()],
    refused: {
      insecure: daemonWith({ "insecure-registries": ["192.168.0.30:8090"] }),
      "a mirror in clear": daemonWith({ "registry-mirrors": ["HTTP://mirror"] }),
    },
    accepted: {
      none: daemonWith({ "insecure-registries": [] }),
      "a mirror by TLS": daemonWith({ "registry-mirrors": ["https://mirror"] }),
      "another file": otherFile,
    },
    unknown: ["content"],
    absent: ["content"],
  },
  "docker-daemon-safe": {
    base: () => [daemon()],
    refused: {
      "containers go down": daemonWith({ "live-restore": false }),
      "not said": daemonWith({ "live-restore": undefined }),
      "logs without a size": daemonWith({ "log-opts": { "max-file": "3" } }),
      "logs without a number": daemonWith({ "log-opts": { "max-size": "10m" } }),
      "logs without anything": daemonWith({ "log-driver": "json-file", "log-opts": undefined }),
      "no rules of its own": daemonWith({ iptables: false }),
      "no rules of its own for IPv6": daemonWith({ ip6tables: false }),
      aufs: daemonWith({ "storage-driver": "aufs" }),
      "open to all": daemonWith({ hosts: ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"] }),
    },
    accepted: {
      "logs by journald": daemonWith({ "log-driver": "journald", "log-opts": {} }),
      "open to those with a certificate": daemonWith({ hosts: ["tcp://0.0.0.0:2376"], tlsverify: true }),
      "its own socket": daemonWith({ hosts: ["unix:///run/docker.sock"] }),
      "its own rules": daemonWith({ iptables: true }),
      "another file": otherFile,
    },
    unknown: ["content"],
    absent: ["content"],
  },
  "registries-verified": {
    base: () => [registries()],
    refused: {
      "not verified": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.tls ?? {}, { insecure_skip_verify: true }),
      ),
      "not verified, in another kind": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.tls ?? {}, { insecure_skip_verify: "yes" }),
      ),
      "in clear": registriesWith(({ mirrors }) => (mirrors[HARBOR] = { endpoint: ["http://harbor.twisterlab.local"] })),
      "a host alone": registriesWith(({ mirrors }) => (mirrors[HARBOR] = { endpoint: ["harbor.twisterlab.local"] })),
      everything: registriesWith(({ mirrors }) => (mirrors["*"] = { endpoint: ["https://harbor.twisterlab.local"] })),
      "a configuration in clear": registriesWith(({ configs }) => (configs["http://harbor:8090"] = {})),
      "a password in clear": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.auth ?? {}, { password: "hunter2" }),
      ),
      "a number for a password": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.auth ?? {}, { password: 12345 }),
      ),
      "a login in clear": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.auth ?? {}, { auth: "cm9ib3Q6eA==" }),
      ),
      "a token in clear": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.auth ?? {}, { identity_token: "x" }),
      ),
      "no YAML": ["content", "a: [1"],
    },
    accepted: {
      "said to be verified": registriesWith(({ configs }) =>
        Object.assign(configs[HARBOR]?.tls ?? {}, { insecure_skip_verify: false }),
      ),
      "without a login": registriesWith(({ configs }) => (configs[HARBOR] = {})),
      "nothing in it": ["content", ""],
      "as one text": ["content", "mirrors: {}\n"],
      "another file": otherFile,
    },
    unknown: ["content", "path"],
    absent: ["content"],
  },
  "host-command-is-ours": {
    base: () => [command("x", "host-file put", {}, {}, { delete: `${CALL} host-file undo` })],
    refused: {
      "a text of its own": ["create", "echo x | sudo tee /etc/fstab"],
      "a verb that there is not": ["create", `${CALL} host-file remove --revision 1`],
      "something after it": ["create", `${CALL} host-file put --revision 1; reboot`],
      "an update of its own": ["update", "true"],
      "an undo of its own": ["delete", "rm /etc/fstab"],
      "an undo with something after it": ["delete", `${CALL} host-file undo; reboot`],
      "an installation of other scripts": ["create", installation("a".repeat(64))],
      "a command of this machine": (stack) => {
        stack[0] = { type: "command:local:Command", name: "x", inputs: { create: "true" } };
      },
    },
    accepted: {
      "the installation": ["create", installation(sha256(scriptBundle()))],
      ...Object.fromEntries(
        [
          "backup-folder make",
          "build-benchmark run",
          "confirm",
          "data-root move",
          "disk-benchmark run",
          "k3s-image import",
          "log-rotation put",
          "logical-volume grow",
          "mount-options put",
          "observer-account put",
          "reclaim-space run",
          "volume-group add-disk",
        ].map((verb) => [verb, ["create", `${CALL} ${verb} --revision 12`] as const]),
      ),
      "without an undo": ["delete", undefined],
      "without an update": ["update", undefined],
      "what is no command": (stack) => void stack.splice(0, 1, service()),
    },
    unknown: ["create", "update", "delete"],
    absent: ["create"],
  },
  "host-is-the-site": {
    base: () => [command("x", "confirm", {})],
    refused: {
      another: ["connection.host", "192.168.0.31"],
      "a file that is copied": (stack) => {
        stack[0] = { type: "command:remote:CopyToRemote", name: "x", inputs: { connection: { host: "10.0.0.1" } } };
      },
    },
    accepted: {
      "a command of this machine": (stack) => {
        stack[0] = { type: "command:local:Command", name: "x", inputs: {} };
      },
    },
    pending: ["connection", "connection.host"],
    absent: ["connection", "connection.host"],
  },
  "rollback-present": {
    base: () => [command("x", "host-file put", {}, {}, { delete: `${CALL} host-file undo` })],
    refused: {
      "of another verb": ["delete", `${CALL} data-root undo`],
      "none of a mount": (stack) => void stack.splice(0, 1, command("x", "mount-options put", {})),
      "none of a data root": (stack) => void stack.splice(0, 1, command("x", "data-root move", {})),
      "none of a rotation": (stack) => void stack.splice(0, 1, command("x", "log-rotation put", {})),
      "none of an image": (stack) => void stack.splice(0, 1, command("x", "k3s-image import", {})),
      "none of an account": (stack) => void stack.splice(0, 1, command("x", "observer-account put", {})),
      "none of a benchmark": (stack) => void stack.splice(0, 1, command("x", "build-benchmark run", {})),
    },
    accepted: {
      ...Object.fromEntries(
        [
          ["build-benchmark run", "build-benchmark forget"],
          ["data-root move", "data-root undo"],
          ["k3s-image import", "k3s-image undo"],
          ["log-rotation put", "log-rotation undo"],
          ["mount-options put", "mount-options undo"],
          ["observer-account put", "observer-account undo"],
        ].map(([verb = "", undo = ""]) => [
          verb,
          (stack: Plain[]) => void stack.splice(0, 1, command("x", verb, {}, {}, { delete: `${CALL} ${undo}` })),
        ]),
      ),
      "what cannot be undone": (stack) => void stack.splice(0, 1, command("x", "logical-volume grow", {})),
      "what is no call": ["create", "true"],
      "what is no command": (stack) => void stack.splice(0, 1, service()),
    },
    unknown: ["create", "delete"],
    absent: ["delete"],
  },
  "host-file-has-one-owner": {
    base: () => [file("/etc/a", "x"), file("/etc/b", "x", "other")],
    refused: { twice: ["path", "/etc/b"] },
    accepted: { "what is no file": (stack) => void stack.push(component("host:K3sBackup", "k", { path: "/etc/a" })) },
    unknown: ["path"],
  },
  "lock-out-is-confirmed": {
    base: guarded,
    refused: {
      "nobody confirms it": (stack) => void stack.pop(),
      "not armed": (stack) => void stack.splice(1, 1, command("file-apply", "host-file put", {}, { parent: "file" })),
      "armed for no time": (stack) =>
        void stack.splice(1, 1, command("file-apply", "host-file put", { confirm_within: 0 }, { parent: "file" })),
      "confirmed before": (stack) =>
        void stack.splice(2, 1, command("file-confirm", "confirm", {}, { parent: "file" })),
      "a mount": (stack) => void stack.splice(0, 3, component("host:MountOptions", "m", {})),
      "a data root": (stack) => void stack.splice(0, 3, component("host:DataRoot", "d", {})),
      ...Object.fromEntries(
        [
          "/etc/docker/daemon.json",
          "/etc/sudoers",
          "/etc/sudoers.d/x",
          "/etc/crypttab",
          "/etc/rancher/k3s/registries.yaml",
          "/etc/rancher/k3s/config.yaml.d/50-x.yaml",
          "/etc/ssh/sshd_config.d/x.conf",
          "/etc/netplan/01.yaml",
          "/etc/systemd/network/10.network",
          "/etc/nftables.conf",
          "/etc/ufw/user.rules",
          "/etc/iptables/rules.v4",
          "/etc/network/interfaces",
        ].map((path) => [path, (stack: Plain[]) => void stack.splice(0, 3, file(path, "x"))] as const),
      ),
    },
    accepted: {
      "a file that cuts nobody off": (stack) => void stack.splice(0, 3, file("/etc/logrotate.d/x", "x")),
      "a certificate": (stack) => void stack.splice(0, 3, file("/etc/rancher/k3s/registry-ca.crt", "x")),
      "its command is another's": (stack) => void stack.push(command("x", "host-file put", {}, { parent: "other" })),
    },
    waits: {
      "for what it is armed with": (stack) => {
        Object.assign(stack[1]?.inputs ?? {}, { stdin: UNKNOWN });
      },
    },
    unknown: ["path"],
  },
  "restarts-in-order": {
    base: () => [...restarting("one"), ...restarting("two", { dependsOn: ["one-apply"] }, "k3s")],
    refused: {
      "side by side": (stack) => void stack.splice(2, 2, ...restarting("two", {}, "k3s")),
      "side by side with the kubelet": (stack) => void stack.splice(2, 2, ...restarting("two", {}, "k3s-kubelet")),
      "with a mount": (stack) =>
        void stack.push(
          component("host:MountOptions", "m", {}),
          command("m-apply", "mount-options put", {}, { parent: "m" }),
        ),
      "with a data root": (stack) =>
        void stack.push(component("host:DataRoot", "d", {}), command("d-apply", "data-root move", {}, { parent: "d" })),
      "one of its commands alone": (stack) => void stack.push(command("one-confirm", "confirm", {}, { parent: "one" })),
    },
    accepted: {
      "the other way round": (stack) => {
        stack.splice(0, 4, ...restarting("one", { dependsOn: ["two-apply"] }), ...restarting("two", {}, "k3s"));
      },
      "what restarts nothing": (stack) => void stack.splice(2, 2, ...restarting("two", {}, "unit")),
      "over a third": (stack) => {
        stack.splice(2, 2, ...restarting("two", { dependsOn: ["between"] }, "k3s"));
        stack.push(command("between", "confirm", {}, { dependsOn: ["one-apply"] }));
      },
    },
    unknown: ["activate"],
  },
};

const ALL_AT_ONCE = { rollingUpdate: { maxSurge: "100%" } };

function big2(): Plain {
  const each = big({ cpu: "75m", memory: "64Mi" }, { strategy: { type: "Recreate" } });
  return { ...each, name: "second", inputs: { ...each.inputs, metadata: { name: "second", namespace: "twisterlab" } } };
}

function withImage(change: Inputs): Plain {
  const each = deployment();
  const [first] = (each.inputs["spec"] as { template: { spec: { containers: Inputs[] } } }).template.spec.containers;
  Object.assign(first ?? {}, change);
  return each;
}

function installation(checksum: string): string {
  const run = `-- ${checksum} edge-phase-1 1`;
  return `if sudo -n bash -c : 2> /dev/null; then exec sudo -n bash -s ${run}; fi; exec sudo -n /usr/local/sbin/twisterlab-edge install ${run}`;
}
