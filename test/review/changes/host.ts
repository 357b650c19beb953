import {
  changed,
  cronJob,
  object,
  UNKNOWN,
  type BadChange,
  type GoodChange,
  type Inputs,
  type More,
  type Written,
} from "../plans.ts";

const COMMAND = "command:remote:Command";
const ENTRY_POINT = "twisterlab:host:EntryPoint";
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
const without = ({ type, name, old = {} }: Written): Written => ({ type, name, old });
/** The command of an item runs again. */
const again = (name: string, ...within: string[]): Written => ({
  type: COMMAND,
  name: `${name}-apply`,
  within,
  old: command({}),
  new: command({ create: "put --revision 2", update: "put --revision 2" }),
});
const FILE = "twisterlab:host:HostFile";
const ROOT = "twisterlab:host:DataRoot";
const installed = (sha: string, revision: number): string => `install -- ${sha.repeat(64)} edge-phase-1 ${revision}`;
const SERVER = "https://192.168.0.30:6443";
const cluster = (server: string): NonNullable<More["cluster"]> => ({ refusals: [], notes: [], objects: [], server });
const item = (name: string, service?: "Docker" | "K3s"): NonNullable<More["items"]>[number] => ({
  name,
  ...{ state: "differs", sentence: "is written", wanted: "new", observed: "old", why: "it is wanted", revision: 2 },
  undo: "by hand",
  ...(service === undefined ? {} : { restarts: [{ service, meanwhile: "it is away" }] }),
});
const replaced = (inputs: Inputs, type = COMMAND): Written => ({
  type,
  name: "tune",
  op: "replace",
  old: command({ ...inputs, triggers: ["1"] }),
  new: command({ ...inputs, triggers: ["2"] }),
  replacedFor: "triggers[0]",
});

/** Bad changes of the host, its commands, and what the plan is about. */
export const bad: BadChange[] = [
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
  {
    name: "a command with an undo is replaced, and nothing says why",
    rules: ["rollback-after-replace"],
    steps: [{ ...changed(COMMAND, command({ delete: "undo" }), command({ delete: "undo" })), op: "replace" }],
  },
  {
    name: "a command with an undo that is secret is replaced for its triggers",
    rules: ["rollback-after-replace", "rollback-removed"],
    steps: [replaced({ delete: "[secret]" })],
  },
  ...(
    [
      ["an undo is emptied", { delete: "undo" }, { delete: "" }],
      [
        "another undo comes with the next revision of the same installation",
        { delete: "undo", create: installed("a", 1) },
        { delete: "leave", create: installed("a", 2) },
      ],
      ["another undo comes with a command that is secret", { delete: "undo" }, { delete: "leave", create: "[secret]" }],
      [
        "another undo comes with a command that was secret",
        { delete: "undo", create: "[secret]" },
        { delete: "leave" },
      ],
      ["an undo that was secret is not any more", { delete: "[secret]" }, { delete: "undo" }],
    ] as [string, Inputs, Inputs][]
  ).map(([name, old, next]): BadChange => ({
    name,
    rules: ["rollback-removed"],
    steps: [changed(COMMAND, command(old), command(next))],
  })),
  {
    name: "what drifted on the host is put back by commands alone, which restart two services",
    rules: ["change-budget"],
    steps: [again("docker", "twisterlab:host:DockerDaemon", FILE), again("k3s", FILE)],
    more: { items: [item("docker", "Docker"), item("k3s", "K3s")] },
  },
  {
    name: "a data root drifted, and a file that restarts a service changes",
    rules: ["change-budget"],
    steps: [again("docker-data", ROOT), file("k3s", "k3s", "new")],
    more: { items: [item("docker-data", "Docker"), item("k3s", "K3s")] },
  },
  {
    name: "a data root is on another disk, and a file that restarts a service changes",
    rules: ["change-budget"],
    steps: [
      changed(ROOT, { path: "/var/lib/docker", mount: "/a" }, { path: "/var/lib/docker", mount: "/b" }),
      file("k3s", "k3s", "new"),
    ],
  },
  {
    name: "two files are taken back that each restart a service",
    rules: ["change-budget"],
    steps: [without(file("one", "docker", "")), without(file("two", "journald", ""))],
  },
  {
    name: "the machine has another address",
    rules: ["wrong-host"],
    steps: [
      changed(
        ENTRY_POINT,
        { machine: { address: "192.168.0.30", id: "a" } },
        { machine: { address: "192.168.0.31", id: "a" } },
      ),
    ],
  },
  {
    name: "the machine's identity was secret, and is not any more",
    rules: ["wrong-host"],
    steps: [
      changed(ENTRY_POINT, { machine: { address: "a", id: "[secret]" } }, { machine: { address: "a", id: "b" } }),
    ],
  },
  {
    name: "the machine's identity is not told any more",
    rules: ["wrong-host"],
    steps: [changed(ENTRY_POINT, { machine: { address: "a", id: "a" } }, { machine: { address: "a" } })],
  },
  {
    name: "a host item cannot be applied to what is there, another one can",
    rules: ["on-the-spot"],
    steps: [],
    more: { items: [{ ...item("root-volume"), refused: true }, item("docker", "Docker")] },
  },
];

