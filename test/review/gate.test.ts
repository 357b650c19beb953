import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { keepReview, recallReview, reviewScratch, savedPlan, type KeptReview } from "../../cli/reviewStore.ts";
import { approve, proposed, readApprovals, type Approval } from "../../review/approvals.ts";
import { bypassesIn } from "../../review/bypasses.ts";
import { parseDigest, UnreadablePlan } from "../../review/digest.ts";
import { planHash, programHash } from "../../review/hash.ts";
import { pageOf, toMarkdown, toText } from "../../review/page.ts";
import { changesOf } from "../../review/plan.ts";
import { parsePolicyEvents } from "../../review/policyReport.ts";
import { exitCodeOf, type Review } from "../../review/review.ts";
import { judge } from "../../review/rules/index.ts";
import { digestOf, object, planOf, type Digest, type Written } from "./plans.ts";

const ENGINE = "v3.250.0";
const TODAY = "2026-03-01";

const BACKUP: Written = {
  type: "twisterlab:cluster:PostgresBackup",
  name: "postgres-backup",
  old: { retention: 604800 },
  new: { retention: 259200 },
};
const NAMESPACE: Written = { type: "core/v1:Namespace", name: "harbor", old: { metadata: { name: "harbor" } } };

/** A preview that a test falsifies. */
type Edited = Omit<Digest, "steps"> & { steps: Record<string, unknown>[]; [more: string]: unknown };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-review-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("a preview that is not understood to the last step is refused", () => {
  const text = JSON.stringify(digestOf([BACKUP, NAMESPACE]));
  const edited = (edit: (digest: Edited) => void): string => {
    const digest = JSON.parse(text) as Edited;
    edit(digest);
    return JSON.stringify(digest);
  };

  test("as it is, it is understood", () => {
    expect(parseDigest(text, ENGINE)).toHaveLength(3);
    expect(parseDigest(text, "3.249.1")).toHaveLength(3);
  });

  test.each([
    ["empty", "", "it is empty"],
    ["blank", " \n", "it is empty"],
    ["cut off", text.slice(0, -40), "cut off, or more than one"],
    ["two documents", `${text}\n${text}`, "cut off, or more than one"],
    ["something else", '"done"', "expected object"],
    ["without steps", edited((digest) => delete (digest as Partial<Digest>).steps), "steps"],
    ["with no step at all", edited((digest) => (digest.steps = [])), "steps"],
    ["without the summary", edited((digest) => delete (digest as Partial<Digest>).changeSummary), "changeSummary"],
    [
      "one step left out",
      edited((digest) => digest.steps.pop()),
      'it shows 0 steps "delete", and its summary counts 1',
    ],
    ["one step too much", edited((digest) => digest.steps.push(digest.steps[1] ?? {})), 'it shows 2 steps "update"'],
    [
      "the deletion called an update",
      edited((digest) => Object.assign(digest.steps[2] ?? {}, { op: "update" })),
      "update",
    ],
    [
      "an operation that nobody knows",
      edited((digest) => Object.assign(digest.steps[2] ?? {}, { op: "evaporate" })),
      "steps.2.op",
    ],
    [
      "a field that nobody knows",
      edited((digest) => Object.assign(digest.steps[2] ?? {}, { alsoDeletes: "x" })),
      "alsoDeletes",
    ],
    ["another field on top", edited((digest) => (digest["more"] = true)), "more"],
    ["a state that may be corrupt", edited((digest) => (digest["maybeCorrupt"] = true)), "maybeCorrupt"],
    [
      "an address that is none",
      edited((digest) => Object.assign(digest.steps[2] ?? {}, { urn: "harbor" })),
      "steps.2.urn",
    ],
    [
      "without the stack itself",
      JSON.stringify({ ...JSON.parse(text), steps: (JSON.parse(text) as Digest).steps.slice(1) }),
      "no step for the stack",
    ],
  ])("%s", (_, digest, words) => {
    expect(() => parseDigest(digest, ENGINE)).toThrow(UnreadablePlan);
    expect(() => parseDigest(digest, ENGINE)).toThrow(words);
  });

  test.each(["v3.251.0", "v4.0.0", "", "unknown"])("of engine %j", (engine) => {
    expect(() => parseDigest(text, engine)).toThrow(/engine/);
  });

  test("a step without the state that a rule would need", () => {
    const without = edited((digest) => delete digest.steps[1]?.["oldState"]);
    expect(() => changesOf(parseDigest(without, ENGINE))).toThrow("its old state is not shown");
  });

  test("steps in another order are the same plan", () => {
    const turned = edited((digest) => digest.steps.push(...digest.steps.splice(1, 1)));
    const origin = { program: "p", state: "s" };
    const hashes = [text, turned].map((each) => planHash(changesOf(parseDigest(each, ENGINE)), origin));
    expect(new Set(hashes).size).toBe(1);
  });

  test("a step that is hidden among those of a refresh is missed by the summary", () => {
    const hidden = edited((digest) => {
      const root = digest.steps[0];
      digest.steps = [{ ...root, op: "refresh" }, ...digest.steps.splice(2, 1), ...digest.steps];
    });
    expect(() => parseDigest(hidden, ENGINE)).toThrow('it shows 0 steps "delete", and its summary counts 1');
  });
});

