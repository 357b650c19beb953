import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { executable, ITEMS, type Item } from "../../../toolchain/items.ts";
import { isAlive } from "../../../toolchain/lock.ts";
import { COMMAND_VERSION, KUBERNETES_VERSION, PULUMI_VERSION } from "../../../toolchain/versions.ts";

// The four items are built for real, into a Pulumi home of their own. With Go's build cache warm that takes under a
// minute, with a cold one many.
const BUILD_TIMEOUT = 40 * 60_000;
const root = join(import.meta.dirname, "../../..");
const [languageHost, engine, kubernetes, command] = ITEMS as [Item, Item, Item, Item];

let folder: string;
let home: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "toolchain-"));
  home = join(folder, "pulumi");
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("a machine on which nothing can be downloaded", () => {
  it("gets over a run that is killed in the middle of a build", { timeout: BUILD_TIMEOUT }, async () => {
    const first = startInstaller(home);
    await waitFor(
      () => existsSync(join(home, ".toolchain")) && stagingOf(home).includes("built-pulumi"),
      BUILD_TIMEOUT,
    );
    expect(first.child.kill("SIGKILL")).toBe(true);
    await first.ended;
    expect(stagingOf(home)).toContain("built-pulumi");
    expect(existsSync(executable(home, engine))).toBe(false);
  });

  it("builds each item once when two runs start at the same time", { timeout: BUILD_TIMEOUT }, async () => {
    const start = performance.now();
    const runs = await Promise.all([startInstaller(home).ended, startInstaller(home).ended]);
    console.log(`two runs that build what is missing: ${Math.round((performance.now() - start) / 1000)} s`);
    expect(runs.map(({ code, error }) => [code, error])).toEqual([
      [0, expect.anything()],
      [0, expect.anything()],
    ]);
    const errors = runs.map(({ error }) => error).join("");
    // The language host was in place when the first run was killed.
    for (const { name, version } of [engine, kubernetes, command]) {
      expect(errors.split(`${name} ${version}: built in `)).toHaveLength(2);
    }
    expect(errors).not.toContain(`${languageHost.name} ${languageHost.version}: built`);
    expect(errors).toMatch(/^Waiting for another run that sets up the toolchain/m);
    expect(stagingOf(home)).toEqual([]);
    for (const { output } of runs) {
      expect(output).toContain(`Toolchain in ${home}:`);
      expect(output).toMatch(
        /kubernetes provider +4\.25\.0 +(in place, )?built from pinned Go modules, because it could/,
      );
      expect(output).toMatch(/command provider +1\.2\.1 +(in place, )?built from toolchain\/go\/command, a stand-in/);
    }
  });

  it("then costs nothing: the whole process", async () => {
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const start = performance.now();
      const { code, error } = await startInstaller(home).ended;
      times.push(performance.now() - start);
      expect([code, error]).toEqual([0, ""]);
    }
    console.log(`everything in place: ${times.map(Math.round).join(", ")} ms`);
    // 90 ms on an idle machine; the bound is for a busy one, and far from what building anything takes.
    expect(Math.min(...times)).toBeLessThan(5000);
  });

  it("takes an engine of this version from the PATH, only with its language host beside it", async () => {
    const other = join(folder, "other");
    const bin = join(folder, "bin");
    mkdirSync(bin);
    copyFileSync(executable(home, engine), join(bin, "pulumi"));
    for (const item of [kubernetes, command]) {
      mkdirSync(dirname(executable(other, item)), { recursive: true });
      writeFileSync(executable(other, item), "not run here");
      chmodSync(executable(other, item), 0o755);
    }
    const path = [bin, dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter);

    const alone = await startInstaller(other, { PATH: path }).ended;
    expect(alone.code).toBe(1);
    expect(alone.error).toContain("The Pulumi engine 3.250.0 can be neither downloaded");
    expect(alone.error).toContain("Go is not on the PATH");

    copyFileSync(executable(home, languageHost), join(bin, "pulumi-language-nodejs"));
    const both = await startInstaller(other, { PATH: path }).ended;
    expect(both).toMatchObject({ code: 0 });
    expect(both.output).toMatch(/Pulumi engine +3\.250\.0 +copied from .*bin\/pulumi, which is on the PATH/);
    expect((await runFile(executable(other, engine), ["version"])).output).toBe(`v${PULUMI_VERSION}\n`);
  });
});

describe("npx pulumi", () => {
  it("runs the pinned engine and sees the pinned plugins", async () => {
    expect(await pulumi(folder, ["version"])).toMatchObject({ code: 0, output: `v${PULUMI_VERSION}\n`, error: "" });
    const listed = await pulumi(folder, ["plugin", "ls", "--json"]);
    expect((JSON.parse(listed.output) as object[]).map((plugin) => ({ ...plugin }))).toEqual([
      expect.objectContaining({ name: "command", kind: "resource", version: COMMAND_VERSION }),
      expect.objectContaining({ name: "kubernetes", kind: "resource", version: KUBERNETES_VERSION }),
    ]);
  });

  it("gets each provider's schema in its version", async () => {
    for (const [name, version] of [
      ["kubernetes", KUBERNETES_VERSION],
      ["command", COMMAND_VERSION],
    ] as const) {
      const { output } = await pulumi(folder, ["package", "get-schema", name]);
      expect(JSON.parse(output)).toMatchObject({ name, version });
    }
  });
});

