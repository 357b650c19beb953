import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { capture, type Captured } from "../../cli/capture.ts";
import { declaredPhases } from "../../phases/catalogue.ts";
import { ensureProgram } from "../support/goProgram.ts";
import { requireSystemPackages } from "../support/systemPackages.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const WORKFLOWS = globSync(".github/workflows/*.yml", { cwd: PROJECT });

interface Step {
  uses?: string;
  run?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
}
interface Job {
  if?: string;
  needs?: string;
  environment?: string;
  permissions?: Record<string, string>;
  strategy?: { matrix: { phase: number[] } };
  env?: Record<string, string>;
  steps: Step[];
}
interface Workflow {
  on: string | Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const text = (file: string): string => readFileSync(join(PROJECT, file), "utf8");
const workflow = (name: string): Workflow => parse(text(`.github/workflows/${name}.yml`)) as Workflow;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-ci-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What is wrong with a workflow beyond what actionlint looks at; each line a sentence. */
function faultsOf(name: string, source: string): string[] {
  const { on, permissions, jobs } = parse(source) as Workflow;
  const faults: string[] = [];
  if (Object.keys(permissions).length > 0) {
    faults.push("what no job asks for is permitted to all");
  }
  if (/pull_request_target|workflow_run/.test(JSON.stringify(on))) {
    faults.push("code of a pull request would run with the secrets of the default branch");
  }
  for (const [id, job] of Object.entries(jobs)) {
    const secrets = JSON.stringify(job).match(/secrets\.\w+/g) ?? [];
    if (secrets.length > 0 && job.environment === undefined) {
      faults.push(`${id} has secrets without an environment`);
    }
    if (secrets.some((secret) => secret.includes("APPLY")) && job.environment !== "edge-apply") {
      faults.push(`${id} meets the key that applies`);
    }
    const given = JSON.stringify(on).includes("pull_request") && secrets.length > 0;
    if (given && !job.if?.includes("head.repo.full_name == github.repository")) {
      faults.push(`${id} runs for forks`);
    }
    const writes = Object.values(job.permissions ?? {}).includes("write");
    if (writes && job.steps.some(({ uses = "" }) => uses.includes("checkout"))) {
      faults.push(`${id} may write, and runs what it has checked out`);
    }
    for (const { uses, run = "", with: words = {} } of job.steps) {
      if (uses !== undefined && !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(uses)) {
        faults.push(`${uses} is not pinned by digest`);
      }
      if (uses?.startsWith("actions/checkout") === true && words["persist-credentials"] !== false) {
        faults.push(`${id} leaves its token in the checkout`);
      }
      if (run.includes("${{")) {
        faults.push(`${id} puts a value into a script`);
      }
      if (/npm run (review|up|drift|preview|destroy)/.test(run) && !run.includes("--shared-state")) {
        faults.push(`${id} goes by a state that nobody shares`);
      }
    }
  }
  return faults.map((fault) => `${name}: ${fault}`);
}

