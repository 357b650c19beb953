import { matchesGlob } from "node:path/posix";
import * as pulumi from "@pulumi/pulumi";
import type { HostFacts } from "./facts.ts";
import { hostItem, type Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { gib, NOT_READ, type ItemPlan, type Reason } from "./plan.ts";
import { isTaboo, parseStanzas, renderRotation, type Rotation } from "./render/logrotate.ts";
import { renderCalendar } from "./render/units.ts";
import { planTimer } from "./scheduledVerb.ts";

// The file that these logs stand in on Debian and Ubuntu: a log may stand in one stanza only.
const PATH = "/etc/logrotate.d/rsyslog";
const TIMER = "logrotate.timer";

export type LogRotationArgs = Rotation & Reason;

/**
 * Rotation of logs that rsyslog writes: a stanza of their own in rsyslog's file, where they are commented out of the
 * distribution's; the other logs in it keep what they have. And logrotate looks each hour, because it heeds `maxsize` only
 * when it runs. Removing the resource gives the file as it would be without us.
 */
export class LogRotation extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: LogRotationArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:LogRotation", name, args, opts);
    const { last } = hostItem(
      `${name}-stanza`,
      {
        plan: planRotation(args, host.observation),
        why: args.why,
        apply: "log-rotation put",
        undo: "log-rotation undo",
        // logrotate passes over a file that others than root may write to.
        parameters: { path: PATH, mode: MODE, owner: OWNER },
        content: renderRotation(args),
      },
      host,
      { parent: this },
    );
    const calendar = {
      path: `/etc/systemd/system/${TIMER}.d/50-twisterlab-edge.conf`,
      content: renderCalendar("hourly"),
    };
    const timer = new HostFile(
      `${name}-timer`,
      {
        ...calendar,
        why: "logrotate heeds maxsize only when it runs, and by default it runs once a day",
        plan: planHourly(calendar, host.observation),
        validate: "unit",
        activate: "timer",
      },
      host,
      { parent: this, dependsOn: last },
    );
    this.path = timer.path.apply(() => PATH);
    this.registerOutputs({ path: this.path });
  }
}

const MODE = "644";
const OWNER = "root:root";

/** What the preview says of the logs: what rotates them now, and who else claims them. */
export function planRotation(args: Rotation, observation: Observation): ItemPlan {
  const { files, rotate, maxSize } = args;
  const wanted = `daily, or at ${gib(maxSize)}, ${rotate} kept`;
  const logs = files.join(" and ");
  const how = `${wanted}, compressed, by a stanza of ours in ${PATH}; its other logs keep theirs`;
  const there = "blind" in observation ? undefined : observation.facts.files[PATH];
  if ("blind" in observation || there === undefined) {
    return { state: "not measured", sentence: `${logs} rotate ${how}`, wanted, observed: NOT_READ };
  }
  const clashes = claims(files, observation.facts);
  if (clashes.length > 0) {
    const observed = clashes.map(({ file, log }) => `${file} names ${log} too`).join("; ");
    return {
      state: "differs",
      sentence: `${logs} rotate ${how}: up will refuse, because ${observed}: take it out of there, or the file out of its folder`,
      wanted,
      observed,
      refused: true,
    };
  }
  const text = there?.content ?? "";
  const stanza = renderRotation(args);
  const rest = parseStanzas(text.replace(stanza, ""));
  const now = rest.find(({ logs: patterns }) => files.some((log) => names(patterns, log)));
  if (there !== null && text.includes(stanza) && now === undefined) {
    if (there.mode === MODE && there.owner === OWNER) {
      return { state: "in sync", sentence: `${logs} rotate ${wanted}`, wanted, observed: "as wanted" };
    }
    const observed = `${PATH} has mode ${there.mode} and belongs to ${there.owner}`;
    return {
      state: "differs",
      sentence: `${logs} rotate ${how}; ${observed}, wanted ${MODE} ${OWNER}`,
      wanted,
      observed,
    };
  }
  const observed = now === undefined ? "no stanza" : now.options.join(", ");
  return { state: "differs", sentence: `${logs} have ${observed}; wanted ${how}`, wanted, observed };
}

/** Other files of logrotate that name one of the logs, by its path or by a pattern. */
function claims(files: readonly string[], facts: HostFacts): { file: string; log: string }[] {
  return stanzasOf(facts)
    .filter(({ file }) => file !== PATH)
    .flatMap(({ file, logs }) => files.filter((log) => names(logs, log)).map((log) => ({ file, log })));
}

function names(patterns: readonly string[], log: string): boolean {
  return patterns.some((pattern) => pattern === log || matchesGlob(log, pattern));
}

/** Every stanza that logrotate reads, with the file that it is in. */
function stanzasOf({ files }: HostFacts): { file: string; logs: string[]; options: string[] }[] {
  return Object.entries(files)
    .filter(([path]) => path === "/etc/logrotate.conf" || (path.startsWith("/etc/logrotate.d/") && !isTaboo(path)))
    .flatMap(([file, fact]) => parseStanzas(fact?.content ?? "").map((stanza) => ({ ...stanza, file })));
}

/** What the preview says of the timer, and of others that it has looked at more often from now on. */
export function planHourly(file: { path: string; content: string }, observation: Observation): ItemPlan {
  const plan = planTimer(file, TIMER, observation, `${TIMER} is restarted, and logrotate runs each hour`);
  if ("blind" in observation) {
    return plan;
  }
  const { units } = observation.facts;
  const off = units[TIMER] !== undefined && (units[TIMER].enabled !== "enabled" || units[TIMER].active !== "active");
  // Others that rotate by size alone keep less of the past when somebody looks more often.
  const notes = stanzasOf(observation.facts)
    .filter(({ file: where, options }) => where !== PATH && options.some((option) => /^(max)?size\b/.test(option)))
    .map(
      ({ file: where, logs, options }) =>
        `${logs.join(" ")} of ${where} rotates by size (${options.join(", ")}): looked at each hour too`,
    );
  return off
    ? {
        ...plan,
        state: "differs",
        sentence: `${plan.sentence}: up will refuse, because ${TIMER} is switched off (systemctl enable --now ${TIMER})`,
        refused: true,
        notes,
      }
    : { ...plan, notes };
}
