import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inject } from "vitest";
import { capture, type Captured } from "../../cli/capture.ts";
import type { McpServiceArgs } from "../../components/cluster/mcpService.ts";
import type { PodHygieneArgs } from "../../components/cluster/podHygiene.ts";
import type { RevisionHistoryArgs } from "../../components/cluster/revisionHistory.ts";
import { ensureToolchain } from "../../toolchain/index.ts";
import { abandonedFolders, ownedFolder } from "../support/ownedFolder.ts";

/** A component with its arguments, all of them plain values. */
export type DeclaredComponent =
  | { component: "McpService"; name: string; args: McpServiceArgs }
  | { component: "PodHygiene"; name: string; args: PodHygieneArgs }
  | { component: "RevisionHistory"; name: string; args: RevisionHistoryArgs };

/** What the program in `program/` makes. */
export interface Declared {
  kubeconfigFile: string;
  components: readonly DeclaredComponent[];
}

const PROJECT = resolve(import.meta.dirname, "../..");
const PROGRAM = join(import.meta.dirname, "program");
const STACK = "test";
const PREFIX = "twisterlab-edge-stack-";

/** A stack of the real engine on the shared cluster, with a state of its own. */
export class Stack {
  readonly #pulumi: string;
  readonly #folder: string;
  #declared: readonly DeclaredComponent[] = [];

  private constructor(pulumi: string, folder: string) {
    this.#pulumi = pulumi;
    this.#folder = folder;
  }

  static async make(): Promise<Stack> {
    const { pulumi } = await ensureToolchain();
    abandonedFolders(PREFIX).forEach(remove);
    const folder = ownedFolder(PREFIX);
    const stack = new Stack(pulumi, folder);
    mkdirSync(join(folder, "state"));
    writeFileSync(stack.#config, "config:\n  pulumi:disable-default-providers: ['*']\n");
    // This command takes no other file for the configuration than one beside the project's.
    cpSync(join(PROGRAM, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    succeeded(await stack.#run(["stack", "init", STACK, "--no-select"], folder));
    return stack;
  }

  /** What is there after the next `up`. */
  declare(...components: readonly DeclaredComponent[]): void {
    this.#declared = components;
  }

  /** Makes it, from what is on the cluster, as our commands do. @throws Error with everything that was said, when that fails. */
  async up(): Promise<string> {
    return succeeded(await this.tryUp());
  }

  /** As `up`, for what is to fail. */
  tryUp(): Promise<Captured> {
    return this.#run(["up", "--refresh", "--yes", "--skip-preview", ...this.#options]);
  }

  /** @throws Error with the plan, when `up` would change anything. */
  async nothingToDo(): Promise<void> {
    succeeded(await this.#run(["preview", "--refresh", "--expect-no-changes", "--diff", ...this.#options]));
  }

  /** Removes what it has made. @throws Error with everything that was said, when that fails. */
  async destroy(): Promise<string> {
    return succeeded(await this.#run(["destroy", "--yes", "--skip-preview", ...this.#options]));
  }

  /** Everything that the engine has kept of it so far: state, history, and their copies. */
  get kept(): string {
    const files = globSync("state/.pulumi/**/*.json*", { cwd: this.#folder });
    return files.map((file) => readFileSync(join(this.#folder, file), "utf8")).join("\n");
  }

  /** Forgets it; what is there still ends with the cluster. */
  forget(): void {
    remove(this.#folder);
  }

  get #config(): string {
    return join(this.#folder, `Pulumi.${STACK}.yaml`);
  }

  get #options(): string[] {
    return ["--stack", STACK, "--config-file", this.#config];
  }

  #run(words: readonly string[], folder = PROGRAM): Promise<Captured> {
    const declared: Declared = { kubeconfigFile: inject("cluster").kubeconfig, components: this.#declared };
    const env = {
      ...process.env,
      // The language host is beside the engine; Node.js 24 is in the project.
      PATH: [dirname(this.#pulumi), join(PROJECT, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
      PULUMI_BACKEND_URL: pathToFileURL(join(this.#folder, "state")).href,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      DECLARED: JSON.stringify(declared),
    };
    return capture(this.#pulumi, [...words, "--non-interactive"], { cwd: folder, env });
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Runs kubectl as a user who may do everything, on the shared cluster unless another's kubeconfig is given.
 * @throws Error with what it complained of.
 */
export async function kubectl(words: readonly string[], input?: object, kubeconfig?: string): Promise<string> {
  return succeeded(await tryKubectl(words, input, kubeconfig));
}

/** As `kubectl`, for what may fail; `input` is given as a manifest, with `-f -` among the words. */
export function tryKubectl(
  words: readonly string[],
  input?: object,
  kubeconfig = inject("cluster").kubeconfig,
): Promise<Captured> {
  const { kubernetes } = inject("cluster");
  return capture(kubernetes, ["kubectl", "--kubeconfig", kubeconfig, ...words], {
    cwd: PROJECT,
    ...(input === undefined ? {} : { input: JSON.stringify(input) }),
  });
}

function succeeded({ code, stdout, stderr }: Captured): string {
  if (code !== 0) {
    throw new Error(`${stdout}\n${stderr}`.trim());
  }
  return stdout;
}