describe("a program", () => {
  it("previews, applies and previews unchanged, without a warning", async () => {
    const project = await makeProject(
      "good",
      `${COMPONENT}\nnew Thing("one", { size: 150, token: config.requireSecret("token") });`,
    );
    await pulumi(project, ["config", "set", "--secret", "token"], "s3cret");

    const preview = await pulumi(project, ["preview", "--non-interactive"]);
    expect(preview).toMatchObject({ code: 0, error: "" });
    expect(preview.output).toContain("tiny:index:Thing one create");
    expect(preview.output).toContain("+ 2 to create");
    expect(preview.output).not.toMatch(/warning|\$PATH|s3cret/i);

    const up = await pulumi(project, ["up", "--yes", "--skip-preview", "--non-interactive"]);
    expect(up).toMatchObject({ code: 0, error: "" });
    expect(up.output).toContain("+ 2 created");
    expect(up.output).not.toMatch(/warning|\$PATH|s3cret/i);
    expect(readFileSync(join(folder, "state/.pulumi/stacks/good/dev.json"), "utf8")).not.toContain("s3cret");

    const again = await pulumi(project, ["preview", "--expect-no-changes", "--non-interactive"]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.output).toContain("2 unchanged");
  });

  it("that throws a RunError ends with its message and no stack trace", async () => {
    const project = await makeProject("refused", `throw new pulumi.RunError("the site file is missing");`);
    const { code, output } = await pulumi(project, ["preview", "--non-interactive"]);
    expect(code).not.toBe(0);
    expect(output).toContain("error: the site file is missing");
    expect(output).not.toMatch(/^\s+at |unhandled|exit code/m);
  });

  it("that exits by itself ends with its exit code", async () => {
    const project = await makeProject("exits", `console.error("my last words"); process.exit(3);`);
    const { code, output } = await pulumi(project, ["preview", "--non-interactive"]);
    expect(code).not.toBe(0);
    expect(output).toContain("my last words");
    expect(output).toContain("Program exited with non-zero exit code: 3");
  });

  it("finds what the engine tells it: project, stack, dry run, configuration, node's arguments", async () => {
    const project = await makeProject(
      "told",
      `const told = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack(), pulumi.runtime.isDryRun(),
         config.get("key"), process.execArgv.join(" "), process.env["PULUMI_NODEJS_TYPESCRIPT"] ?? "none"];
       console.log("told " + told.join("|"));`,
    );
    await pulumi(project, ["config", "set", "key", "value"]);
    const { output } = await pulumi(project, ["preview", "--non-interactive"]);
    expect(output).toContain("told organization|told|dev|true|value|--max-old-space-size=512|none");
  });

  it("is ended when the user interrupts the engine", async () => {
    const pid = join(folder, "pid");
    const project = await makeProject(
      "endless",
      `import { writeFileSync } from "node:fs";
       writeFileSync(${JSON.stringify(pid)}, String(process.pid));
       await new Promise((resolve) => setTimeout(resolve, 600_000));`,
    );
    const child = spawn(executable(home, engine), ["preview", "--non-interactive"], {
      cwd: project,
      env: environment(),
      stdio: "ignore",
    });
    await waitFor(() => existsSync(pid) && readFileSync(pid, "utf8") !== "", 60_000);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGINT");
    await ended;
    await waitFor(() => !isAlive(Number(readFileSync(pid, "utf8"))), 10_000);
  });

  it("uses a provider that is a Node.js program itself", async () => {
    const project = await makeProject(
      "provided",
      `class Greeter extends pulumi.ComponentResource {
         declare greeting: pulumi.Output<string>;
         constructor(name: string) {
           super("demo:index:Greeter", name, { who: "you", greeting: undefined }, {}, true);
         }
       }
       export const greeting = new Greeter("one").greeting;`,
      "plugins: { providers: [{ name: demo, path: ./provider }] }",
    );
    const provider = join(project, "provider");
    mkdirSync(provider);
    writeFileSync(join(provider, "PulumiPlugin.yaml"), "runtime: { name: nodejs, options: { typescript: false } }\n");
    writeFileSync(join(provider, "package.json"), `{ "name": "demo", "version": "0.0.1", "main": "index.js" }`);
    writeFileSync(
      join(provider, "index.js"),
      `const pulumi = require("@pulumi/pulumi");
       require("@pulumi/pulumi/provider").main({
         version: "0.0.1",
         async construct(name, type, inputs, options) {
           const resource = new pulumi.ComponentResource(type, name, {}, options);
           const state = { greeting: pulumi.interpolate\`hello \${inputs.who}\` };
           resource.registerOutputs(state);
           return { urn: resource.urn, state };
         },
       }, process.argv.slice(2));`,
    );
    const up = await pulumi(project, ["up", "--yes", "--skip-preview", "--non-interactive"]);
    expect(up).toMatchObject({ code: 0 });
    expect(up.output).toContain(`greeting: "hello you"`);
    expect(up.output).not.toMatch(/warning/i);
  });

  it("has its dependencies and its runtime listed by `pulumi about`", async () => {
    const project = await makeProject("listed", "");
    copyFileSync(join(root, "package-lock.json"), join(project, "package-lock.json"));
    const { output } = await pulumi(project, ["about", "--json"]);
    const about = JSON.parse(output) as { runtime: { language: string; version: string }; dependencies: object[] };
    expect(about.runtime).toMatchObject({ language: "nodejs", version: process.version });
    expect(about.dependencies).toContainEqual({ name: "@pulumi/pulumi", version: PULUMI_VERSION });
  });
});