describe("the hash of a plan", () => {
  const origin = { program: "p", state: "s" };
  const hash = (written: Written[], more = origin): string => planHash(planOf(written).changes, more);

  test("is another one for another value, step, protection, program or state", () => {
    const others = [
      hash([BACKUP]),
      hash([{ ...BACKUP, new: { retention: 86400 } }]),
      hash([{ ...BACKUP, old: { retention: 1209600 } }]),
      hash([BACKUP, NAMESPACE]),
      hash([{ ...BACKUP, protect: { old: true, new: true } }]),
      hash([{ ...BACKUP, retainOnDelete: true }]),
      hash([BACKUP], { ...origin, program: "q" }),
      hash([BACKUP], { ...origin, state: "t" }),
    ];
    expect(new Set(others).size).toBe(others.length);
    expect(hash([BACKUP])).toBe(others[0]);
  });

  test("of the program is that of its content, in every folder of it", () => {
    const site = join(folder, "Pulumi.edge.yaml");
    mkdirSync(join(folder, "phases"));
    mkdirSync(join(folder, "components/host"), { recursive: true });
    const files = [
      "index.ts",
      "phases/a.ts",
      "components/host/b.ts",
      "Pulumi.yaml",
      "Pulumi.edge.yaml",
      "package-lock.json",
    ];
    for (const file of files) {
      writeFileSync(join(folder, file), file);
    }
    const first = programHash(folder, site);
    for (const file of files) {
      writeFileSync(join(folder, file), `${file} `);
      expect(programHash(folder, site)).not.toBe(first);
      writeFileSync(join(folder, file), file);
    }
    writeFileSync(join(folder, "README.md"), "of no account");
    expect(programHash(folder, site)).toBe(first);
  });
});

