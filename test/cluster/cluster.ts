import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { capture, type Captured } from "../../cli/capture.ts";
import { abandonedFolders, ownedFolder } from "../support/ownedFolder.ts";
import { run } from "../support/run.ts";
import { systemCommandPath } from "../support/systemPackages.ts";
import { ensureNode } from "./build.ts";

export interface ClusterOptions {
  /** Gets a line for each step of a build; default: standard error. */
  say?: (line: string) => void;
}

/** Milliseconds that it may take until its node is ready, on a busy computer. */
const START_LIMIT = 300_000;

/** A Kubernetes of one node like EdgeServer's, of its own. Ends with {@link Cluster.stop}, or with the process that has started it. */
export class Cluster {
  /** File with the kubeconfig of a user who may do everything. */
  readonly kubeconfig: string;
  /** URL of its API, from here. */
  readonly apiServer: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #init: number;
  readonly #ended: Promise<void>;

  private constructor(folder: string, address: string, child: ChildProcess, init: number, ended: Promise<void>) {
    this.#folder = folder;
    this.#child = child;
    this.#init = init;
    this.#ended = ended;
    this.apiServer = `https://${address}:6443`;
    this.kubeconfig = join(folder, "kubeconfig");
    // It proves itself by a name of its own network.
    const authority = `certificate-authority: ${join(folder, "ca.crt")}, tls-server-name: kubernetes.default.svc`;
    const text = readFileSync(join(folder, "admin.kubeconfig"), "utf8")
      .replace("https://192.168.0.30:6443", this.apiServer)
      .replace(/certificate-authority: \S+/, authority);
    writeFileSync(this.kubeconfig, text, { mode: 0o600 });
  }

  static async start({ say }: ClusterOptions): Promise<Cluster> {
    abandonedFolders(PREFIX).forEach(remove);
    const programs = await ensureNode(say);
    const folder = ownedFolder(PREFIX);
    const init = join(import.meta.dirname, "node", "init.sh");
    const namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"];
    const words = [
      "--pdeathsig",
      "KILL",
      systemCommandPath("unshare"),
      ...namespaces,
      "bash",
      init,
      programs,
      folder,
      basename(folder),
    ];
    const child = spawn(systemCommandPath("setpriv"), words, { stdio: ["ignore", "pipe", "pipe"] });
    const said: string[] = [];
    const end = new Promise<void>((resolve) => {
      child.once("close", () => {
        resolve();
      });
    });
    const started = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
      createInterface({ input: child.stdout }).on("line", (line) => {
        said.push(line);
        if (line === "started") {
          resolve();
        }
      });
      void end.then(() => {
        reject(new Error("The node ended."));
      });
    });
    started.catch(() => undefined);
    try {
      const pid = await firstChild(child);
      const address = await connect(pid);
      await Promise.race([started, late()]);
      return new Cluster(folder, address, child, pid, end);
    } catch (error) {
      const words = `${(error as Error).message}\n${said.join("\n")}\n${lastWords(folder)}`;
      child.kill("SIGKILL");
      await end;
      remove(folder);
      throw new Error(words.trim(), { cause: error });
    }
  }

  /** Folder here of a disk of the node: `/twisterlab/<name>` there. */
  disk(name: "ai-storage" | "data-warehouse"): string {
    return join(this.#folder, "disks", name);
  }

  /** Runs a command on the node, as root; its `kubectl` may do everything. */
  run(command: string): Promise<Captured> {
    const words = [
      "--target",
      String(this.#init),
      "--all",
      "--",
      "env",
      "KUBECONFIG=/etc/rancher/k3s/admin.kubeconfig",
    ];
    return capture("nsenter", [...words, "bash", "-c", command], { cwd: "/" });
  }

  /** Ends it, and removes everything that it has made. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    remove(this.#folder);
  }
}

/** Starts a Kubernetes of one node; builds what it needs first, once. @throws Error when it does not come up. */
export function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return Cluster.start(options);
}

const PREFIX = "twisterlab-cluster-";

async function late(): Promise<never> {
  await pause(START_LIMIT, undefined, { ref: false });
  throw new Error("The node did not become ready.");
}

/** The process that is number one in the new namespaces. */
async function firstChild(child: ChildProcess): Promise<number> {
  for (;;) {
    const children = child.pid === undefined ? "" : read(`/proc/${child.pid}/task/${child.pid}/children`);
    const pid = Number(children.split(" ")[0]);
    if (pid > 0) {
      return pid;
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error("The namespaces of the node could not be made.");
    }
    await pause(10);
  }
}

/** Makes a network of two addresses between here and the node. @returns the node's. */
async function connect(pid: number): Promise<string> {
  for (let number = 0; number < 64; number++) {
    const link = `twisterlab${number}`;
    if (existsSync(`/sys/class/net/${link}`)) {
      continue;
    }
    const [here, there] = [1, 2].map((host) => `198.18.77.${number * 4 + host}`);
    try {
      await run("ip", ["link", "add", link, "type", "veth", "peer", "name", "uplink", "netns", String(pid)]);
    } catch (error) {
      // Another one took it in between.
      if (existsSync(`/sys/class/net/${link}`)) {
        continue;
      }
      throw error;
    }
    await run("ip", ["address", "add", `${here}/30`, "dev", link]);
    await run("ip", ["link", "set", link, "up"]);
    const within = ["--target", String(pid), "--net", "ip"];
    await run("nsenter", [...within, "address", "add", `${there}/30`, "dev", "uplink"]);
    await run("nsenter", [...within, "link", "set", "uplink", "up"]);
    return there ?? "";
  }
  throw new Error("There are 64 test clusters on this computer already.");
}

function lastWords(folder: string): string {
  const logs = join(folder, "logs");
  return (existsSync(logs) ? readdirSync(logs) : [])
    .map((name) => `-- ${name}\n${read(join(logs, name)).trimEnd().split("\n").slice(-6).join("\n")}`)
    .join("\n");
}

/** Removes what a cluster leaves whose processes have ended: their mounts and network went with them. */
function remove(folder: string): void {
  const name = basename(folder);
  for (const hierarchy of readdirSync(CGROUPS)) {
    removeGroups(join(CGROUPS, hierarchy, name));
  }
  removeGroups(join(CGROUPS, name));
  rmSync(folder, { recursive: true, force: true });
}

const CGROUPS = "/sys/fs/cgroup";

/** A control group can only be removed by itself, after those within, and when the last of its processes is really gone. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) {
    return;
  }
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeGroups(join(folder, entry.name));
    }
  }
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || tries === 100) {
        throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
