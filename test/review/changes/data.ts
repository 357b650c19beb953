import { changed, object, pods, type BadChange, type GoodChange, type Inputs, type Written } from "../plans.ts";

const GIB = 2 ** 30;
const claim = (spec: Inputs): Inputs => object("PersistentVolumeClaim", "postgres-pvc", { spec });
const size = (storage: string): Inputs => ({ resources: { requests: { storage } } });
const volume = (bytes: number): Inputs => ({ volumeGroup: "ubuntu-vg", logicalVolume: "ubuntu-lv", size: bytes });
const renamed = (type: string, names: [string, string], inputs: Inputs): Written[] => [
  { type, name: names[0], old: inputs },
  { type, name: names[1], new: inputs },
];

/** A field that Kubernetes cannot change in place, by kind: what it was, and what it is to be. */
const FORCE_NEW: [type: string, field: string, old: Inputs, next: Inputs][] = [
  [
    "core/v1:PersistentVolume",
    "spec.hostPath.path",
    { spec: { hostPath: { path: "/mnt/a" } } },
    { spec: { hostPath: { path: "/mnt/b" } } },
  ],
  ["apps/v1:Deployment", "spec.selector", selecting("a"), selecting("b")],
  ["apps/v1:DaemonSet", "spec.selector", selecting("a"), selecting("b")],
  ["batch/v1:Job", "spec.template", { spec: pods("redis:7.2") }, { spec: pods("redis:7.4") }],
  ["core/v1:Secret", "type", { type: "Opaque" }, { type: "kubernetes.io/tls" }],
  ["core/v1:Service", "spec.clusterIP", { spec: { clusterIP: "10.43.0.7" } }, { spec: { clusterIP: "10.43.0.8" } }],
  ["rbac.authorization.k8s.io/v1:RoleBinding", "roleRef", granting("Role", "edit"), granting("Role", "view")],
  [
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    "roleRef",
    granting("ClusterRole", "edit"),
    granting("ClusterRole", "view"),
  ],
  ["storage.k8s.io/v1:StorageClass", "provisioner", { provisioner: "a.example" }, { provisioner: "b.example" }],
];

function selecting(app: string): Inputs {
  return { spec: { selector: { matchLabels: { app } }, ...pods("redis:7.2", { app }) } };
}

function granting(kind: string, name: string): Inputs {
  return { roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name }, subjects: [] };
}

/** Bad changes of what holds data. */
export const bad: BadChange[] = [
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
    name: "a claim gets another name in the program, without an alias",
    rules: ["rename-without-alias", "stateful-destroy"],
    steps: [
      { type: "core/v1:PersistentVolumeClaim", name: "data", old: claim(size("1Gi")) },
      { type: "core/v1:PersistentVolumeClaim", name: "postgres-data", new: claim(size("1Gi")) },
    ],
  },
  ...FORCE_NEW.map(([type, field, old, next]): BadChange => ({
    name: `${type} is replaced for its ${field}`,
    rules: ["force-new"],
    steps: [{ ...changed(type, old, next), op: "replace", replacedFor: field }],
  })),
  {
    name: "a volume that is bound goes",
    rules: ["stateful-destroy"],
    steps: [{ type: "core/v1:PersistentVolume", name: "data", old: { metadata: { name: "data" } } }],
  },
  {
    name: "a release of Helm's goes",
    rules: ["stateful-destroy"],
    steps: [{ type: "helm.sh/v3:Release", name: "harbor", old: { name: "harbor", version: "1.14.0" } }],
  },
  {
    name: "the care of the root volume is taken out, unprotected before",
    rules: ["stateful-destroy"],
    steps: [{ type: "twisterlab:host:LogicalVolume", name: "root-volume", old: volume(GIB) }],
  },
  {
    name: "a volume's size is not written down any more",
    rules: ["volume-shrink"],
    steps: [changed("twisterlab:host:LogicalVolume", volume(GIB), { logicalVolume: "ubuntu-lv" })],
  },
  {
    name: "a claim's size is not written down any more",
    rules: ["volume-shrink"],
    steps: [changed("core/v1:PersistentVolumeClaim", claim(size("10Gi")), claim({}))],
  },
  {
    name: "a file of the host gets another name in the program",
    rules: ["rename-without-alias"],
    steps: renamed("twisterlab:host:HostFile", ["motd", "greeting"], { path: "/etc/motd", activate: "none" }),
  },
  {
    name: "the root volume gets another name in the program",
    rules: ["rename-without-alias", "stateful-destroy"],
    steps: renamed("twisterlab:host:LogicalVolume", ["root-volume", "system-volume"], volume(GIB)),
  },
  {
    name: "a data root gets another name in the program",
    rules: ["rename-without-alias", "stateful-destroy"],
    steps: renamed("twisterlab:host:DataRoot", ["docker-data", "data-root-docker"], { path: "/var/lib/docker" }),
  },
  {
    name: "protection is taken off, and all that goes is a reference to another stack",
    rules: ["unprotect"],
    steps: [
      { type: "core/v1:Namespace", name: "harbor", op: "same", old: {}, new: {}, protect: { old: true } },
      { type: "pulumi:pulumi:StackReference", name: "phase-0", op: "discard", old: { name: "phase-0" } },
    ],
  },
];

/** Good ones. */
export const good: GoodChange[] = [
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
    name: "a file is written in the place of another one, both of the host",
    steps: [
      { type: "twisterlab:host:HostFile", name: "motd", old: { path: "/etc/motd", activate: "none" } },
      { type: "twisterlab:host:HostFile", name: "issue", new: { path: "/etc/issue", activate: "none" } },
    ],
  },
  {
    name: "an object moves to another namespace",
    steps: [
      { type: "core/v1:ConfigMap", name: "settings", old: object("ConfigMap", "settings") },
      {
        type: "core/v1:ConfigMap",
        name: "settings-of-harbor",
        new: { metadata: { name: "settings", namespace: "harbor" } },
      },
    ],
  },
  {
    name: "a claim gets a label, and its size is left to its class",
    steps: [
      changed("core/v1:PersistentVolumeClaim", claim({ volumeName: "data" }), {
        ...claim({ volumeName: "data" }),
        metadata: { name: "postgres-pvc", namespace: "twisterlab", labels: { app: "postgres" } },
      }),
    ],
  },
];