describe("an approval", () => {
  const plan = planOf([BACKUP, NAMESPACE]);
  const findings = judge(plan);
  const hash = planHash(plan.changes, { program: "p", state: "s" });
  const one: Approval = {
    rule: "retention-lowered",
    resource: findings.find(({ rule }) => rule === "retention-lowered")?.resource ?? "",
    plan: hash,
    reason: "the disk is full, and restic has the rest",
    by: "anna",
    until: "2026-03-08",
  };
  const verdict = (...approvals: Approval[]) => approve(findings, approvals, { plan: hash, today: TODAY });

  test("counts for its rule and its resource, and for nothing else", () => {
    const { refused, approved, idle } = verdict(one);
    expect(approved.map(({ finding }) => finding.rule)).toEqual(["retention-lowered"]);
    expect(refused.map(({ rule }) => rule)).toEqual(["stateful-destroy"]);
    expect(idle).toEqual([]);
  });

  test.each([
    ["that has expired", { until: "2026-02-28" }, "has expired"],
    ["for half a year", { until: "2026-09-01" }, "more than 31 days"],
    ["for another plan", { plan: "0".repeat(64) }, "is for the plan 000000000000"],
    ["for another resource", { resource: "urn:pulumi:x" }, "approves what no rule objects to"],
    ["for another rule", { rule: "version-path" }, "approves what no rule objects to"],
  ])("%s approves nothing, and is reported", (_, change, why) => {
    const { refused, idle } = verdict({ ...one, ...change });
    expect(refused).toHaveLength(findings.length);
    expect(idle).toMatchObject([{ why: expect.stringContaining(why) as string }]);
  });

  test("counts on its last day", () => {
    expect(verdict({ ...one, until: TODAY }).approved).toHaveLength(1);
  });

  test("counts once: after the up that it was for, the state is another one", () => {
    const after = planHash(plan.changes, { program: "p", state: "the state after it" });
    expect(approve(findings, [one], { plan: after, today: TODAY }).refused).toHaveLength(findings.length);
  });

  test("is of no use against what up itself would stop at", () => {
    const steps: Written[] = [{ ...NAMESPACE, protect: { old: true } }];
    const final = judge(planOf(steps)).filter((finding) => finding.rule === "unprotect");
    const word = { ...one, rule: "unprotect", resource: final[0]?.resource ?? "" };
    expect(approve(final, [word], { plan: hash, today: TODAY })).toMatchObject({
      refused: [{ rule: "unprotect" }],
      idle: [{ why: "approves what cannot be approved" }],
    });
  });

  test("is proposed as lines that are taken once a reason and a name are there", () => {
    const file = join(folder, "approvals.edge.yaml");
    const lines = `approvals:\n${proposed(findings, hash, TODAY)}\n`;
    writeFileSync(file, lines);
    expect(() => readApprovals(file)).toThrow(/approvals\[0\]\.reason.*\n.*approvals\[0\]\.by/);
    writeFileSync(
      file,
      lines.replaceAll("reason:", "reason: it is meant, see the minutes").replaceAll("by:", "by: anna"),
    );
    expect(approve(findings, readApprovals(file), { plan: hash, today: TODAY }).refused).toEqual([]);
  });
});

describe("the file of approvals", () => {
  const read = (text: string): Approval[] => {
    writeFileSync(join(folder, "approvals.edge.yaml"), text);
    return readApprovals(join(folder, "approvals.edge.yaml"));
  };

  test("is not needed, and may be empty of entries", () => {
    expect(readApprovals(join(folder, "approvals.garage.yaml"))).toEqual([]);
    expect(read("approvals: []\n")).toEqual([]);
  });

  test("with faults approves nothing, and all of them are told at once", () => {
    const text = `approvals:
  - rule: everything
    resource: all
    plan: latest
    reason: ok
    by: ""
    until: soon
    forever: true
`;
    const keys = ["rule", "resource", "plan", "reason", "by", "until"];
    for (const key of keys) {
      expect(() => read(text)).toThrow(`approvals[0].${key}`);
    }
    expect(() => read(text)).toThrow("forever");
  });

  test.each([
    ["is no YAML", "approvals: [", "YAML"],
    ["has a key twice", "approvals: []\napprovals: []\n", "YAML"],
    ["has nothing of it", "{}\n", "approvals"],
    ["is empty", "", "approvals"],
  ])("that %s is refused", (_, text, words) => {
    expect(() => read(text)).toThrow(words);
  });
});

