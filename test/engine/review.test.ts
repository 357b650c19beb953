import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Captured } from "../../cli/capture.ts";
import { approveAll, type ReviewedJson } from "../support/approvals.ts";
import type { Checkout } from "../support/checkout.ts";
import { readStandIn } from "../support/hostStandIn.ts";
import { startStandInHost, type StandInHost } from "../support/standInHost.ts";

let host: StandInHost;
let edge: Checkout;

const GIB = 2 ** 30;
const SIZE = ["twisterlab-edge:phase1", "storage", "size"];
const DOCKER = ["twisterlab-edge:phase1", "docker", "logMaxFiles"];

beforeAll(async () => {
  host = await startStandInHost();
  ({ edge } = host);
  // Fewer items: each command of the engine takes its time.
  edge.edit([
    [["twisterlab-edge:phase1", "harbor"], undefined],
    [["twisterlab-edge:phase1", "registry"], undefined],
    [["twisterlab-edge:phase1", "diskBenchmark"], undefined],
    [["twisterlab-edge:phase1", "mountOptions"], undefined],
  ]);
}, 600_000);

afterAll(() => host.stop());

const TIME = 900_000;
const up = (...flags: string[]): Promise<Captured> => edge.npm(["up", "--", "1", "--yes", ...flags]);

async function reviewed(...flags: string[]): Promise<{ code: number; review: ReviewedJson }> {
  const { code, stdout } = await edge.npm(["review", "--", "1", "--json", ...flags]);
  return { code, review: JSON.parse(stdout) as ReviewedJson };
}

describe("from a first review to an up", () => {
  let hash: string;

  test("without the host key nothing is unsafe, and nothing is ready", { timeout: TIME }, async () => {
    const key = /hostKey: (.*)/.exec(edge.read("Pulumi.edge.yaml"))?.[1] ?? "";
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], "unknown"]]);
    const { code, stdout } = await edge.npm(["review", "--", "1"]);
    edge.edit([[["twisterlab-edge:host", "ssh", "hostKey"], key]]);
    expect(code).toBe(31);
    expect(stdout).toContain("NOT READY: nothing unsafe was found");
    expect(stdout).toContain("missing: twisterlab-edge:host.ssh.hostKey");
    expect(stdout).toContain("host not read: the host was not asked, because its host key is unknown");
  });

  test("the same has the same hash, and is applied by it, once", { timeout: TIME }, async () => {
    host.fresh();
    const first = await reviewed();
    expect(first).toMatchObject({ code: 0, review: { verdict: "may be applied", refused: [] } });
    hash = first.review.plan;
    expect((await reviewed()).review.plan).toBe(hash);
    const kept = join(edge.home, ".local/share/twisterlab-edge/reviews/edge-phase-1");
    expect(readdirSync(kept)).toContain(hash);
    expect(statSync(join(kept, hash, "plan.json")).mode & 0o777).toBe(0o600);

    const { code, stdout } = await up("--reviewed", hash);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\+ \d+ created/);
    expect(readStandIn(host.folder).rootVolume).toBe(150 * GIB);
  });

  test("after it the state is another one: the same review is not applied again", { timeout: TIME }, async () => {
    const { code, stderr } = await up("--reviewed", hash);
    expect(code).toBe(30);
    expect(stderr).toContain("the state changed since the review");
  });
});

describe("a change", () => {
  let refused: Awaited<ReturnType<typeof reviewed>>;

  test("that keeps logs for less is refused, and up applies nothing of it", { timeout: TIME }, async () => {
    edge.edit([
      [SIZE, "200 GiB"],
      [DOCKER, 1],
    ]);
    refused = await reviewed();
    expect(refused.code).toBe(30);
    expect(refused.review.refused.map(({ rule, field }) => [rule, field])).toEqual([
      ["retention-lowered", "logMaxFiles"],
    ]);
    const { code, stdout, stderr } = await up("--skip-preview");
    expect(code).toBe(30);
    expect(stdout).toContain("logMaxFiles: 3 -> 1");
    expect(stdout).toContain("size: 161061273600 (150 GiB) -> 214748364800 (200 GiB)");
    expect(stderr).toContain("Nothing was applied: it was refused.");
    expect(readStandIn(host.folder).rootVolume).toBe(150 * GIB);
  });

  test(
    "that is approved is void once the program has changed, and counts again when that is taken back",
    { timeout: TIME },
    async () => {
      approveAll(edge, refused.review);
      const file = join(edge.folder, "phases/catalogue.ts");
      const program = readFileSync(file, "utf8");
      writeFileSync(file, `${program}\n`);
      const changed = await up("--reviewed", refused.review.plan);
      writeFileSync(file, program);
      expect(changed.code).toBe(30);
      expect(changed.stderr).toContain("the program or the site file changed since the review");
      expect(readStandIn(host.folder).rootVolume).toBe(150 * GIB);

      const { code, stdout } = await up("--reviewed", refused.review.plan);
      expect(code).toBe(0);
      expect(stdout).toMatch(/approved by somebody until .*: retention-lowered/);
      expect(readStandIn(host.folder).rootVolume).toBe(200 * GIB);
    },
  );

  test("of the same kind a second time is not approved by the same word", { timeout: TIME }, async () => {
    edge.edit([[DOCKER, 3]]);
    expect((await up()).code).toBe(0);
    edge.edit([[DOCKER, 1]]);
    const { code, review } = await reviewed();
    expect(code).toBe(30);
    expect(review.idle).toMatchObject([{ why: expect.stringContaining("is for the plan") as string }]);
    edge.edit([[DOCKER, 3]]);
  });

  test("by a part of the plan needs an approval of the flag", { timeout: TIME }, async () => {
    const { code, stdout } = await up(
      "--target",
      "urn:pulumi:edge-phase-1::twisterlab-edge::pulumi:providers:command::host",
    );
    expect(code).toBe(30);
    expect(stdout).toContain("bypass: --target=urn:pulumi:edge-phase-1");
  });
});