describe("the language host's own tests", () => {
  it("pass", { timeout: BUILD_TIMEOUT }, async () => {
    const { code, output, error } = await runFile(
      "go",
      ["test", "-trimpath", "-buildvcs=false", "-tags=osusergo,grpcnotrace", "./..."],
      {
        cwd: join(root, "toolchain/go/languageNodejs"),
        env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" },
      },
    );
    expect([code, error]).toEqual([0, ""]);
    expect(output).toMatch(/^ok /);
  });
});

const COMPONENT = `class Thing extends pulumi.ComponentResource {
  constructor(name: string, args: { size: number; token: pulumi.Output<string> }) {
    super("tiny:index:Thing", name, args);
    this.registerOutputs({ size: args.size });
  }
}`;

interface Ended {
  code: number | null;
  output: string;
  error: string;
}

/** `node toolchain/main.ts`, with nothing to download from. */
function startInstaller(
  pulumiHome: string,
  env: NodeJS.ProcessEnv = {},
): { child: ReturnType<typeof spawn>; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [join(root, "toolchain/main.ts")], {
    // Port 9 (discard) of loopback refuses the connection.
    env: { ...process.env, TWISTERLAB_RELEASES_URL: "http://127.0.0.1:9", PULUMI_HOME: pulumiHome, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  const ended = new Promise<Ended>((resolve) => {
    // Not "close": a build that outlives a killed run holds the pipes.
    child.on("exit", (code) => {
      setImmediate(() => {
        resolve({ code, output, error });
      });
    });
  });
  return { child, ended };
}

/** What the runs at work have in their staging folders. */
function stagingOf(pulumiHome: string): string[] {
  const work = join(pulumiHome, ".toolchain");
  return readdirSync(work)
    .filter((name) => name.startsWith("staging-"))
    .flatMap((name) => readdirSync(join(work, name)));
}

/** `npx pulumi`: npm's launcher, which finds the engine in Pulumi's home. */
function pulumi(project: string, args: string[], input = ""): Promise<Ended> {
  const launcher = join(root, "node_modules/pulumi/run.js");
  return runFile(process.execPath, [launcher, ...args], { cwd: project, env: environment() }, input);
}

function environment(): NodeJS.ProcessEnv {
  const state = join(folder, "state");
  mkdirSync(state, { recursive: true });
  return {
    ...process.env,
    PATH: [join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter),
    NO_COLOR: "1",
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: "a passphrase for a test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
}

/** A project with one TypeScript program, run by node itself, and one stack. */
async function makeProject(name: string, program: string, extra = ""): Promise<string> {
  const project = join(folder, name);
  mkdirSync(project);
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"), "junction");
  writeFileSync(
    join(project, "Pulumi.yaml"),
    `name: ${name}
runtime: { name: nodejs, options: { typescript: false, nodeargs: "--max-old-space-size=512" } }
main: index.ts
${extra}
`,
  );
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name, type: "module", main: "index.ts", dependencies: { "@pulumi/pulumi": PULUMI_VERSION } }),
  );
  writeFileSync(
    join(project, "index.ts"),
    `import * as pulumi from "@pulumi/pulumi";\nconst config = new pulumi.Config();\nvoid config;\n${program}\n`,
  );
  expect(await pulumi(project, ["stack", "init", "dev"])).toMatchObject({ code: 0 });
  return project;
}

function runFile(
  file: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  input = "",
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { ...options, maxBuffer: 64 * 1024 * 1024 }, (failure, output, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code ?? 1), output, error });
    });
    child.stdin?.end(input);
  });
}

async function waitFor(condition: () => boolean, limit: number): Promise<void> {
  const end = performance.now() + limit;
  while (!condition()) {
    expect(performance.now(), "time to wait").toBeLessThan(end);
    await sleep(50);
  }
}
