import { put, type Change, type Plain, type Table } from "../table.ts";
import { cronJob, deployment, networkPolicy, object, pod, service } from "./objects.ts";

const one = (make: () => Plain) => () => [make()];
const namespace = () =>
  object(
    "core/v1",
    "Namespace",
    "harbor",
    {
      metadata: {
        labels: {
          "pod-security.kubernetes.io/enforce": "baseline",
          "pod-security.kubernetes.io/enforce-version": "v1.33",
        },
      },
    },
    { protect: true },
  );
const claim = () =>
  object("core/v1", "PersistentVolumeClaim", "data", { spec: { accessModes: ["ReadWriteOnce"] } }, { protect: true });
const role = () =>
  object("rbac.authorization.k8s.io/v1", "Role", "hygiene", {
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "delete"] }],
  });
const binding = () =>
  object("rbac.authorization.k8s.io/v1", "RoleBinding", "hygiene", {
    roleRef: { kind: "Role", name: "hygiene" },
    subjects: [{ kind: "ServiceAccount", name: "hygiene", namespace: "twisterlab" }],
  });
const chart = () =>
  object(
    "helm.cattle.io/v1",
    "HelmChart",
    "harbor",
    {
      spec: {
        chart: "harbor",
        version: "1.17.1",
        failurePolicy: "abort",
        valuesSecrets: [{ name: "harbor-values" }],
        valuesContent: "expose:\n  type: ingress\nexistingSecretAdminPassword: harbor-admin\n",
        set: { "expose.tls.enabled": "true" },
      },
    },
    { protect: true },
  );
const budget = () =>
  object("policy/v1", "PodDisruptionBudget", "cache", {
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: "twisterlab", component: "cache" } } },
  });
const defaultDeny = () =>
  object("networking.k8s.io/v1", "NetworkPolicy", "default-deny", {
    metadata: { namespace: "harbor" },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  });
const job = () =>
  object("batch/v1", "Job", "once", {
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 60,
      ttlSecondsAfterFinished: 600,
      template: { metadata: { labels: { job: "once" } }, spec: { ...pod(), restartPolicy: "Never" } },
    },
  });
const become =
  (make: () => Plain) =>
  (stack: Plain[]): void => {
    stack[0] = make();
  };
const TEMPLATE = "spec.jobTemplate.spec";

