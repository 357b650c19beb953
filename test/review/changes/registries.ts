import { changed, type BadChange, type GoodChange, type Inputs, type Written } from "../plans.ts";

const FILE = "twisterlab:host:HostFile";
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
const CONFIGURED = ["configs:", "  harbor.example:", "    tls:"];
const VERIFIED = [...CONFIGURED, "      ca_file: /etc/ca.crt"];
const SKIPPED = [...CONFIGURED, "      insecure_skip_verify: true"];

/** Changes of registries.yaml, by their lines. */
const OF_REGISTRIES = {
  bad: [
    ["the registry's entry with its own authority goes", [...MIRRORS, ...VERIFIED], MIRRORS],
    [
      "the registry's own authority goes, and its entry stays",
      [...MIRRORS, ...VERIFIED],
      [...MIRRORS, ...CONFIGURED, "      key_file: /etc/key"],
    ],
    [
      "the registry's certificate was to be verified in so many words, and is not any more",
      [...MIRRORS, ...CONFIGURED, "      insecure_skip_verify: false"],
      [...MIRRORS, ...SKIPPED],
    ],
    ["the mirror of a registry goes", [...MIRRORS, "  docker.io: {}"], MIRRORS],
    ["all mirrors go", MIRRORS, [""]],
    ["the file is no YAML any more", MIRRORS, ["mirrors: ["]],
    ["the file is one word", MIRRORS, ["mirrors"]],
  ],
  good: [
    ["the first mirror comes", [""], MIRRORS],
    [
      "a registry's certificate is still not verified, and it gets an account",
      [...MIRRORS, ...SKIPPED],
      [...MIRRORS, ...SKIPPED, "    auth:", "      username: robot"],
    ],
    ["a registry's certificate is verified at last", [...MIRRORS, ...SKIPPED], [...MIRRORS, ...VERIFIED]],
    [
      "it is said in words that the certificate is verified",
      [...MIRRORS, ...VERIFIED],
      [...MIRRORS, ...VERIFIED, "      insecure_skip_verify: false"],
    ],
    [
      "a mirror gets a second endpoint, beside one without TLS that it had",
      [...MIRRORS, "      - http://192.168.0.30:8090"],
      [...MIRRORS, "      - http://192.168.0.30:8090", "      - https://192.168.0.30"],
    ],
    [
      "the mirror for every registry stays, and another one comes",
      ["mirrors:", '  "*":', "    endpoint: [https://harbor.example]"],
      [...MIRRORS, '  "*":', "    endpoint: [https://harbor.example]"],
    ],
  ],
} satisfies Record<string, [string, string[], string[]][]>;

const ofRegistries = ([, old, next]: (typeof OF_REGISTRIES)["bad" | "good"][number]): Written[] => [
  changed(FILE, registries(...old), registries(...next)),
];

/** Bad changes of Docker's daemon.json and K3s' registries.yaml. */
export const bad: BadChange[] = [
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
  ...OF_REGISTRIES.bad.map((each): BadChange => ({
    name: each[0],
    rules: ["registries-weakened"],
    steps: ofRegistries(each),
  })),
  {
    name: "K3s is to pull over plain HTTP, by a file that is one text",
    rules: ["registries-weakened"],
    steps: [
      changed(
        FILE,
        { ...registries(), content: MIRRORS.join("\n") },
        { ...registries(), content: MIRRORS.join("\n").replace("https", "http") },
      ),
    ],
  },
  ...(
    [
      ["Docker gets other options for its storage driver", {}, { "storage-opts": ["overlay2.size=10G"] }],
      ["Docker keeps its images in containerd's store", {}, { features: { "containerd-snapshotter": true } }],
      ["Docker's API is to do without TLS", { tls: true }, { tls: false }],
      ["Docker's API is not to ask who calls", { tlsverify: true, tls: true }, { tls: true }],
    ] as [string, Inputs, Inputs][]
  ).map(([name, old, next]): BadChange => ({
    name,
    rules: ["daemon-json"],
    steps: [changed(FILE, daemon(old), daemon(next))],
  })),
  {
    name: "daemon.json is no JSON any more",
    rules: ["daemon-json"],
    steps: [changed(FILE, daemon({}), { ...daemon({}), content: "{" })],
  },
];

/** Good ones. */
export const good: GoodChange[] = [
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
  ...OF_REGISTRIES.good.map((each): GoodChange => ({ name: each[0], steps: ofRegistries(each) })),
  {
    name: "Docker still trusts a registry without TLS, asks who calls, and gets another log driver",
    steps: [
      changed(
        FILE,
        daemon({ "insecure-registries": ["192.168.0.30:8090"], tlsverify: true }),
        daemon({ "insecure-registries": ["192.168.0.30:8090"], tlsverify: true, "log-driver": "local" }),
      ),
    ],
  },
  {
    name: "live-restore is still off, and Docker's API is to be spoken to by TLS",
    steps: [changed(FILE, daemon({ "live-restore": false, tls: false }), daemon({ "live-restore": false, tls: true }))],
  },
  {
    name: "files that are secret as a whole stay the same",
    steps: ["/etc/docker/daemon.json", "/etc/rancher/k3s/registries.yaml"].map((path, index): Written => ({
      type: FILE,
      name: `file-${index}`,
      op: "same",
      old: { path, content: "[secret]" },
      new: { path, content: "[secret]" },
    })),
  },
  {
    name: "daemon.json is taken back",
    steps: [{ type: FILE, name: "docker", old: daemon({ "data-root": "/mnt/ssd" }) }],
  },
  {
    name: "a file that is no concern of Docker's has a key of the same name",
    steps: [
      changed(
        FILE,
        { path: "/etc/app.json", activate: "none", content: "{}" },
        { path: "/etc/app.json", activate: "none", content: '{"data-root":"/mnt/ssd"}' },
      ),
    ],
  },
];