describe("a review that another machine has made", () => {
  let hash: string;
  const forgotten = (): void => {
    rmSync(join(edge.home, ".local/share/twisterlab-edge/reviews"), { recursive: true });
  };

  test("is made anew, and not applied when the plan is another one now", { timeout: TIME }, async () => {
    edge.edit([[DOCKER, 4]]);
    hash = (await reviewed()).review.plan;
    forgotten();
    edge.edit([[DOCKER, 5]]);
    const { code, stderr } = await up("--reviewed", hash);
    expect(stderr).toContain(`and ${hash} was reviewed`);
    expect(code).toBe(30);
  });

  test("is applied when it comes to the same plan", { timeout: TIME }, async () => {
    edge.edit([[DOCKER, 4]]);
    forgotten();
    const { code, stdout } = await up("--reviewed", hash);
    expect(stdout).toContain(`Plan ${hash}`);
    expect(code).toBe(0);
  });
});

describe("the policy pack", () => {
  const broken = async (file: string, text: string | undefined): Promise<Captured> => {
    const path = join(edge.folder, "policies", file);
    const before = readFileSync(path, "utf8");
    try {
      if (text === undefined) {
        rmSync(path);
      } else {
        writeFileSync(path, text);
      }
      return await up();
    } finally {
      writeFileSync(path, before);
    }
  };

  test.each([
    ["is not there", "PulumiPolicy.yaml", undefined, "there is no policy pack in policies/"],
    ["has no program", "main.cjs", undefined, "the policy pack did not run"],
    ["crashes", "main.cjs", 'throw new Error("the pack is broken");\n', "the policy pack did not run"],
    ["ends at once", "main.cjs", "process.exit(0);\n", "the policy pack did not run"],
    ["has no rules", "rules/index.ts", "export const RULES = [];\n", "the policy pack did not run"],
  ])("that %s is a refusal", { timeout: TIME }, async (_, file, text, why) => {
    const { code, stderr } = await broken(file, text);
    expect(stderr).toContain(why);
    expect(code).toBe(30);
  });
});

describe("a state that nobody shares", () => {
  const shared = (PULUMI_BACKEND_URL?: string): Promise<Captured> =>
    edge.npm(["review", "--", "1", "--shared-state"], PULUMI_BACKEND_URL === undefined ? {} : { PULUMI_BACKEND_URL });

  test("of this machine alone is refused", async () => {
    const { code, stderr } = await shared();
    expect(stderr).toContain("--shared-state: no backend is chosen");
    expect(code).toBe(2);
  });

  test("that is empty is refused, and stays empty", async () => {
    const empty = mkdtempSync(join(edge.home, "empty-"));
    const { code, stderr } = await shared(pathToFileURL(empty).href);
    expect(stderr).toMatch(/--shared-state: file:.* has no stack edge-phase-1; is that the backend/);
    expect(code).toBe(2);
    expect(readdirSync(empty, { recursive: true }).filter((name) => String(name).endsWith(".json"))).toEqual([]);
  });

  test("is not what has the stack", { timeout: TIME }, async () => {
    const { code, stderr } = await shared(pathToFileURL(join(edge.home, ".local/share/twisterlab-edge/state")).href);
    expect(stderr).not.toContain("--shared-state");
    expect(code).toBe(0);
  });
});

describe("past our commands", () => {
  const state = (): string =>
    readFileSync(
      join(edge.home, ".local/share/twisterlab-edge/state/.pulumi/stacks/twisterlab-edge/edge-phase-1.json"),
      "utf8",
    );

  test(
    "a bare destroy does not touch what is protected, and a bare up does not take it out",
    { timeout: TIME },
    async () => {
      const { stdout: exports } = await edge.npm(["doctor", "--", "--env"]);
      writeFileSync(join(edge.home, "env.sh"), exports);
      const bare = (command: string): Promise<Captured> =>
        edge.run("bash", [
          "-c",
          `. ${edge.home}/env.sh && pulumi ${command} -s edge-phase-1 --yes --skip-preview --non-interactive`,
        ]);
      const destroyed = await bare("destroy");
      expect(destroyed.code).not.toBe(0);
      expect(destroyed.stdout + destroyed.stderr).toContain("protected");
      expect(state()).toContain("twisterlab:host:LogicalVolume$command:remote:Command::root-volume-apply");
      edge.edit([
        [["twisterlab-edge:phase1", "storage"], { option: "reclaim", reclaim: { images: true, packages: false } }],
      ]);
      const taken = await bare("up");
      expect(taken.code).not.toBe(0);
      expect(taken.stdout + taken.stderr).toContain("protected");
      expect(state()).toContain("twisterlab:host:LogicalVolume$command:remote:Command::root-volume-apply");
      expect(existsSync(join(host.folder, "commands"))).toBe(true);
    },
  );
});
