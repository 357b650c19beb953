import { changed, object, pods, type BadChange, type GoodChange, type Inputs, type Written } from "../plans.ts";

const TYPE = "networking.k8s.io/v1:NetworkPolicy";
const policy = (name: string, spec: Inputs): Inputs => object("NetworkPolicy", name, { spec });
const DENY_ALL = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const REDIS = { podSelector: { matchLabels: { app: "redis" } } };
const FROM_PODS = { from: [{ podSelector: { matchLabels: { app: "api" } } }] };
const TO_PODS = { to: [{ podSelector: { matchLabels: { app: "api" } } }] };
const anywhere = (cidr: string): Inputs => ({ ipBlock: { cidr } });
const without = ({ metadata, ...rest }: Inputs): Inputs => ({
  ...rest,
  metadata: { name: (metadata as { name: string }).name },
});
const workload = (old: Inputs, next: Inputs = old): Written => ({
  type: "apps/v1:Deployment",
  name: "redis",
  op: old === next ? "same" : "update",
  old: object("Deployment", "redis", { spec: pods("redis:7.2", old) }),
  new: object("Deployment", "redis", { spec: pods("redis:7.2", next) }),
});

/** A policy is made anew under another name, and finds its pods by an expression. */
const byExpression = (expression: Inputs): Written[] => [
  { type: TYPE, name: "one", old: policy("one", { ...REDIS, policyTypes: ["Ingress"] }) },
  {
    type: TYPE,
    name: "two",
    new: policy("two", { podSelector: { matchExpressions: [expression] }, policyTypes: ["Ingress"] }),
  },
  workload({ app: "redis", tier: "db" }),
];

/** Bad changes of network policies. */
export const bad: BadChange[] = [
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
  ...[
    { key: "tier", operator: "NotIn", values: ["db"] },
    { key: "tier", operator: "DoesNotExist" },
    { key: "tier", operator: "Fits" },
  ].map((expression): BadChange => ({
    name: `pods are covered no more by a policy for those with tier ${expression.operator}`,
    rules: ["network-opened"],
    steps: byExpression(expression),
  })),
  {
    name: "a default-deny that leaves its selector out is deleted",
    rules: ["network-opened"],
    steps: [{ type: TYPE, name: "deny", old: policy("deny", { policyTypes: ["Ingress"] }) }],
  },
  {
    name: "a default-deny is deleted, and not its namespace but another one, and a file of the same name",
    rules: ["network-opened"],
    steps: [
      { type: TYPE, name: "deny", old: policy("deny", DENY_ALL) },
      { type: "core/v1:Namespace", name: "harbor", old: { metadata: { name: "harbor" } }, retainOnDelete: true },
      { type: "core/v1:ConfigMap", name: "settings", old: { metadata: { name: "twisterlab" } } },
    ],
  },
  {
    name: "a default-deny is deleted, and its namespace stays",
    rules: ["network-opened"],
    steps: [
      { type: TYPE, name: "deny", old: policy("deny", DENY_ALL) },
      {
        type: "core/v1:Namespace",
        name: "twisterlab",
        op: "same",
        old: { metadata: { name: "twisterlab" } },
        new: { metadata: { name: "twisterlab" } },
      },
    ],
  },
  {
    name: "a policy of two directions, told by its rules alone, goes, and its pods stay",
    rules: ["network-opened"],
    steps: [
      { type: TYPE, name: "redis", old: policy("redis", { ...REDIS, ingress: [FROM_PODS], egress: [TO_PODS] }) },
      workload({ app: "redis" }),
    ],
  },
  {
    name: "a policy covers no pods any more, all of them in the namespace that nobody names",
    rules: ["network-opened"],
    steps: [
      {
        ...changed(
          TYPE,
          without(policy("redis", { ...REDIS, policyTypes: ["Ingress"] })),
          without(policy("redis", { podSelector: { matchLabels: { app: "cache" } }, policyTypes: ["Ingress"] })),
        ),
      },
      {
        type: "apps/v1:Deployment",
        name: "redis",
        op: "same",
        old: without(object("Deployment", "redis", { spec: pods("redis:7.2", { app: "redis" }) })),
        new: without(object("Deployment", "redis", { spec: pods("redis:7.2", { app: "redis" }) })),
      },
    ],
  },
  {
    name: "a policy lets every address in, beside the pods that it did",
    rules: ["network-opened"],
    steps: [
      changed(
        TYPE,
        policy("redis", { ...REDIS, ingress: [FROM_PODS] }),
        policy("redis", { ...REDIS, ingress: [{ from: [...FROM_PODS.from, anywhere("0.0.0.0/0")] }] }),
      ),
    ],
  },
  {
    name: "a policy lets everything out by IPv6",
    rules: ["network-opened"],
    steps: [
      changed(
        TYPE,
        policy("redis", { ...REDIS, policyTypes: ["Egress"], egress: [TO_PODS] }),
        policy("redis", { ...REDIS, policyTypes: ["Egress"], egress: [TO_PODS, { to: [anywhere("::/0")] }] }),
      ),
    ],
  },
  {
    name: "a policy whose labels were secret changes",
    rules: ["network-opened"],
    steps: [
      changed(
        TYPE,
        policy("redis", { podSelector: { matchLabels: { app: "[secret]" } }, policyTypes: ["Ingress"] }),
        policy("redis", { ...REDIS, policyTypes: ["Ingress"] }),
      ),
    ],
  },
];

