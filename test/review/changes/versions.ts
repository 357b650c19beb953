import { changed, object, pods, type BadChange, type GoodChange, type Inputs, type Written } from "../plans.ts";

const DEPLOYMENT = "apps/v1:Deployment";
const running = (image: string): Inputs => object("Deployment", "api", { spec: pods(image) });
const becomes = (old: string, next: string): Written[] => [changed(DEPLOYMENT, running(old), running(next))];
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const beside = (...names: string[]): Inputs =>
  object("Deployment", "api", {
    spec: {
      template: {
        metadata: { labels: { app: "api" } },
        spec: { containers: names.map((name) => ({ name, image: `${name}:1` })) },
      },
    },
  });

/** Bad changes of versions and images. */
export const bad: BadChange[] = [
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
  ...(
    [
      ["mysql:8.0", "mysql:9.0"],
      ["mariadb:10.11", "mariadb:11.4"],
      ["mongo:6", "mongo:7"],
      ["bitnami/postgresql:15.4", "bitnami/postgresql:16.1"],
      ["registry.example/spilo-16:3.0", "registry.example/spilo-16:4.0"],
      ["grafana/grafana:9.5.1", "grafana/grafana:11.0.0"],
      ["redis:7.4", "docker.io/bitnami/redis:7.2"],
      ["harbor.example/library/redis:7.4", "harbor.example/cache/redis:6.2"],
    ] as [string, string][]
  ).map(([old, next]): BadChange => ({
    name: `${old} becomes ${next}`,
    rules: ["version-path"],
    steps: becomes(old, next),
  })),
  {
    name: "a release of Helm's goes back a version",
    rules: ["version-path"],
    steps: [
      changed("helm.sh/v4:Chart", { chart: "harbor", version: "1.15.0" }, { chart: "harbor", version: "1.14.0" }),
    ],
  },
  {
    name: "a chart loses its version",
    rules: ["version-path"],
    steps: [
      changed(
        "helm.cattle.io/v1:HelmChart",
        object("HelmChart", "harbor", { spec: { version: "1.14.0" } }),
        object("HelmChart", "harbor", { spec: { chart: "harbor" } }),
      ),
    ],
  },
  ...(
    [
      ["goes back a minor version", "v1.32"],
      ["skips major versions", "v3.33"],
      ["skips major and minor versions", "v3.35"],
    ] as const
  ).map(([what, next]): BadChange => ({
    name: `K3s ${what}`,
    rules: ["version-path"],
    steps: [
      changed(
        "twisterlab:cluster:RegistryNamespace",
        { namespace: "harbor", podSecurityVersion: "v1.33" },
        { namespace: "harbor", podSecurityVersion: next },
      ),
    ],
  })),
  ...[
    "api:1.2",
    "ghcr.io/twisterlab/api:1.2",
    "quay.io/twisterlab/api:1.2",
    "gcr.io/twisterlab/api:1.2",
    "public.ecr.aws/twisterlab/api:1.2",
    "registry.k8s.io/api:1.2",
    "mcr.microsoft.com/api:1.2",
  ].map((image): BadChange => ({
    name: `an image comes from a public registry: ${image}`,
    rules: ["image-mutability"],
    steps: becomes("harbor.example/api:1.2", image),
  })),
  ...(
    [
      ["an image loses its tag", "harbor.example/api:1.2", "harbor.example/api"],
      [
        "the same tag is another image",
        `harbor.example/api:1.2@${digest("a")}`,
        `harbor.example/api:1.2@${digest("b")}`,
      ],
    ] as [string, string, string][]
  ).map(([name, old, next]): BadChange => ({ name, rules: ["image-mutability"], steps: becomes(old, next) })),
];

/** Good ones. */
export const good: GoodChange[] = [
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
  ...(
    [
      ["an image gets a digest", "redis:7.2", `redis:7.2@${digest("a")}`],
      ["an image without a tag gets one", "api", "api:1.2"],
      ["an image is of no version, as before", "quay.io/a/api:latest", "ghcr.io/a/api:latest"],
      [
        "another image has the same tag, and its own digest",
        `harbor.example/api:1@${digest("a")}`,
        `harbor.example/web:1@${digest("b")}`,
      ],
      ["an image moves, with its digest", `harbor.example/api:1@${digest("a")}`, `harbor.test/api:1@${digest("a")}`],
      ["another image has a lower version", "busybox:1.36", "alpine:0.9"],
      ["another image has a higher version", "busybox:1.36", "alpine:3.20"],
      ["an image goes up a major version", "grafana/grafana:10.4.0", "grafana/grafana:11.0.0"],
      ["an image goes from a name to a version", "redis:bookworm", "redis:7.4"],
      ["an image goes from a version to a name", "redis:7.4", "redis:bookworm"],
    ] as [string, string, string][]
  ).map(([name, old, next]): GoodChange => ({ name, steps: becomes(old, next) })),
  {
    name: "a container goes, and another one comes",
    steps: [changed(DEPLOYMENT, beside("api", "proxy"), beside("api", "metrics"))],
  },
  {
    name: "a workload goes",
    steps: [{ type: DEPLOYMENT, name: "api", old: running("api:1") }],
  },
  {
    name: "an image is secret, and stays the same",
    steps: [{ type: DEPLOYMENT, name: "api", op: "same", old: running("[secret]"), new: running("[secret]") }],
  },
  {
    name: "a chart goes up a major version",
    steps: [changed("helm.sh/v4:Chart", { chart: "harbor", version: "1.15.0" }, { chart: "harbor", version: "2.0.0" })],
  },
  {
    name: "charts and the version of K3s are secret, and stay the same",
    steps: [
      ...["helm.sh/v4:Chart", "helm.sh/v3:Chart"].map((type, index): Written => ({
        type,
        name: `chart-${index}`,
        op: "same",
        old: { version: "[secret]" },
        new: { version: "[secret]" },
      })),
      {
        type: "twisterlab:cluster:RegistryNamespace",
        name: "registry",
        op: "same",
        old: { podSecurityVersion: "[secret]" },
        new: { podSecurityVersion: "[secret]" },
      },
    ],
  },
  {
    name: "the namespace of the registry goes from the program",
    steps: [{ type: "twisterlab:cluster:RegistryNamespace", name: "registry", old: { podSecurityVersion: "v1.33" } }],
  },
];
