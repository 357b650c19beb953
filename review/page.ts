import type { Restart } from "../components/host/plan.ts";
import { changedFields, type FieldChange } from "./fields.ts";
import { called, type Change, isChanged, isDeleted, isInternal, isReplaced, kindOf } from "./plan.ts";
import { proposed } from "./approvals.ts";
import { exitCodeOf, REVIEW, type Review } from "./review.ts";
import { restartsOf } from "./rules/changeBudget.ts";
import type { RuledFinding } from "./rules/index.ts";
import { textAt } from "./values.ts";

/** A part of a page: a heading with lines under it, each with more of its own. */
export interface Section {
  heading: string;
  lines: Line[];
}

interface Line {
  text: string;
  details?: (string | FieldChange)[];
  /** To be taken over as it is. */
  verbatim?: string;
}

export interface Page {
  title: string;
  /** What came of it, in one sentence. */
  verdict: string;
  sections: Section[];
  hash: string;
}

/** What a reviewer reads, in the order in which it is read: what is wrong, what happens, what it costs, how it is taken back. */
export function pageOf(review: Review, today: string): Page {
  const { plan } = review;
  const sections = [
    refused(review, today),
    notReady(review),
    hostItems(review),
    takenBack(review),
    ...resources(plan.changes),
    stays(review),
    restarts(review),
    goingBack(review),
    approvals(review),
    policies(review),
    next(review),
  ];
  return {
    title: `Review of ${plan.destroys ? "the destroy of " : ""}${review.title} (${plan.stack})`,
    verdict: verdictOf(review),
    sections: sections.filter(({ lines }) => lines.length > 0),
    hash: review.hash,
  };
}

function verdictOf(review: Review): string {
  const { refused: findings, approved } = review.verdict;
  const counts = summary(review.plan.changes);
  switch (exitCodeOf(review)) {
    case REVIEW.refused: {
      const undecided = findings.filter((each) => each.undecided === true).length;
      const how = undecided > 0 ? `, ${undecided} of them because it cannot be decided` : "";
      return `REFUSED as unsafe for ${findings.length} ${findings.length === 1 ? "reason" : "reasons"}${how}. ${counts}`;
    }
    case REVIEW.notReady:
      return `NOT READY: nothing unsafe was found, and what has to be known first is not. ${counts}`;
    default:
      return `May be applied${approved.length === 0 ? "" : `, with ${approved.length} approved ${approved.length === 1 ? "change" : "changes"}`}. ${counts}`;
  }
}

function summary(changes: readonly Change[]): string {
  const own = changes.filter((change) => !isInternal(change));
  const count = (test: (change: Change) => boolean): number => own.filter(test).length;
  const created = count(({ ops }) => ops.has("create") || ops.has("import"));
  const parts = [
    [created, "created"],
    [count(({ ops }) => ops.has("update")), "changed"],
    [count(isReplaced), "replaced"],
    [count(isDeleted), "deleted"],
    [count(({ ops }) => ops.has("same")), "left as they are"],
  ] as const;
  return `Resources: ${parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(", ")}.`;
}

function refused({ verdict, hash, plan }: Review, today: string): Section {
  const lines = verdict.refused.map(findingLine);
  const entries = proposed(verdict.refused, hash, today);
  const site = plan.stack.replace(/-phase-\d+$/, "");
  const how: Line[] =
    entries === ""
      ? []
      : [
          {
            text: `Or another person takes it on: the entries for approvals.${site}.yaml, each with a reason and a name`,
            verbatim: `approvals:\n${entries}`,
          },
        ];
  return { heading: "Refused", lines: lines.length === 0 ? [] : [...lines, ...how] };
}

function findingLine({ rule, called: what, field, old, new: next, why, wayOut }: RuledFinding): Line {
  return {
    text: `${rule}: ${what}: ${why}`,
    details: [
      ...(field === undefined || old === undefined || next === undefined ? [] : [{ field, old, new: next }]),
      `way out: ${wayOut}`,
    ],
  };
}

function notReady({ readiness: { gaps, host, cluster } }: Review): Section {
  return {
    heading: "Not ready",
    lines: [
      ...gaps.map(({ what, howToFind }) => ({ text: `missing: ${what}`, details: [`find it: ${howToFind}`] })),
      ...(host === undefined ? [] : [{ text: `host not read: ${host}. What it has now is not compared.` }]),
      ...(cluster === undefined
        ? []
        : [{ text: `cluster not read: ${cluster}. Its objects are compared with the last known state alone.` }]),
    ],
  };
}