test.each([
  [["--target", "urn:x"], {}, ["--target=urn:x"]],
  [["--target=urn:x", "--yes"], {}, ["--target=urn:x"]],
  [["-t", "urn:x"], {}, ["--target=urn:x"]],
  [["-yt", "urn:x"], {}, ["--target=urn:x"]],
  [["--exclude=urn:x"], {}, ["--exclude=urn:x"]],
  [["--replace", "urn:x"], {}, ["--replace=urn:x"]],
  [["--ignore-protect"], {}, ["--ignore-protect"]],
  [["--continue-on-error=true"], {}, ["--continue-on-error"]],
  [["--continue-on-error=false"], {}, []],
  [["--yes", "--skip-preview", "-f", "--diff", "--refresh", "--parallel=4", "--message", "x"], {}, []],
  [[], { PULUMI_OPTION_TARGET: "urn:x" }, ["PULUMI_OPTION_TARGET"]],
  [
    [],
    { PULUMI_OPTION_IGNORE_PROTECT: "1", PULUMI_CONTINUE_ON_ERROR: "true" },
    ["PULUMI_CONTINUE_ON_ERROR", "PULUMI_OPTION_IGNORE_PROTECT"],
  ],
  [[], { PULUMI_NODEJS_SKIP_COMPONENT_INPUTS: "true" }, ["PULUMI_NODEJS_SKIP_COMPONENT_INPUTS"]],
  [
    [],
    { PULUMI_OPTION_CONFIG_FILE: "x", PULUMI_CONTINUE_ON_ERROR: "false", PULUMI_HOME: "/x", PULUMI_RUN_PROGRAM: "" },
    [],
  ],
])("%j with %j goes round by %j", (flags, environment, found) => {
  expect(bypassesIn(flags, environment)).toEqual(found);
});

describe("the words of the policy pack", () => {
  const asked = (passed: string[], failed: string[] = []): string =>
    JSON.stringify({
      policyAnalyzeSummaryEvent: { policyPackName: "edge", policyPackVersion: "1.0.0", passed, failed },
    });
  const ran = asked(["no-root"]);
  const said = (enforcementLevel: string): string =>
    JSON.stringify({
      policyEvent: {
        policyName: "no-root",
        policyPackName: "edge",
        message: "Refused: root.\nruns\nas root",
        enforcementLevel,
        resourceUrn: "urn:pulumi:s::p::t::n",
      },
    });

  test("refuse, or advise; a level that nobody knows refuses", () => {
    const report = parsePolicyEvents([ran, said("advisory"), said("mandatory"), said("fatal"), ""].join("\n"), [
      "no-root",
      "of the stack, which is asked last",
    ]);
    expect(report).toMatchObject({
      packs: ["edge 1.0.0", "edge"],
      advice: ["no-root: runs as root"],
      refused: [{ rule: "policy no-root", called: "n", final: true }, { rule: "policy no-root" }],
    });
  });

  test.each([
    ["", "no policy"],
    ['{"summaryEvent":{}}', "no policy"],
    ["{", "JSON"],
    [ran, "1 of its rules were not asked, no-host-path among them"],
  ])("that are none are no consent: %j", (log, words) => {
    expect(() => parsePolicyEvents(log, ["no-root", "no-host-path"])).toThrow(words);
  });

  test("may come from several looks: at each resource, and at the stack", () => {
    const log = [ran, asked([], ["no-host-path"])].join("\n");
    expect(parsePolicyEvents(log, ["no-root", "no-host-path"]).refused).toEqual([]);
  });
});

