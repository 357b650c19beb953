import { changed, cronJob, object, pods, type Inputs, type Written } from "../plans.ts";

/** A change of which a rule needs a value that is secret, or not known yet. */
export interface HiddenChange {
  name: string;
  rule: string;
  /** The change, with what stands for the value. */
  steps: (value: unknown) => Written[];
}

function hidden(
  name: string,
  type: string,
  path: (value: unknown) => Inputs,
  known: unknown,
  rule: string,
  within?: string[],
): HiddenChange {
  return {
    name,
    rule,
    steps: (value: unknown): Written[] => [
      { type, name: "x", old: path(known), new: path(value), ...(within === undefined ? {} : { within }) },
    ],
  };
}

/** What cannot be seen is refused, and never passed over. */
export const HIDDEN_CHANGES: HiddenChange[] = [
  hidden("a volume's size", "twisterlab:host:LogicalVolume", (size) => ({ size }), 1, "volume-shrink"),
  hidden(
    "a claim's size",
    "core/v1:PersistentVolumeClaim",
    (storage) => object("PersistentVolumeClaim", "a", { spec: { resources: { requests: { storage } } } }),
    "1Gi",
    "volume-shrink",
  ),
  hidden("an undo", "command:remote:Command", (text) => ({ create: "a", delete: text }), "undo", "rollback-removed"),
  hidden(
    "daemon.json",
    "twisterlab:host:HostFile",
    (content) => ({ path: "/etc/docker/daemon.json", content }),
    "{}",
    "daemon-json",
  ),
  hidden(
    "registries.yaml",
    "twisterlab:host:HostFile",
    (content) => ({ path: "/etc/rancher/k3s/registries.yaml", content }),
    ["mirrors: {}"],
    "registries-weakened",
  ),
  hidden("a registry", "twisterlab:host:K3sRegistries", (registry) => ({ registry }), "a", "registries-weakened"),
  hidden(
    "the retention of backups",
    "twisterlab:cluster:RedisBackup",
    (retention) => ({ retention }),
    1,
    "retention-lowered",
  ),
  hidden(
    "the retention in an environment",
    "batch/v1:CronJob",
    (keep) => object("CronJob", "dump", { spec: cronJob("0 2 * * *", "a:1", { KEEP_DAYS: keep }) }),
    "7",
    "retention-lowered",
  ),
  hidden("a schedule", "twisterlab:cluster:RedisBackup", (schedule) => ({ schedule }), "0 2 * * *", "rpo-worsened"),
  hidden(
    "whether a job is suspended",
    "batch/v1:CronJob",
    (suspend) => object("CronJob", "backup", { spec: { ...cronJob("0 2 * * *"), suspend } }),
    false,
    "rpo-worsened",
  ),
  hidden(
    "what is watched",
    "twisterlab:host:BackupLog",
    (kinds) => ({ kinds, drilled: [], maxAge: 1 }),
    ["k3s"],
    "rpo-worsened",
  ),
  hidden(
    "an image",
    "apps/v1:Deployment",
    (image) => object("Deployment", "a", { spec: pods(image as string) }),
    "a:1",
    "image-mutability",
  ),
  hidden(
    "an image's version",
    "apps/v1:Deployment",
    (image) => object("Deployment", "a", { spec: pods(image as string) }),
    "a:1",
    "version-path",
  ),
  hidden(
    "a chart's version",
    "helm.cattle.io/v1:HelmChart",
    (version) => object("HelmChart", "a", { spec: { version } }),
    "1.0.0",
    "version-path",
  ),
  hidden(
    "K3s' version",
    "twisterlab:cluster:RegistryNamespace",
    (podSecurityVersion) => ({ podSecurityVersion }),
    "v1.33",
    "version-path",
  ),
  hidden(
    "a network policy",
    "networking.k8s.io/v1:NetworkPolicy",
    (spec) => object("NetworkPolicy", "a", { spec }),
    { podSelector: { matchLabels: { a: "b" } } },
    "network-opened",
  ),
  {
    name: "a connection, of a command that no component tells the machine of",
    rule: "wrong-host",
    steps: (connection) => [
      {
        ...changed("command:remote:Command", { create: "a", connection }, { create: "a", connection }),
        differs: ["connection"],
      },
    ],
  },
  hidden("a machine", "twisterlab:host:EntryPoint", (id) => ({ machine: { address: "a", id } }), "a", "wrong-host"),
];