/** Rules over Kubernetes objects, but for their pods. */
export const objects: Record<string, Table> = {
  "object-has-namespace": {
    base: one(service),
    refused: {
      "the default one": ["metadata.namespace", "default"],
      "a workload without": become(() =>
        object("apps/v1", "Deployment", "api", { metadata: { namespace: undefined }, spec: {} }),
      ),
      "a claim without": become(() =>
        object("core/v1", "PersistentVolumeClaim", "data", { metadata: { namespace: undefined } }),
      ),
      "a secret without": become(() => object("core/v1", "Secret", "data", { metadata: { namespace: undefined } })),
      "a map without": become(() => object("core/v1", "ConfigMap", "data", { metadata: { namespace: undefined } })),
      "an ingress without": become(() =>
        object("networking.k8s.io/v1", "Ingress", "web", { metadata: { namespace: undefined } }),
      ),
      "a chart without": become(() =>
        object("helm.cattle.io/v1", "HelmChart", "x", { metadata: { namespace: undefined } }),
      ),
    },
    accepted: {
      "what has none": become(() => object("core/v1", "Namespace", "x", { metadata: { namespace: undefined } })),
      "a role in the default one": become(() =>
        object("rbac.authorization.k8s.io/v1", "Role", "x", { metadata: { namespace: "default" } }),
      ),
    },
    unknown: ["metadata.namespace"],
    absent: ["metadata.namespace", "metadata"],
  },
  "config-map-no-secret": {
    base: one(() =>
      object("core/v1", "ConfigMap", "settings", {
        data: { "run.sh": "PGPASSWORD=$(cat /run/password)\nexec pg_dump\n", user: "app" },
      }),
    ),
    refused: {
      "by its key": ["data.password", "hunter2"],
      "by its value": ["data.url", "redis://:hunter2@cache:6379"],
      "a key of a cloud": ["data.id", "AKIAABCDEFGHIJKLMNOP"],
      "in binary data": ["binaryData", { token: "aHVudGVyMg==" }],
    },
    accepted: {
      "a script that handles one": ["data.password", "#!/bin/sh\nread -r line\n"],
      "nothing in it": ["data.password", ""],
      "a Secret, which is for that": become(() =>
        object("core/v1", "Secret", "x", { data: { password: "aHVudGVyMg==" } }),
      ),
    },
    unknown: ["data.user", "data", "binaryData"],
  },
  "rbac-least-privilege": {
    base: one(role),
    refused: {
      "every verb": ["rules[0].verbs", ["*"]],
      "every resource": ["rules[0].resources", ["*"]],
      "every group": ["rules[0].apiGroups", ["*"]],
      "may make roles": ["rules[0].verbs", ["escalate"]],
      "may bind roles": ["rules[0].verbs", ["bind"]],
      "may be others": ["rules[0].verbs", ["impersonate"]],
      "reads secrets": ["rules[0].resources", ["secrets"]],
      "lists secrets by name": [
        "rules[0]",
        { apiGroups: [""], resources: ["secrets"], resourceNames: ["one"], verbs: ["list"] },
      ],
      "writes secrets": ["rules[0]", { apiGroups: [""], resources: ["secrets"], verbs: ["update"] }],
      "runs in pods": ["rules[0]", { apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }],
      "attaches to pods": ["rules[0]", { apiGroups: [""], resources: ["pods/attach"], verbs: ["get"] }],
      "debugs pods": ["rules[0]", { apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: ["patch"] }],
      "asks the kubelet": ["rules[0]", { apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"] }],
      "makes tokens": ["rules[0]", { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] }],
      "makes volumes": ["rules[0]", { apiGroups: [""], resources: ["persistentvolumes"], verbs: ["create"] }],
      "changes webhooks": [
        "rules[0]",
        { apiGroups: ["x"], resources: ["mutatingwebhookconfigurations"], verbs: ["patch"] },
      ],
      "makes webhooks": [
        "rules[0]",
        { apiGroups: ["x"], resources: ["validatingwebhookconfigurations"], verbs: ["create"] },
      ],
      "watches secrets": ["rules[0]", { apiGroups: [""], resources: ["secrets"], verbs: ["watch"] }],
      "deletes secrets": ["rules[0]", { apiGroups: [""], resources: ["secrets"], verbs: ["delete"] }],
      "deletes all secrets": ["rules[0]", { apiGroups: [""], resources: ["secrets"], verbs: ["deletecollection"] }],
      "may be used to run in pods": ["rules[0]", { apiGroups: [""], resources: ["pods/exec"], verbs: ["get"] }],
      "may attach to pods": ["rules[0]", { apiGroups: [""], resources: ["pods/attach"], verbs: ["create"] }],
      "debugs pods otherwise": [
        "rules[0]",
        { apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: ["update"] },
      ],
      "tells the kubelet": ["rules[0]", { apiGroups: [""], resources: ["nodes/proxy"], verbs: ["create"] }],
      "of the whole cluster": become(() =>
        object("rbac.authorization.k8s.io/v1", "ClusterRole", "x", { rules: [{ verbs: ["*"] }] }),
      ),
      "gives everything": become(() =>
        object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "x", { roleRef: { name: "cluster-admin" } }),
      ),
      "gives all of a namespace": become(() =>
        object("rbac.authorization.k8s.io/v1", "RoleBinding", "x", { roleRef: { name: "admin" } }),
      ),
    },
    accepted: {
      "one secret by its name": [
        "rules[0]",
        { apiGroups: [""], resources: ["secrets"], resourceNames: ["one"], verbs: ["get"] },
      ],
      "what is no role": become(() =>
        object("example/v1", "Thing", "x", { rules: [{ verbs: ["*"] }], roleRef: { name: "cluster-admin" } }),
      ),
      "reads logs": ["rules[0]", { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] }],
      "a binding of a role of its own": become(binding),
    },
    unknown: ["rules", "rules[0].verbs", "rules[0].resources", "rules[0].apiGroups", "rules[0].resourceNames"],
  },
  "rbac-no-anonymous": {
    base: one(binding),
    refused: {
      "of the whole cluster": become(() =>
        object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "x", { subjects: [{ name: "system:masters" }] }),
      ),
      ...Object.fromEntries(
        [
          "system:anonymous",
          "system:unauthenticated",
          "system:authenticated",
          "system:masters",
          "system:serviceaccounts",
          "system:serviceaccounts:twisterlab",
        ].map((name) => [name, ["subjects[0]", { kind: "Group", name }] as const]),
      ),
    },
    accepted: {
      nobody: ["subjects", undefined],
      "what is no binding": become(() =>
        object("example/v1", "Thing", "x", { subjects: [{ name: "system:masters" }] }),
      ),
    },
    unknown: ["subjects", "subjects[0].name"],
  },
  "network-policy-not-open": {
    base: one(networkPolicy),
    refused: {
      "anybody may come": ["spec.ingress", [{}]],
      "anywhere it may go": ["spec.egress", [{ ports: [{ port: 53 }] }]],
      "an empty list of peers": ["spec.egress[0].to", []],
      "an empty peer": ["spec.egress[0].to[0]", {}],
      "all addresses": ["spec.egress[0].to[0]", { ipBlock: { cidr: "0.0.0.0/0" } }],
      "all addresses of IPv6": ["spec.egress[0].to[0]", { ipBlock: { cidr: "::/0" } }],
    },
    accepted: {
      nobody: ["spec.egress", undefined],
      "one address": ["spec.egress[0].to[0]", { ipBlock: { cidr: "192.168.0.30/32" } }],
      "all but some": ["spec.egress[0].to[0]", { ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }],
      "from one": ["spec.ingress", [{ from: [{ podSelector: {} }] }]],
      "what is no policy": become(() => object("example/v1", "Policy", "x", { spec: { ingress: [{}] } })),
    },
    unknown: ["spec.ingress", "spec.egress", "spec.egress[0].to", "spec.egress[0].to[0]"],
    absent: ["spec.egress[0].to"],
  },
  "service-no-external-ips": {
    base: one(service),
    refused: { "an address": ["spec.externalIPs", ["192.168.0.1"]] },
    accepted: {
      none: ["spec.externalIPs", []],
      "what is no Service": become(() =>
        object("example/v1", "Thing", "x", { spec: { type: "NodePort", externalIPs: ["192.168.0.1"] } }),
      ),
    },
    unknown: ["spec.externalIPs", "spec"],
  },
  "service-stays-inside": {
    base: one(service),
    refused: {
      "a port of the machine": ["spec.type", "NodePort"],
      "an address of the network": ["spec.type", "LoadBalancer"],
    },
    accepted: {
      "said to be inside": ["spec.type", "ClusterIP"],
      "what is no Service": become(() =>
        object("example/v1", "Thing", "x", { spec: { type: "NodePort", externalIPs: ["192.168.0.1"] } }),
      ),
    },
    unknown: ["spec.type"],
  },
  "cron-job-has-deadline": {
    base: one(cronJob),
    refused: { "too short for the controller": ["spec.startingDeadlineSeconds", 9] },
    accepted: {
      "the shortest": ["spec.startingDeadlineSeconds", 10],
      "what is no CronJob": become(job),
      "a patch": become(() => object("batch/v1", "CronJobPatch", "x", { spec: {} })),
    },
    unknown: ["spec.startingDeadlineSeconds"],
    absent: ["spec.startingDeadlineSeconds"],
  },
  "cron-job-no-overlap": {
    base: one(cronJob),
    refused: {
      "side by side": ["spec.concurrencyPolicy", "Allow"],
      "one kills the other": ["spec.concurrencyPolicy", "Replace"],
      "a patch that says so": become(() =>
        object("batch/v1", "CronJobPatch", "x", { spec: { concurrencyPolicy: "Allow" } }),
      ),
    },
    accepted: {
      "what is no CronJob": become(job),
      "a patch that says nothing": become(() => object("batch/v1", "CronJobPatch", "x", { spec: {} })),
    },
    unknown: ["spec.concurrencyPolicy"],
    absent: ["spec.concurrencyPolicy"],
  },
  "cron-job-not-suspended": {
    base: one(cronJob),
    refused: { suspended: ["spec.suspend", true] },
    accepted: {
      "said to run": ["spec.suspend", false],
      "a Job": become(() => object("batch/v1", "Job", "x", { spec: { suspend: true } })),
    },
    unknown: ["spec.suspend"],
  },
  "job-ends": {
    base: one(cronJob),
    refused: {
      "starts again for ever": [`${TEMPLATE}.template.spec.restartPolicy`, "Always"],
      "no time": [`${TEMPLATE}.activeDeadlineSeconds`, 0],
      "a Job without an end": become(() =>
        object("batch/v1", "Job", "x", { spec: { template: { spec: { restartPolicy: "Never" } } } }),
      ),
    },
    accepted: {
      "tried in the same pod": [`${TEMPLATE}.template.spec.restartPolicy`, "OnFailure"],
      "a second": [`${TEMPLATE}.activeDeadlineSeconds`, 1],
      "a Job": become(job),
      "what is no job": become(deployment),
      "a patch": become(() => object("batch/v1", "CronJobPatch", "x", { spec: {} })),
    },
    unknown: [
      `${TEMPLATE}.activeDeadlineSeconds`,
      `${TEMPLATE}.backoffLimit`,
      `${TEMPLATE}.template.spec.restartPolicy`,
    ],
    absent: [
      `${TEMPLATE}.activeDeadlineSeconds`,
      `${TEMPLATE}.backoffLimit`,
      `${TEMPLATE}.template.spec.restartPolicy`,
    ],
  },
  "job-is-cleared": {
    base: one(cronJob),
    refused: {
      "a Job that stays": become(() => object("batch/v1", "Job", "x", { spec: {} })),
      "in another kind": ["spec.failedJobsHistoryLimit", "3"],
    },
    accepted: {
      "none kept": ["spec.failedJobsHistoryLimit", 0],
      "a Job that goes": become(job),
      "what is no job": become(deployment),
      "a patch": become(() => object("batch/v1", "CronJobPatch", "x", { spec: {} })),
    },
    unknown: ["spec.successfulJobsHistoryLimit", "spec.failedJobsHistoryLimit"],
    absent: ["spec.successfulJobsHistoryLimit", "spec.failedJobsHistoryLimit"],
  },
  "api-version-served": {
    base: one(cronJob),
    refused: Object.fromEntries(
      [
        ["extensions/v1beta1", "Ingress"],
        ["apps/v1beta1", "Deployment"],
        ["apps/v1beta2", "Deployment"],
        ["batch/v1beta1", "CronJob"],
        ["batch/v2alpha1", "CronJob"],
        ["policy/v1beta1", "PodSecurityPolicy"],
        ["networking.k8s.io/v1beta1", "Ingress"],
        ["rbac.authorization.k8s.io/v1beta1", "Role"],
        ["autoscaling/v2beta2", "HorizontalPodAutoscaler"],
        ["flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"],
        ["storage.k8s.io/v1beta1", "StorageClass"],
        ["apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"],
      ].map(([version = "", kind = ""]) => [`${version} ${kind}`, become(() => object(version, kind, "x", {}))]),
    ),
    accepted: {
      "of a later version": become(() => object("autoscaling/v2", "HorizontalPodAutoscaler", "x", {})),
      "of the core": become(service),
      "of a custom resource": become(() => object("metallb.io/v1beta1", "IPAddressPool", "x", {})),
      "no object": become(() => ({ type: "pulumi:providers:kubernetes", name: "x", inputs: {} })),
    },
  },
  "selector-matches-template": {
    base: one(deployment),
    refused: {
      "another label": ["spec.selector.matchLabels", { app: "other" }],
      "one label too many": ["spec.selector.matchLabels", { app: "api", tier: "web" }],
      "an empty one": ["spec.selector", {}],
      "of a DaemonSet": become(() => object("apps/v1", "DaemonSet", "x", { spec: {} })),
      "of a ReplicaSet": become(() => object("apps/v1", "ReplicaSet", "x", { spec: {} })),
      "an expression against it": [
        "spec.selector",
        { matchExpressions: [{ key: "app", operator: "NotIn", values: ["api"] }] },
      ],
      "a StatefulSet without a Service": become(() => ({ ...deployment(), type: "kubernetes:apps/v1:StatefulSet" })),
    },
    accepted: {
      "an expression for it": [
        "spec.selector",
        { matchExpressions: [{ key: "app", operator: "In", values: ["api", "b"] }] },
      ],
      "a label that is there": ["spec.selector", { matchExpressions: [{ key: "app", operator: "Exists" }] }],
      "a label that is not": ["spec.selector", { matchExpressions: [{ key: "x", operator: "DoesNotExist" }] }],
      "none of some": ["spec.selector", { matchExpressions: [{ key: "x", operator: "NotIn", values: ["a"] }] }],
      "a job, whose selector Kubernetes makes": become(job),
      "a patch": become(() => object("apps/v1", "DeploymentPatch", "x", { spec: {} })),
      "a StatefulSet with a Service": (stack) => {
        const [each] = stack;
        if (each === undefined) return;
        each.type = "kubernetes:apps/v1:StatefulSet";
        Object.assign(each.inputs["spec"] as object, { serviceName: "db" });
      },
    },
    unknown: ["spec.selector", "spec.selector.matchLabels.app", "spec.template.metadata.labels"],
    absent: ["spec.selector", "spec.template.metadata.labels"],
  },
  "disruption-budget-lets-go": {
    base: one(budget),
    refused: {
      "none may go": ["spec.maxUnavailable", 0],
      "none, in percent": ["spec.maxUnavailable", "0%"],
      "one must stay": (stack) => {
        stack[0] = object("policy/v1", "PodDisruptionBudget", "x", { spec: { minAvailable: 1 } });
      },
      "all must stay": ["spec.minAvailable", "100%"],
    },
    accepted: {
      "none must stay": ["spec.minAvailable", 0],
      "none, in percent": ["spec.minAvailable", "0%"],
      "no budget": become(() => object("example/v1", "Budget", "x", { spec: { minAvailable: 1, maxUnavailable: 0 } })),
    },
    unknown: ["spec.minAvailable", "spec.maxUnavailable"],
  },
  "namespace-pod-security": {
    base: one(namespace),
    refused: {
      "the lowest level": ['metadata.labels["pod-security.kubernetes.io/enforce"]', "privileged"],
      "the lowest level for another chart": forMetalLb({ chart: "harbor" }),
      "the lowest level for MetalLB, unreported": forMetalLb({ audit: "privileged" }),
      "the lowest level for MetalLB and a pod of ours": forMetalLb({ beside: "Deployment" }),
      "whatever version": ['metadata.labels["pod-security.kubernetes.io/enforce-version"]', "latest"],
      "a version with something after it": ['metadata.labels["pod-security.kubernetes.io/enforce-version"]', "v1.33.6"],
    },
    accepted: {
      "the highest level": ['metadata.labels["pod-security.kubernetes.io/enforce"]', "restricted"],
      "the lowest level for MetalLB": forMetalLb({}),
      "what is no namespace": become(service),
      "a patch": become(() => object("core/v1", "NamespacePatch", "x", {})),
    },
    unknown: ["metadata.labels", 'metadata.labels["pod-security.kubernetes.io/enforce"]'],
    absent: [
      "metadata.labels",
      'metadata.labels["pod-security.kubernetes.io/enforce"]',
      'metadata.labels["pod-security.kubernetes.io/enforce-version"]',
    ],
  },
  "namespace-denies-by-default": {
    base: () => [namespace(), defaultDeny()],
    refused: {
      "of another kind": (stack) => {
        const [, policy] = stack;
        if (policy !== undefined) policy.type = "kubernetes:example/v1:Policy";
      },
      "no policy": (stack) => void stack.pop(),
      "in another namespace": (stack) => {
        put1(stack, { metadata: { name: "x", namespace: "twisterlab" } });
      },
      "of one direction": (stack) => {
        put1(stack, { spec: { podSelector: {}, policyTypes: ["Ingress"] } });
      },
      "of the other direction": (stack) => {
        put1(stack, { spec: { podSelector: {}, policyTypes: ["Egress"] } });
      },
      "of some pods": (stack) => {
        put1(stack, { spec: { podSelector: { matchLabels: { app: "x" } }, policyTypes: ["Ingress", "Egress"] } });
      },
      "with a way in": (stack) => {
        put1(stack, { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{ from: [] }] } });
      },
      "with a way out": (stack) => {
        put1(stack, { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{ to: [] }] } });
      },
    },
    accepted: { "a patch of another's": become(() => object("core/v1", "NamespacePatch", "x", {})) },
    unknown: ["metadata.name"],
  },
  "job-is-isolated": {
    base: () => [cronJob(), networkPolicy()],
    refused: {
      "of another kind": (stack) => {
        const [, policy] = stack;
        if (policy !== undefined) policy.type = "kubernetes:example/v1:Policy";
      },
      "no policy": (stack) => void stack.pop(),
      "a policy of other pods": (stack) => void stack.splice(1, 1, networkPolicy("x", { job: "other" })),
      "in another namespace": (stack) => {
        put1(stack, { metadata: { name: "x", namespace: "default" } });
      },
      "one direction": (stack) => {
        put1(stack, { spec: { podSelector: { matchLabels: { job: "nightly" } }, policyTypes: ["Egress"] } });
      },
      "the other direction": (stack) => {
        put1(stack, { spec: { podSelector: { matchLabels: { job: "nightly" } }, policyTypes: ["Ingress"] } });
      },
      "a Job alone": (stack) => void stack.splice(0, 2, job()),
    },
    accepted: {
      "two policies, one for each direction": (stack) => {
        const of = (name: string, type: string) =>
          object("networking.k8s.io/v1", "NetworkPolicy", name, {
            spec: { podSelector: { matchLabels: { job: "nightly" } }, policyTypes: [type] },
          });
        stack.splice(1, 1, of("in", "Ingress"), of("out", "Egress"));
      },
      "one for all pods": (stack) => {
        put1(stack, { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } });
      },
      "what is no job": (stack) => void stack.splice(0, 2, deployment()),
      "a patch": (stack) => void stack.splice(0, 2, object("batch/v1", "CronJobPatch", "x", { spec: {} })),
    },
    unknown: [`${TEMPLATE}.template.metadata.labels`, "metadata.namespace"],
  },
  "data-is-protected": {
    base: one(claim),
    refused: Object.fromEntries(
      [
        ["core/v1", "PersistentVolumeClaim"],
        ["core/v1", "PersistentVolume"],
        ["apps/v1", "StatefulSet"],
        ["core/v1", "Namespace"],
        ["storage.k8s.io/v1", "StorageClass"],
        ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
        ["helm.cattle.io/v1", "HelmChart"],
      ].map(([version = "", kind = ""]) => [kind, become(() => object(version, kind, "x", {}))]),
    ),
    accepted: {
      "what holds none": become(service),
      "a patch of another's": become(() => object("core/v1", "NamespacePatch", "x", {})),
    },
  },
  "helm-chart-aborts": {
    base: one(chart),
    refused: {
      uninstalls: ["spec.failurePolicy", "reinstall"],
      "a chart's configuration": become(() => object("helm.cattle.io/v1", "HelmChartConfig", "x", { spec: {} })),
    },
    accepted: { "what is no chart": become(service) },
    unknown: ["spec.failurePolicy"],
    absent: ["spec.failurePolicy"],
  },
  "helm-chart-version-pinned": {
    base: one(chart),
    refused: {
      "any of a row": ["spec.version", "1.17"],
      "a range": ["spec.version", "^1.17.0"],
      any: ["spec.version", "*"],
      "a URL without a version": (stack) => {
        stack[0] = object("helm.cattle.io/v1", "HelmChart", "x", {
          spec: { chart: "https://charts.example/harbor.tgz" },
        });
      },
    },
    accepted: {
      "with a letter": ["spec.version", "v1.17.1"],
      "before a release": ["spec.version", "1.17.1-rc.1"],
      "the archive itself": (stack) => {
        stack[0] = object("helm.cattle.io/v1", "HelmChart", "x", { spec: { chartContent: "H4sI" } });
      },
      "a URL with a version": (stack) => {
        stack[0] = object("helm.cattle.io/v1", "HelmChart", "x", {
          spec: { chart: "https://charts.example/harbor-1.17.1.tgz" },
        });
      },
      "what is no chart": become(service),
    },
    unknown: ["spec.version", "spec.chart"],
    absent: ["spec.version"],
  },
  "helm-chart-no-secret": {
    base: one(chart),
    refused: {
      "a password": ["spec.valuesContent", "a: b\nharborAdminPassword: hunter2\n"],
      "a password in quotes, further in": ["spec.valuesContent", "db:\n  - \"password\": 'hunter2'\n"],
      "a key": ["spec.valuesContent", "tls: |\n  -----BEGIN PRIVATE KEY-----\n"],
      "set by itself": ["spec.set", { "db.password": "hunter2" }],
      "in a chart's configuration": become(() =>
        object("helm.cattle.io/v1", "HelmChartConfig", "x", { spec: { valuesContent: "token: x1\n" } }),
      ),
    },
    accepted: {
      "empty ones": [
        "spec.valuesContent",
        "password:\nsecret: {}\ntoken: ~\npassword: ''\nsecret: null\npassword: true\n",
      ],
      nothing: ["spec.valuesContent", undefined],
      "what is no chart": become(() => object("example/v1", "Chart", "x", { spec: { valuesContent: "password: x" } })),
    },
    unknown: ["spec.valuesContent", "spec.set"],
  },
  "helm-release-is-opaque": {
    base: one(() => ({ type: "kubernetes:helm.sh/v4:Chart", name: "harbor", inputs: {} })),
    refused: { "a Release": become(() => ({ type: "kubernetes:helm.sh/v3:Release", name: "harbor", inputs: {} })) },
  },
  "kubernetes-provider-named": {
    base: one(() => ({ type: "pulumi:providers:kubernetes", name: "cluster", inputs: { clusterIdentifier: "edge" } })),
    refused: { "an empty name": ["clusterIdentifier", ""] },
    accepted: { "another provider": become(() => ({ type: "pulumi:providers:command", name: "host", inputs: {} })) },
    unknown: ["clusterIdentifier"],
    absent: ["clusterIdentifier"],
  },
  "no-default-credentials": {
    base: one(() =>
      object("core/v1", "Secret", "admin", {
        data: { password: "aHVudGVyMg==", other: "0123456789abcdef0123", note: "100%25" },
      }),
    ),
    refused: {
      "in clear": ["stringData", { password: "Harbor12345" }],
      "in another case": ["stringData", { password: "HARBOR12345" }],
      "within other text": ["stringData", { "values.yaml": "harborAdminPassword: Harbor12345 # change me" }],
      "in base64": ["data.password", Buffer.from("Harbor12345").toString("base64")],
      "in base64, with a line end": ["data.password", Buffer.from("Harbor12345\n").toString("base64")],
      "in base64, twice": [
        "data.password",
        Buffer.from(Buffer.from("Harbor12345").toString("base64")).toString("base64"),
      ],
      "in base64 of a pair": ["data.auth", Buffer.from("admin:Harbor12345").toString("base64")],
      "in base64, from the middle of a group": ["data.auth", `x${Buffer.from("Harbor12345").toString("base64")}`],
      "in base64url": ["data.auth", Buffer.from("?>admin:Harbor12345").toString("base64url")],
      "in base64 of UTF-16": ["data.password", Buffer.from("Harbor12345", "utf16le").toString("base64")],
      "in hexadecimal": ["data.password", Buffer.from("Harbor12345").toString("hex")],
      "percent-encoded": ["data.url", "https://admin:Harbor%312345@harbor"],
      "in escapes of JSON": ["data.json", String.raw`{"p":"\u0048arbor12345"}`],
      "in escapes of a shell": ["data.sh", String.raw`$'\x48arbor12345'`],
      "another chart's": ["data.key", "not-a-secure-key"],
      "Grafana's": ["data.key", "prom-operator"],
      "MinIO's": ["data.key", "minioadmin"],
      "in a list, of whatever resource": become(() => ({
        type: "command:local:Command",
        name: "x",
        inputs: { args: [["-u", "admin:Harbor12345"]] },
      })),
    },
    accepted: { "another password": ["data.password", Buffer.from("correct horse battery").toString("base64")] },
  },
};

/** Changes the second resource of a stack. */
function put1(stack: Plain[], fields: Record<string, unknown>): void {
  Object.assign(stack[1]?.inputs ?? {}, fields);
}

/** A namespace of the lowest level with a chart in it, and something beside that. */
function forMetalLb({ chart = "metallb", audit = "restricted", beside = "ConfigMap" }): Change {
  return (stack) => {
    const [at] = stack;
    if (at === undefined) return;
    put(at.inputs, 'metadata.labels["pod-security.kubernetes.io/enforce"]', "privileged");
    put(at.inputs, 'metadata.labels["pod-security.kubernetes.io/warn"]', "restricted");
    put(at.inputs, 'metadata.labels["pod-security.kubernetes.io/audit"]', audit);
    const { name } = at.inputs["metadata"] as { name: string };
    const inside = { metadata: { namespace: name } };
    stack.push(object("helm.cattle.io/v1", "HelmChart", "chart", { ...inside, spec: { chart } }));
    stack.push(object("v1", beside, "beside", inside));
  };
}
