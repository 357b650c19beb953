import { createHmac } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { diffLines } from "diff";
import { Secret } from "../settings/values/secret.ts";
import type { FileFact, HostFacts } from "./facts.ts";
import { hostItem, type Content, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type ItemState, type Reason } from "./plan.ts";
import { RESTARTS } from "./restarts.ts";

/** A file as it is wanted on the host. */
export interface WantedFile {
  /** Absolute path on the host. */
  path: string;
  /** Whole content; undefined as long as nobody knows it. A secret stays secret in the state and in every diff. */
  content: Content;
  /** Octal, as `stat -c %a` prints it. Default `644`. */
  mode?: string;
  /** `user:group`. Default `root:root`. */
  owner?: string;
}

export interface HostFileArgs extends WantedFile, Reason {
  /** What a review may see of a secret content: the same text without the secrets. Default: nothing. */
  shown?: string;
  /** What putting it to work means for the host, after a semicolon: "K3s is restarted, its pods stay up". Default nothing. */
  effect?: string;
  /** How it compares with the host, by whoever understands the file better than by its lines. Default `planHostFile`. */
  plan?: ItemPlan;
  /** Check of the staged file by the tool that reads it: `validate_NAME` of the scripts. Default `none`. */
  validate?: string;
  /** What puts the installed file to work, and proves it: `activate_NAME` of the scripts. Default `none`. */
  activate?: string;
  /** Undone by the host unless it is confirmed over a new connection. Default false. */
  guarded?: boolean;
}

/**
 * One file of the host: staged, validated, installed by rename, put to work, taken back when that fails. Removing the
 * resource brings back what stood there before, byte for byte, unless somebody changed the file since.
 */
export class HostFile extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: HostFileArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const { content, shown, effect, plan, why, guarded, ...rest } = args;
    const file = { mode: "644", owner: "root:root", validate: "none", activate: "none", ...rest };
    super("twisterlab:host:HostFile", name, { ...file, ...reviewable(shown ?? content) }, opts);
    const restart = RESTARTS[file.activate];
    const { last } = hostItem(
      name,
      {
        plan: plan ?? planHostFile({ ...file, content }, host.observation, effect),
        why,
        apply: "host-file put",
        undo: "host-file undo",
        parameters: file,
        content,
        ...(restart === undefined ? {} : { restarts: [restart] }),
        ...(guarded === undefined ? {} : { guarded }),
      },
      host,
      { parent: this },
    );
    this.path = last.id.apply(() => file.path);
    this.registerOutputs({ path: this.path });
  }
}

/** How a file compares with the host, by its lines, mode and owner; of a secret content nothing is shown. */
export function planHostFile(file: WantedFile, observation: Observation, effect?: string): ItemPlan {
  const { path } = file;
  const then = effect === undefined ? "" : `; ${effect}`;
  const wanted = `${path} as the site file has it`;
  const comparison = compareFile(file, observation);
  switch (comparison.state) {
    case "not measured":
      return { state: "not measured", sentence: `${path} is written${then}`, wanted, observed: NOT_READ };
    case "in sync":
      return { state: "in sync", sentence: `${path} is as wanted`, wanted, observed: "as wanted" };
    case "differs":
      return {
        state: "differs",
        sentence: `${path} ${comparison.differences.join("; ")}${then}`,
        wanted,
        observed: comparison.differences.join("; "),
      };
  }
}

export interface FileComparison {
  state: ItemState;
  /** Each difference in a few words, with both values. */
  differences: string[];
}

/** What is different about a file on the host. */
export function compareFile(file: WantedFile, observation: Observation): FileComparison {
  if ("blind" in observation || file.content === undefined) {
    return { state: "not measured", differences: [] };
  }
  const { facts } = observation;
  const there = facts.files[file.path];
  if (there === undefined) {
    return { state: "not measured", differences: [] };
  }
  if (there === null) {
    return { state: "differs", differences: ["is not there yet"] };
  }
  const differences = [
    ...contentDifference(file.content, there, facts),
    ...(there.mode === (file.mode ?? "644") ? [] : [`has mode ${there.mode}, wanted ${file.mode ?? "644"}`]),
    ...(there.owner === (file.owner ?? "root:root")
      ? []
      : [`belongs to ${there.owner}, wanted ${file.owner ?? "root:root"}`]),
  ];
  return { state: differences.length === 0 ? "in sync" : "differs", differences };
}

function contentDifference(content: string | Secret, there: FileFact, facts: HostFacts): string[] {
  const text = content instanceof Secret ? content.reveal() : content;
  if (createHmac("sha256", Buffer.from(facts.hashKey, "hex")).update(text, "utf8").digest("hex") === there.keyedHash) {
    return [];
  }
  if (content instanceof Secret || there.content === undefined) {
    return ["has another content ([secret])"];
  }
  return [`has other lines: ${changedLines(there.content, text)}`];
}

/** Lines longer or more than this make a page nobody reads; the rest is counted. */
const MOST_LINES = 12;

/** The lines that go and come, as `-"old"` and `+"new"`. */
function changedLines(there: string, wanted: string): string {
  const lines = diffLines(there, wanted)
    .filter(({ added, removed }) => added || removed)
    .flatMap(({ added, value }) =>
      value
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => `${added ? "+" : "-"}${JSON.stringify(line)}`),
    );
  const rest = lines.length - MOST_LINES;
  return [...lines.slice(0, MOST_LINES), ...(rest > 0 ? [`and ${rest} more`] : [])].join(" ");
}

/**
 * The content as a review can show it: Pulumi unfolds JSON by itself and cuts other text off after three lines. What is
 * not known in clear here is secret, and not shown.
 */
function reviewable(content: Content): { content?: string | string[] } {
  if (typeof content !== "string") {
    return {};
  }
  return { content: content.startsWith("{") ? content : content.split("\n") };
}
