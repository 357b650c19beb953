import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { compareFile, HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";
import { renderDaemonJson, type DaemonOptions } from "./render/daemonJson.ts";

const PATH = "/etc/docker/daemon.json";

export type DockerDaemonArgs = DaemonOptions & Reason;

/**
 * The Docker daemon's configuration. The daemon is reloaded first, which turns live-restore on, and then restarted:
 * its containers stay up. K3s runs on containerd and does not notice. Bringing back a file without live-restore restarts
 * the containers.
 */
export class DockerDaemon extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: DockerDaemonArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DockerDaemon", name, args, opts);
    const content = renderDaemonJson(args);
    const file = new HostFile(
      `${name}-json`,
      {
        path: PATH,
        content,
        why: args.why,
        plan: planDockerDaemon(`${name}-json`, content, host.observation),
        validate: "docker-daemon",
        activate: "docker",
        guarded: true,
      },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of daemon.json: the keys that change, with both values. */
export function planDockerDaemon(name: string, content: string, observation: Observation): ItemPlan {
  const wanted = JSON.parse(content) as Record<string, unknown>;
  const restart =
    wanted["live-restore"] === true
      ? "Docker is reloaded, then restarted, its containers stay up"
      : "Docker is restarted, and its containers with it";
  const all = `${PATH} with ${Object.keys(wanted).length} keys`;
  const comparison = compareFile({ path: PATH, content }, observation);
  if ("blind" in observation || comparison.state === "not measured") {
    return {
      state: "not measured",
      sentence: `${PATH} has ${Object.keys(wanted).length} keys (${Object.keys(wanted).join(", ")}); other keys found there make up stop; ${restart}`,
      wanted: all,
      observed: NOT_READ,
    };
  }
  if (comparison.state === "in sync") {
    return { state: "in sync", sentence: `${PATH} is as wanted`, wanted: all, observed: "as wanted" };
  }
  const current = observation.facts.files[PATH]?.content;
  const there = current === undefined ? {} : readJson(current);
  const undeclared = Object.keys(there ?? {}).filter((key) => !(key in wanted));
  const changes =
    there === undefined ? ["is not valid JSON and is replaced"] : describeChanges(there, wanted, undeclared);
  // Mode and owner, or another layout of the same values.
  const observed = (changes.length > 0 ? changes : comparison.differences).join("; ");
  // What we put there ourselves, the site file has let go.
  if (undeclared.length > 0 && observation.facts.items[name]?.ours !== true) {
    return {
      state: "differs",
      sentence: `${PATH} ${observed}: up will refuse to drop what nobody declared: add it to phase1.docker.extra, or take it out of the file`,
      wanted: all,
      observed,
      refused: true,
    };
  }
  return { state: "differs", sentence: `${PATH} ${observed}; ${restart}`, wanted: all, observed };
}

function describeChanges(
  there: Record<string, unknown>,
  wanted: Record<string, unknown>,
  undeclared: readonly string[],
): string[] {
  const show = (value: unknown): string => (value === undefined ? "absent" : JSON.stringify(value));
  const changed = Object.keys(wanted).filter((key) => show(there[key]) !== show(wanted[key]));
  const parts = changed.map((key) => `${key} ${show(there[key])} -> ${show(wanted[key])}`);
  if (undeclared.length > 0) {
    parts.push(`not declared: ${undeclared.join(", ")}`);
  }
  return parts;
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