describe("the workflows", () => {
  test("are what actionlint accepts, shellcheck included; a fault is found", async () => {
    requireSystemPackages([{ command: "shellcheck", debianPackage: "shellcheck" }]);
    const actionlint = await ensureProgram({
      name: "actionlint",
      what: "actionlint",
      source: join(import.meta.dirname, "actionlint"),
      package: "github.com/rhysd/actionlint/cmd/actionlint",
    });
    const lint = (files: string[]): Promise<Captured> => capture(actionlint, files, { cwd: PROJECT });
    expect(await lint(WORKFLOWS)).toMatchObject({ code: 0, stdout: "" });
    const broken = join(folder, "broken.yml");
    writeFileSync(broken, text(".github/workflows/review.yml").replace("needs: review", "needs: nothing"));
    expect(await lint([broken])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"nothing" which does not exist') as string,
    });
  });

  test.each(WORKFLOWS)("%s keeps what it is given", (file) => {
    expect(faultsOf(file, text(file))).toEqual([]);
  });

  test.each([
    ["review", "permissions: {}", "permissions: write-all", "permitted to all"],
    ["review", "on: pull_request", "on: pull_request_target", "secrets of the default branch"],
    ["review", "    environment: edge-review\n", "", "without an environment"],
    ["review", "secrets.OBSERVER_KEY ", "secrets.APPLY_KEY ", "the key that applies"],
    ["review", "    if: github.event.pull_request.head.repo.full_name == github.repository\n", "", "runs for forks"],
    ["review", "      contents: read", "      contents: write", "runs what it has checked out"],
    ["drift", "@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v5", "is not pinned by digest"],
    ["drift", "          persist-credentials: false", "          fetch-depth: 1", "leaves its token"],
    ["apply", '"$PHASE"', "${{ inputs.phase }}", "puts a value into a script"],
    ["apply", " --shared-state", "", "a state that nobody shares"],
  ])("%s with %j as %j is found", (name, right, wrong, words) => {
    const source = text(`.github/workflows/${name}.yml`);
    expect(source).toContain(right);
    expect(
      faultsOf(
        name,
        source.replace(right, () => wrong),
      ),
    ).toEqual([expect.stringContaining(words) as string]);
  });

  test("are about every phase that is declared", () => {
    const phases = Object.keys(declaredPhases).map(Number);
    expect(workflow("review").jobs["review"]?.strategy?.matrix.phase).toEqual(phases);
    expect(workflow("drift").jobs["drift"]?.strategy?.matrix.phase).toEqual(phases);
    const { inputs } = (workflow("apply").on as { workflow_dispatch: { inputs: { phase: { options: string[] } } } })
      .workflow_dispatch;
    expect(inputs.phase.options).toEqual(phases.map(String));
  });

  test("the one to require is red unless the review has passed", async () => {
    const { jobs } = workflow("review");
    const { if: when, needs, steps } = jobs["verdict"] ?? { steps: [] };
    expect([when, needs]).toEqual(["always()", "review"]);
    for (const [result, code] of [
      ["success", 0],
      ["skipped", 1],
      ["failure", 1],
      ["cancelled", 1],
    ] as const) {
      const done = await capture("bash", ["-eo", "pipefail", "-c", steps[0]?.run ?? ""], {
        cwd: folder,
        env: { RESULT: result },
      });
      expect([result, done.code]).toEqual([result, code]);
    }
  });

  test("a page longer than a comment is cut at a letter, and says so", async () => {
    const place = mkdtempSync(join(folder, "page-"));
    writeFileSync(join(place, "gh"), '#!/bin/sh\ncp comment.md asked.md\necho "$*"\n', { mode: 0o755 });
    const run = workflow("review").jobs["page"]?.steps.at(-1)?.run ?? "";
    const comment = async (): Promise<string> => {
      const env = { PATH: `${place}:${process.env["PATH"] ?? ""}`, PULL_REQUEST: "https://x/1", RUN: "https://x/run" };
      const done = await capture("bash", ["-eo", "pipefail", "-c", run], { cwd: place, env });
      expect(done.stdout).toContain("pr comment https://x/1 --body-file comment.md --edit-last --create-if-none");
      return readFileSync(join(place, "asked.md"), "utf8");
    };
    expect(await comment()).toMatch(/^\*\*No page could be made.\*\*\n\n\nPages and log: https:\/\/x\/run\n$/);
    writeFileSync(join(place, "review-0.md"), "## Review\n");
    expect(await comment()).toBe("## Review\n\n\nPages and log: https://x/run\n");
    writeFileSync(join(place, "review-1.md"), "é→".repeat(20_000));
    const long = await comment();
    expect(long.length).toBeLessThan(65_536);
    expect(long).not.toContain("\ufffd");
    expect(long).toContain("The pages are longer than a comment");
  });
});

describe("with-access.sh", () => {
  beforeAll(() => {
    requireSystemPackages([{ command: "shellcheck", debianPackage: "shellcheck" }]);
  });

  const SCRIPT = join(PROJECT, ".github/scripts/with-access.sh");
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(folder, "home-"));
    mkdirSync(join(home, "tmp"));
  });
  const left = (): string[] =>
    readdirSync(home, { recursive: true })
      .map(String)
      .filter((name) => !/^(tmp|\.kube)$/.test(name));
  const run = (script: string, env: Record<string, string>): Promise<Captured> =>
    capture(SCRIPT, ["bash", "-c", script], {
      cwd: home,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, RUNNER_TEMP: join(home, "tmp"), ...env },
    });
  const SHOW =
    'echo "key=$(cat "$TWISTERLAB_SSH_KEY_FILE" 2>/dev/null)" "observer=$(cat "$TWISTERLAB_OBSERVER_KEY_FILE" 2>/dev/null)"; ' +
    'echo "cluster=$(cat ~/.kube/twisterlab-edge.yaml 2>/dev/null)"; stat -c %a "${TWISTERLAB_SSH_KEY_FILE:-$TWISTERLAB_OBSERVER_KEY_FILE}"; env';

  test.each([
    [{ OBSERVER_KEY: "look", OBSERVER_KUBECONFIG: "config" }, "key= observer=look\ncluster=config\n600"],
    [{ APPLY_KEY: "apply", APPLY_KUBECONFIG: "config" }, "key=apply observer=\ncluster=config\n600"],
    [{ OBSERVER_KEY: "look" }, "key= observer=look\ncluster=\n600"],
  ])("hands over %j in files alone, which end with it", async (env, words) => {
    const { code, stdout } = await run(SHOW, env);
    expect(stdout.startsWith(words)).toBe(true);
    expect(stdout).not.toMatch(/^(OBSERVER|APPLY)_/m);
    expect([code, left()]).toEqual([0, []]);
  });

  test("says how the command ended, and leaves nothing then either", async () => {
    expect((await run("exit 30", { APPLY_KEY: "apply", APPLY_KUBECONFIG: "config" })).code).toBe(30);
    expect(left()).toEqual([]);
  });

  test("refuses where somebody has a way in of his own, and leaves that alone", async () => {
    mkdirSync(join(home, ".kube"));
    const own = join(home, ".kube/twisterlab-edge.yaml");
    writeFileSync(own, "own");
    const { code, stderr } = await run("true", { OBSERVER_KUBECONFIG: "config" });
    expect([code, stderr]).toEqual([2, expect.stringContaining("is there already") as string]);
    expect(readFileSync(own, "utf8")).toBe("own");
  });

  test("is clean, and may be run", () => {
    expect(statSync(SCRIPT).mode & 0o111).not.toBe(0);
    execFileSync("shellcheck", [SCRIPT]);
  });
});