function hostItems({ plan: { items } }: Review): Section {
  const inSync = items.filter(({ state }) => state === "in sync").length;
  const lines = items
    .filter(({ state }) => state !== "in sync")
    .map(({ name, state, sentence, why, notes = [] }) => ({
      text: `${name} (${state}): ${sentence}`,
      details: [`because ${why}`, ...notes.map((note) => `note: ${note}`)],
    }));
  const rest = inSync === 0 ? [] : [{ text: `in sync, so that nothing happens to them: ${inSync}` }];
  return { heading: "On the host, in this order", lines: [...lines, ...rest] };
}

/** Host items that go: by their commands, because the program says nothing of them any more. */
function takenBack({ plan: { changes } }: Review): Section {
  const lines = changes
    .filter(
      (change) => isDeleted(change) && change.type === "command:remote:Command" && !change.name.endsWith("-confirm"),
    )
    .map((change) => {
      const undo = textAt(change.old?.inputs, "delete");
      const name = change.name.replace(/-(apply|install)$/, "");
      return {
        text: `${name}: ${undo === undefined ? "nothing is done on the host, what it did stays" : "what was there before comes back"}`,
        details: undo === undefined ? [] : [`by ${undo}`],
      };
    });
  return { heading: "Taken back on the host", lines };
}

function resources(changes: readonly Change[]): Section[] {
  const own = changes.filter((change) => !isInternal(change) && !isItem(change));
  const section = (heading: string, test: (change: Change) => boolean, withFields: boolean): Section => ({
    heading,
    lines: own
      .filter(test)
      .map((change) => ({ text: describe(change), ...(withFields ? { details: fields(change) } : {}) })),
  });
  return [
    section("Deleted", isDeleted, false),
    section("Replaced: the old one goes", isReplaced, true),
    section("Changed", ({ ops }) => ops.has("update"), true),
    section(
      "Protection changes",
      ({ ops, old, new: after }) => ops.has("same") && old?.protect !== after?.protect,
      true,
    ),
    section("Created", ({ ops }) => ops.has("create") || ops.has("import"), false),
  ];
}

/** What a destroy spares. */
function stays({ plan: { changes, destroys } }: Review): Section {
  const left = changes.filter((change) => destroys && change.ops.has("same") && !isInternal(change));
  return {
    heading: "Stays as it is",
    lines: left.map((change) => ({
      text: `${describe(change)}${change.old?.protect === true ? "" : ": what stays needs it"}`,
    })),
  };
}

/** A command of a host item: the item's own sentence says more. */
function isItem({ type, within }: Change): boolean {
  return type === "command:remote:Command" && within.some((each) => each.startsWith("twisterlab:host:"));
}

function describe(change: Change): string {
  const kept =
    isDeleted(change) && change.old?.retainOnDelete === true ? " (stays where it is, without this program)" : "";
  const guarded = (change.new ?? change.old)?.protect === true ? " (protected)" : "";
  return kindOf(change) === undefined
    ? `${change.type} ${change.name}${guarded}${kept}`
    : `${called(change)}${guarded}${kept}`;
}

function fields(change: Change): (string | FieldChange)[] {
  const { fields: changed, more } = changedFields(change);
  const { old, new: next } = change;
  const protection =
    old?.protect === next?.protect
      ? []
      : [{ field: "protect", old: String(old?.protect === true), new: String(next?.protect === true) }];
  return [...protection, ...changed, ...(more > 0 ? [`and ${more} more`] : [])];
}

function restarts({ plan }: Review): Section {
  const found = plan.changes.flatMap((change) =>
    restartsOf(change, plan).map((restart) => ({ name: change.name.replace(/-apply$/, ""), restart })),
  );
  const byService = Map.groupBy(found, ({ restart }) => restart.service);
  return {
    heading: "Services that are away for a while",
    lines: [...byService].map(([service, all]) => ({
      text: `${service}: ${[...new Set(all.map(({ restart }) => describeRestart(restart)))].join("; ")}`,
      details: [`for ${[...new Set(all.map(({ name }) => name))].join(", ")}`],
    })),
  };
}

function describeRestart({ seconds, meanwhile }: Restart): string {
  const time =
    seconds === undefined
      ? "for as long as the copying takes"
      : `some seconds when it goes well; after ${seconds} s at most the old state is brought back`;
  return `${time}; ${meanwhile}`;
}