describe("the page", () => {
  /** The command of the item that differs. */
  const GROWS: Written = {
    type: "command:remote:Command",
    name: "root-volume-apply",
    within: ["twisterlab:host:LogicalVolume"],
    old: { create: "grow --revision 1" },
    new: { create: "grow --revision 2" },
  };
  const review = (others: Written[], more: Partial<Review> = {}): Review => {
    const written = [...others, GROWS];
    const plan = planOf(written, {
      items: [
        {
          name: "root-volume",
          state: "differs",
          sentence: "/dev/a has 100 GiB, wanted 150 GiB",
          wanted: "w",
          observed: "o",
          why: "there is need of it",
          revision: 2,
          undo: "cannot be undone",
        },
        {
          name: "motd",
          state: "in sync",
          sentence: "is",
          wanted: "w",
          observed: "o",
          why: "w",
          revision: 1,
          undo: "u",
        },
      ],
    });
    return {
      title: "phase 1, foundation",
      plan,
      hash: "a".repeat(64),
      verdict: approve(judge(plan), [], { plan: "a".repeat(64), today: TODAY }),
      readiness: { gaps: [] },
      ...more,
    };
  };
  const missing = { gaps: [{ what: "host.ssh.hostKey: the key", howToFind: "cat it", blocks: true }] };

  test("says what happens to the host, what is in sync, and how it is taken back", () => {
    const text = toText(pageOf(review([]), TODAY));
    expect(text).toContain("Review of phase 1, foundation (edge-phase-1)\n\nMay be applied. ");
    expect(text).toContain(
      "  - root-volume (differs): /dev/a has 100 GiB, wanted 150 GiB\n      because there is need of it",
    );
    expect(text).toContain("  - in sync, so that nothing happens to them: 1");
    expect(text).toContain("Going back:\n  - root-volume: cannot be undone");
    expect(text).toContain(`npm run up -- 1 --reviewed ${"a".repeat(64)}`);
  });

  test("keeps what is unsafe apart from what is not ready, and unsafe comes first", () => {
    const unready = review([], { readiness: missing });
    expect(exitCodeOf(unready)).toBe(31);
    expect(toText(pageOf(unready, TODAY))).toMatch(
      /NOT READY: [^]*Not ready:\n {2}- missing: host\.ssh\.hostKey: the key\n {6}find it: cat it/,
    );
    const both = review([BACKUP], { readiness: missing });
    expect(exitCodeOf(both)).toBe(30);
    expect(toText(pageOf(both, TODAY))).toMatch(/REFUSED as unsafe for 1 reason[^]*Refused:[^]*Not ready:/);
    expect(exitCodeOf(review([], { readiness: { gaps: [], host: "it is off" } }))).toBe(31);
    expect(exitCodeOf(review([], { readiness: { gaps: [], cluster: "it is off" } }))).toBe(31);
    expect(exitCodeOf(review([]))).toBe(0);
  });

  test("shows old and new values, the way out, and the lines of an approval", () => {
    const text = toText(pageOf(review([BACKUP]), TODAY));
    expect(text).toContain(
      "retention-lowered: postgres-backup: backups are kept for less time\n      retention: 604800 (7 days) -> 259200 (3 days)\n      way out: ",
    );
    expect(text).toContain("approvals.edge.yaml");
    expect(text).toContain(
      `          plan: ${"a".repeat(64)}\n          reason:\n          by:\n          until: 2026-03-08`,
    );
    expect(text).not.toContain("--reviewed");
  });

  test("shows no secret, and of a long value its beginning", () => {
    const steps: Written[] = [
      {
        type: "core/v1:ConfigMap",
        name: "a",
        old: object("ConfigMap", "a", { data: { password: "[secret]", text: "x".repeat(500), why: 1 } }),
        new: object("ConfigMap", "a", { data: { password: "[secret]", text: "y".repeat(500), why: 2 } }),
      },
    ];
    const text = toText(pageOf(review(steps), TODAY));
    expect(text).toContain(`data.text: ${"x".repeat(97)}... -> ${"y".repeat(97)}...`);
    expect(text).not.toContain("password");
  });

  test("shows the lines of a file that change, the old beside the new, and JSON by its keys", () => {
    const steps: Written[] = [
      {
        type: "twisterlab:host:HostFile",
        name: "a",
        old: { path: "/etc/a", content: ["one", "two", "three", "four"] },
        new: { path: "/etc/a", content: ["one", "2", "three", "four", "five"] },
      },
      {
        type: "twisterlab:host:HostFile",
        name: "b",
        old: { path: "/etc/b", content: '{"a": 1, "b": [1]}' },
        new: { path: "/etc/b", content: '{"a": 1, "b": [2]}' },
      },
    ];
    const text = toText(pageOf(review(steps), TODAY));
    expect(text).toContain("      content: two -> 2\n      content: (nothing) -> five\n");
    expect(text).toContain("      content.b[0]: 1 -> 2\n");
  });

  test("as Markdown has nothing in it that a value could turn into markup, or into a call of somebody", () => {
    const steps: Written[] = [
      {
        type: "core/v1:ConfigMap",
        name: "a",
        old: object("ConfigMap", "a", { data: { x: "`<b>`" } }),
        new: object("ConfigMap", "a", { data: { x: "| @anna **b** ``` <script>" } }),
      },
      { type: "core/v1:Namespace", name: "b", old: { metadata: { name: "<img> @bob" } } },
    ];
    const markdown = toMarkdown(pageOf(review(steps), TODAY));
    expect(markdown).toContain("  - `data.x`: `` `<b>` `` → ```` | @anna **b** ``` <script> ````");
    expect(markdown).toContain(String.raw`\<img\> &#64;bob`);
    expect(markdown).toContain("### Refused\n\n- ");
    expect(markdown).toContain("  ```yaml\n  approvals:");
  });

  test("of a destroy lists what goes and what stays", () => {
    const destroyed = review([
      NAMESPACE,
      { type: "core/v1:Namespace", name: "kept", op: "same", old: {}, new: {}, protect: { old: true, new: true } },
    ]);
    const text = toText(pageOf({ ...destroyed, plan: { ...destroyed.plan, destroys: true, items: [] } }, TODAY));
    expect(text).toContain("Deleted:\n  - Namespace harbor");
    expect(text).toContain("Stays as it is:\n  - kept (protected)");
    expect(text).toContain("stateful-destroy: Namespace harbor");
  });
});