/** Good ones. */
export const good: GoodChange[] = [
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
    more: { outputs: { clusterServer: "https://192.168.0.30:6443" } },
  },
  ...(
    [
      ["a command without an undo", {}],
      ["a command whose undo is empty", { delete: "" }],
    ] as [string, Inputs][]
  ).map(([what, inputs]): GoodChange => ({ name: `${what} is replaced for its triggers`, steps: [replaced(inputs)] })),
  ...(
    [
      ["a command gets an undo", {}, { delete: "undo" }],
      ["a command and its undo are another pair", { delete: "undo" }, { delete: "leave", create: "enter" }],
      [
        "an undo is told of its next revision",
        { delete: "undo --revision 1 --now" },
        { delete: "undo --revision 2 --now" },
      ],
    ] as [string, Inputs, Inputs][]
  ).map(([name, old, next]): GoodChange => ({ name, steps: [changed(COMMAND, command(old), command(next))] })),
  {
    name: "the way in to the machine is another one, which a component tells of",
    steps: [
      {
        ...changed(COMMAND, command({}), command({})),
        within: ["test:Outer", "twisterlab:host:MountOptions"],
        differs: ["connection"],
      },
    ],
  },
  {
    name: "an undo is secret, and stays the same",
    steps: [{ ...changed(COMMAND, command({ delete: "[secret]" }), command({ delete: "[secret]" })), op: "same" }],
  },
  {
    name: "two files drifted, one of which restarts a service, once and again for its confirmation",
    steps: [
      again("docker", FILE),
      { ...again("docker", FILE), name: "docker-confirm" },
      again("motd", FILE),
      again("mounts", "twisterlab:host:MountOptions"),
    ],
    more: { items: [item("docker", "Docker"), item("motd"), item("mounts", "K3s")] },
  },
  {
    name: "a file and its command change, which is one item",
    steps: [file("docker", "docker", "new"), again("docker", FILE)],
    more: { items: [item("docker", "Docker")] },
  },
  {
    name: "one file that restarts a service changes, another stays, and others restart nothing",
    steps: [
      file("docker", "docker", "new"),
      { ...file("k3s", "k3s", "old"), op: "same" },
      file("motd", "none", "new"),
      changed(FILE, { path: "/etc/issue" }, { path: "/etc/issue", mode: "600" }),
    ],
  },
  {
    name: "three objects are replaced at once, none of them Kubernetes'",
    steps: ["a", "b", "c"].map((name) => ({ ...replaced({}), name })),
  },
  {
    name: "everything of a phase is destroyed, and what restarts for it",
    steps: [without(file("one", "docker", "")), without(file("two", "journald", ""))],
    more: { destroys: true },
  },
  {
    name: "the machine stays the same, and its scripts change",
    steps: [
      changed(
        ENTRY_POINT,
        { stack: "a", machine: { address: "192.168.0.30", id: "a" } },
        { stack: "b", machine: { address: "192.168.0.30", id: "a" } },
      ),
    ],
  },
  {
    name: "a machine that is secret stays the same",
    steps: [{ ...changed(ENTRY_POINT, { machine: "[secret]" }, { machine: "[secret]" }), op: "same" }],
  },
  {
    name: "the entry point is taken back",
    steps: [{ type: ENTRY_POINT, name: "entry-point", old: { machine: { address: "192.168.0.30", id: "a" } } }],
  },
  {
    name: "the cluster is where it was",
    steps: [],
    more: { outputs: { clusterServer: SERVER }, cluster: cluster(SERVER) },
  },
  { name: "the cluster is told for the first time", steps: [], more: { cluster: cluster(SERVER) } },
];
