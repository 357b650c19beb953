import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { executableName, GOARCH, GOOS, moduleFolder, type Build, type Item } from "./items.ts";

/**
 * Flags of the official release builds. grpcnotrace keeps the linker's dead code elimination on: the kubernetes provider
 * shrinks from 306 to 166 MB.
 */
const FLAGS = ["-trimpath", "-buildvcs=false", "-tags=osusergo,grpcnotrace"];

/** What Go makes into one executable. */
export interface Program {
  /** Folder of a Go module, whose go.sum pins everything. */
  folder: string;
  package: string;
  /** Go variables that the linker sets. */
  variables: Readonly<Record<string, string>>;
  /** The executable. */
  output: string;
}

/**
 * Builds an item's executable from its pinned Go modules, each checked against go.sum.
 * @returns its path, in a folder of its own in the staging folder.
 * @throws Error, with a sentence for the user, when Go is missing, too old, or says no.
 */
export async function goBuild(item: Item, staging: string, detail: (text: string) => void): Promise<string> {
  const { build } = item;
  const folder =
    build.embed === undefined ? moduleFolder(item) : await withEmbedded(item, build.embed, staging, detail);
  const target = join(staging, `built-${item.file}`);
  mkdirSync(target);
  const output = join(target, executableName(item.file));
  await compile({ folder, package: build.package, variables: build.variables, output }, detail);
  return output;
}

/** Compiles a program and says how far it is. @throws Error as `goBuild`. */
export async function compile(program: Program, detail: (text: string) => void): Promise<void> {
  const { folder, variables, output } = program;
  // Only packages that are not in Go's build cache are compiled and counted below.
  const dependencies = await go(["list", "-deps", ...FLAGS, program.package], folder, modulesCounter(detail));
  const total = dependencies.split("\n").filter((line) => line !== "").length;
  let compiled = 0;
  const settings = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
  const ldflags = ["-s", "-w", ...settings].join(" ");
  await go(["build", "-v", ...FLAGS, `-ldflags=${ldflags}`, "-o", output, program.package], folder, () => {
    compiled += 1;
    detail(`${compiled} of at most ${total} packages compiled`);
  });
}

/** A copy of the module folder with the files that its main package embeds, taken from the module that has them. */
async function withEmbedded(
  item: Item,
  embed: NonNullable<Build["embed"]>,
  staging: string,
  detail: (text: string) => void,
): Promise<string> {
  const folder = join(staging, `module-${item.build.module}`);
  cpSync(moduleFolder(item), folder, { recursive: true });
  const answer = await go(["mod", "download", "-json", embed.module], folder, modulesCounter(detail));
  const { Dir } = JSON.parse(answer) as { Dir: string };
  for (const [name, path] of Object.entries(embed.files)) {
    const content = JSON.parse(readFileSync(join(Dir, path), "utf8")) as object;
    writeFileSync(join(folder, name), JSON.stringify(Object.assign(content, embed.set[name])));
  }
  return folder;
}

function modulesCounter(detail: (text: string) => void): (line: string) => void {
  let modules = 0;
  return (line) => {
    if (line.startsWith("go: downloading ")) {
      modules += 1;
      detail(`${modules} modules downloaded`);
    }
  };
}

/** Runs go and returns its output; onLine gets the lines of standard error. */
async function go(args: string[], folder: string, onLine: (line: string) => void): Promise<string> {
  const child = spawn("go", args, { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  const release = endWithUs(child);
  try {
    let output = "";
    const lines: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      onLine(line);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (code !== 0) {
      const said = lines.filter((line) => !/^go: downloading |^[\w.\-/]+$/.test(line)).slice(-12);
      throw new Error(`go ${args[0] ?? ""} failed in ${folder}:\n${said.join("\n")}`);
    }
    return output;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      const version = /^go (\S+)/m.exec(readFileSync(join(folder, "go.mod"), "utf8"))?.[1] ?? "";
      throw new Error(`Go is not on the PATH: install Go ${version} or newer (https://go.dev/dl/) and try again.`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    release();
  }
}

/** The user's Go settings (proxy, caches) hold; those that would change what is built do not. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, GOFLAGS: "-mod=readonly", GOWORK: "off", GO111MODULE: "on" };
  delete env["GOEXPERIMENT"];
  return { ...env, GOOS, GOARCH, CGO_ENABLED: "0" };
}

/** Ends a child when this process is ended; a terminal's Ctrl-C reaches both by itself. */
function endWithUs(child: ChildProcess): () => void {
  const end = (): void => {
    child.kill("SIGINT");
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    end();
    release();
    process.kill(process.pid, signal);
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const release = (): void => {
    process.off("exit", end);
    signals.forEach((signal) => process.off(signal, onSignal));
  };
  process.on("exit", end);
  signals.forEach((signal) => process.on(signal, onSignal));
  return release;
}