/** Good ones. */
export const good: GoodChange[] = [
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
  ...[
    { key: "tier", operator: "In", values: ["db"] },
    { key: "tier", operator: "Exists" },
  ].map((expression): GoodChange => ({
    name: `pods stay covered by a policy for those with tier ${expression.operator}`,
    steps: byExpression(expression),
  })),
  {
    name: "a default-deny goes with its namespace, among other things",
    steps: [
      { type: TYPE, name: "deny", old: policy("deny", DENY_ALL) },
      { type: "core/v1:ConfigMap", name: "settings", old: object("ConfigMap", "settings") },
      {
        type: "core/v1:Namespace",
        name: "twisterlab",
        old: { metadata: { name: "twisterlab" } },
        retainOnDelete: true,
      },
    ],
  },
  {
    name: "a policy says in words that it is for what comes in, as it was",
    steps: [
      changed(
        TYPE,
        policy("redis", { ...REDIS, ingress: [FROM_PODS] }),
        policy("redis", { ...REDIS, policyTypes: ["Ingress"], ingress: [FROM_PODS] }),
      ),
      workload({ app: "redis" }),
    ],
  },
  {
    name: "pods and their policy get another label together",
    steps: [
      changed(
        TYPE,
        policy("redis", { ...REDIS, ingress: [FROM_PODS] }),
        policy("redis", { podSelector: { matchLabels: { app: "cache" } }, ingress: [FROM_PODS] }),
      ),
      workload({ app: "redis" }, { app: "cache" }),
    ],
  },
  {
    name: "a workload goes with its policy",
    steps: [
      { type: TYPE, name: "redis", old: policy("redis", { ...REDIS, ingress: [FROM_PODS] }) },
      { type: "apps/v1:Deployment", name: "redis", old: object("Deployment", "redis", { spec: pods("redis:7.2") }) },
    ],
  },
  {
    name: "a policy that lets everybody in to one port lets other pods in to the rest",
    steps: [
      changed(
        TYPE,
        policy("web", { ...REDIS, ingress: [FROM_PODS, { ports: [{ port: 80 }] }] }),
        policy("web", { ...REDIS, ingress: [{ from: [{ podSelector: {} }] }, { ports: [{ port: 443 }] }] }),
      ),
    ],
  },
  {
    name: "a policy lets out to other pods, and to one more network",
    steps: [
      changed(
        TYPE,
        policy("redis", { ...REDIS, policyTypes: ["Egress"], egress: [TO_PODS] }),
        policy("redis", { ...REDIS, policyTypes: ["Egress"], egress: [TO_PODS, { to: [anywhere("10.0.0.0/8")] }] }),
      ),
    ],
  },
];
