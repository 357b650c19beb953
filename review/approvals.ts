import { existsSync, readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import * as z from "zod";
import { keyOf, SettingsError } from "../components/settings/faults.ts";
import { RULES, type RuledFinding } from "./rules/index.ts";

/** A person's word that one finding in one plan is meant. */
export interface Approval {
  rule: string;
  /** URN of the resource; of the rule `bypass`, the flag. */
  resource: string;
  /** Hash of the plan, which a review prints. */
  plan: string;
  reason: string;
  /** Who says so. */
  by: string;
  /** Last day on which it counts, by the clock in UTC. */
  until: string;
}

/** What became of the findings. */
export interface Verdict {
  /** Findings that nobody approved. */
  refused: RuledFinding[];
  approved: { finding: RuledFinding; approval: Approval }[];
  /** Approvals that do nothing for this plan, and why. */
  idle: { approval: Approval; why: string }[];
}

/** The longest time for which an approval counts, in days: what is not applied by then is looked at again. Our choice. */
const LONGEST = 31;

const words = (what: string, least: number) =>
  z.string({ error: `must be ${what}` }).refine((text) => text.trim().length >= least, `is too short for ${what}`);

const approval = z.strictObject({
  rule: z.enum(
    RULES.map(({ name }) => name),
    { error: ({ input }) => `is no rule (${String(input)}); there are ${RULES.map(({ name }) => name).join(", ")}` },
  ),
  resource: z
    .string({ error: "must be a URN, or the flag that `bypass` is about" })
    .regex(/^(urn:pulumi:|--?[a-z]|[A-Z_]+=?)/, "must be a URN, or the flag that `bypass` is about"),
  plan: z
    .string({ error: "must be the hash of the plan, which `npm run review` prints" })
    .regex(/^[0-9a-f]{64}$/, "must be the hash of the plan, 64 hexadecimal digits, which `npm run review` prints"),
  reason: words("the reason, in words that another person understands", 10),
  by: words("the name of the person who approves", 2),
  until: z.iso.date({ error: "must be a day, like 2026-03-31" }),
});

const file = z.strictObject({ approvals: z.array(approval) });

/**
 * The approvals of a site, `approvals.<site>.yaml`; none when there is no such file.
 * @throws SettingsError with every fault at once. A file that is not understood approves nothing.
 */
export function readApprovals(path: string): Approval[] {
  if (!existsSync(path)) {
    return [];
  }
  const document = parseDocument(readFileSync(path, "utf8"), { uniqueKeys: true });
  if (document.errors.length > 0) {
    const reasons = document.errors.map(({ message }) => ({ key: "YAML", reason: message.split("\n")[0] ?? "" }));
    throw new SettingsError(path, reasons);
  }
  const parsed = file.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) {
    throw new SettingsError(
      path,
      parsed.error.issues.map(({ path: [section = "approvals", ...rest], message }) => ({
        key: keyOf(String(section), rest),
        reason: message,
      })),
    );
  }
  return parsed.data.approvals;
}

/**
 * Which findings are approved. An approval counts for one rule, one resource and one plan, up to its day, and never for what
 * `up` itself would stop at.
 * @param today as `2026-03-31`, in UTC.
 */
export function approve(
  findings: readonly RuledFinding[],
  approvals: readonly Approval[],
  { plan, today }: { plan: string; today: string },
): Verdict {
  const whyIdle = (each: Approval): string | undefined => {
    if (each.until < today) {
      return `has expired on ${each.until}`;
    }
    if (daysBetween(today, each.until) > LONGEST) {
      return `counts until ${each.until}, which is more than ${LONGEST} days from now: nobody knows that much before`;
    }
    if (each.plan !== plan) {
      return `is for the plan ${each.plan.slice(0, 12)}: used since, or the program, the site file or the state has changed`;
    }
    const about = findings.filter(({ rule, resource }) => rule === each.rule && resource === each.resource);
    if (about.length === 0) {
      return "approves what no rule objects to";
    }
    return about.every(({ final }) => final === true) ? "approves what cannot be approved" : undefined;
  };
  const judged = approvals.map((each) => ({ approval: each, why: whyIdle(each) }));
  const counting = judged.filter(({ why }) => why === undefined).map(({ approval: each }) => each);
  const match = ({ rule, resource, final }: RuledFinding): Approval | undefined =>
    final === true ? undefined : counting.find((each) => each.rule === rule && each.resource === resource);
  return {
    refused: findings.filter((finding) => match(finding) === undefined),
    approved: findings.flatMap((finding) => {
      const found = match(finding);
      return found === undefined ? [] : [{ finding, approval: found }];
    }),
    idle: judged.flatMap(({ approval: each, why }) => (why === undefined ? [] : [{ approval: each, why }])),
  };
}

/** The lines to put into the file for what was refused, once somebody has a reason. */
export function proposed(refused: readonly RuledFinding[], plan: string, today: string): string {
  const open = refused.filter(({ final }) => final !== true);
  const unique = [...new Map(open.map((each) => [`${each.rule} ${each.resource}`, each])).values()];
  const until = new Date(Date.parse(today) + 7 * DAY).toISOString().slice(0, 10);
  return unique
    .map(({ rule, resource }) =>
      [
        `  - rule: ${rule}`,
        `    resource: ${JSON.stringify(resource)}`,
        `    plan: ${plan}`,
        "    reason:",
        "    by:",
        `    until: ${until}`,
      ].join("\n"),
    )
    .join("\n");
}

const DAY = 24 * 60 * 60 * 1000;

function daysBetween(one: string, other: string): number {
  return (Date.parse(other) - Date.parse(one)) / DAY;
}