describe("reviews that are kept", () => {
  const kept: KeptReview = {
    stack: "edge-phase-1",
    origin: { program: "p", state: "s" },
    engine: ENGINE,
    flags: [],
    digest: "{}",
    program: { items: [], cluster: { refusals: [], notes: [], objects: [] } },
    readiness: { gaps: [] },
    policies: { packs: ["twisterlab-edge 0.1.0"], advice: [], refused: [] },
  };
  const hashOf = (digit: number): string => String(digit).repeat(64);
  const keep = (digit: number): string => {
    const scratch = reviewScratch(kept.stack);
    writeFileSync(savedPlan(scratch), "{}");
    return keepReview(scratch, hashOf(digit), kept);
  };
  beforeEach(() => {
    vi.stubEnv("XDG_DATA_HOME", folder);
  });

  test("are for their owner alone, and come back by their hash", () => {
    const plan = keep(1);
    expect(statSync(plan).mode & 0o777).toBe(0o600);
    const reviews = join(folder, "twisterlab-edge/reviews/edge-phase-1");
    expect(statSync(reviews).mode & 0o777).toBe(0o700);
    expect(statSync(join(reviews, hashOf(1), "review.json")).mode & 0o777).toBe(0o600);
    expect(recallReview(kept.stack, hashOf(1))).toEqual({ kept, plan });
    expect(readFileSync(plan, "utf8")).toBe("{}");
  });

  test("are few: the oldest go, and the one that was just made never", () => {
    for (const digit of [1, 2, 3, 4, 5, 6, 7]) {
      const plan = keep(digit);
      utimesSync(join(plan, ".."), digit, digit);
    }
    const left = readdirSync(join(folder, "twisterlab-edge/reviews/edge-phase-1"));
    expect(left.sort()).toEqual([3, 4, 5, 6, 7].map(hashOf));
  });

  test("one that is not there is none", () => {
    keep(1);
    expect(recallReview(kept.stack, hashOf(9))).toBeUndefined();
  });

  test.each(["../../state", "", "abc"])("what is no hash is refused: %j", (hash) => {
    expect(() => recallReview(kept.stack, hash)).toThrow("must be the hash of a plan");
  });
});