function goingBack({ plan: { items, changes, destroys } }: Review): Section {
  if (destroys) {
    return { heading: "Going back", lines: [{ text: "by an `up` of the same phase, which makes everything anew" }] };
  }
  const applied = new Set(changes.filter(isChanged).map(({ name }) => name.replace(/-(apply|install)$/, "")));
  const ofHost = items.filter(({ name }) => applied.has(name)).map(({ name, undo }) => ({ text: `${name}: ${undo}` }));
  const objects = changes.filter((change) => isChanged(change) && kindOf(change) !== undefined);
  const count = (test: (change: Change) => boolean): number => objects.filter(test).length;
  const [made, changed] = [count(({ ops }) => ops.has("create")), count(({ ops }) => ops.has("update"))];
  const gone = objects.filter((change) => isDeleted(change) || isReplaced(change)).map(called);
  return {
    heading: "Going back",
    lines: [
      ...ofHost,
      ...(made > 0 ? [{ text: `new objects (${made}): taking them out of the site file deletes them` }] : []),
      ...(changed > 0 ? [{ text: `changed objects (${changed}): the site file of before, and another up` }] : []),
      ...(gone.length > 0 ? [{ text: `${gone.join(", ")}: can be made again, without what was in them` }] : []),
    ],
  };
}

function approvals({ verdict: { approved, idle } }: Review): Section {
  return {
    heading: "Approvals",
    lines: [
      ...approved.map(({ finding: { rule, called: what, why }, approval }) => ({
        text: `approved by ${approval.by} until ${approval.until}: ${rule}: ${what}: ${why}`,
        details: [`reason: ${approval.reason}`],
      })),
      ...idle.map(({ approval, why }) => ({
        text: `without effect: ${approval.rule} for ${approval.resource.split("::").at(-1) ?? approval.resource}, by ${approval.by}: it ${why}`,
      })),
    ],
  };
}

function policies({ policies: report }: Review): Section {
  return {
    heading: "Policies",
    lines:
      report === undefined
        ? []
        : [
            { text: `asked: ${report.packs.join(", ")}` },
            ...report.advice.map((text) => ({ text: `advised: ${text}` })),
          ],
  };
}

function next(review: Review): Section {
  const phase = /-phase-(\d+)$/.exec(review.plan.stack)?.[1] ?? "";
  const verb = review.plan.destroys ? "destroy" : "up";
  const reviewed = review.plan.destroys ? "" : ` --reviewed ${review.hash}`;
  return {
    heading: "Next",
    lines: exitCodeOf(review) === REVIEW.mayBeApplied ? [{ text: `npm run ${verb} -- ${phase}${reviewed}` }] : [],
  };
}

/** The page for a terminal. */
export function toText({ title, verdict, sections, hash }: Page): string {
  const body = sections.map(({ heading, lines }) =>
    [
      `${heading}:`,
      ...lines.flatMap(({ text, details = [], verbatim }) => [
        `  - ${text}`,
        ...details.map(
          (detail) =>
            `      ${typeof detail === "string" ? detail : `${detail.field}: ${detail.old || "(nothing)"} -> ${detail.new || "(nothing)"}`}`,
        ),
        ...(verbatim === undefined ? [] : [verbatim.replaceAll(/^/gm, "      ")]),
      ]),
    ].join("\n"),
  );
  return `${[title, verdict, ...body, `Plan ${hash}`].join("\n\n")}\n`;
}

/** The page for a pull request. Values stand in code, so that nothing in them is taken for markup. */
export function toMarkdown({ title, verdict, sections, hash }: Page): string {
  const body = sections.map(({ heading, lines }) =>
    [
      `### ${plain(heading)}`,
      "",
      ...lines.flatMap(({ text, details = [], verbatim }) => [
        `- ${plain(text)}`,
        ...details.map((detail) =>
          typeof detail === "string"
            ? `  - ${plain(detail)}`
            : `  - ${code(detail.field)}: ${code(detail.old || "(nothing)")} → ${code(detail.new || "(nothing)")}`,
        ),
        ...(verbatim === undefined
          ? []
          : ["", ...["```yaml", ...verbatim.split("\n"), "```"].map((line) => `  ${line}`)]),
      ]),
    ].join("\n"),
  );
  return `${[`## ${plain(title)}`, `**${plain(verdict)}**`, ...body, `Plan ${code(hash)}`].join("\n\n")}\n`;
}

/** Text in which nothing is markup, and nobody is called by an @. */
function plain(text: string): string {
  return text
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll(/[\\`*_[\]<>|#~]/g, String.raw`\$&`)
    .replaceAll("@", "&#64;");
}

/** A value as code, whatever backticks are in it. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 ? " " : "";
  return `${fence}${pad}${text.replaceAll("\n", " ")}${pad}${fence}`;
}
