import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import type { ItemPlan, Reason } from "./plan.ts";
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
    host.report.add(name, planDockerDaemon(content, host.observation), args);
    const file = new HostFile(
      `${name}-json`,
      { path: PATH, content, validate: "docker-daemon", activate: "docker" },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of daemon.json: the keys that change, with both values. */
export function planDockerDaemon(content: string, observation: Observation): ItemPlan {
  const wanted = JSON.parse(content) as Record<string, unknown>;
  const restart =
    wanted["live-restore"] === true
      ? "Docker is reloaded, then restarted, its containers stay up"
      : "Docker is restarted, and its containers with it";
  if ("blind" in observation) {
    return {
      state: "not measured",
      sentence: `${PATH} has ${Object.keys(wanted).length} keys (${Object.keys(wanted).join(", ")}); other keys found there make up stop; ${restart}`,
    };
  }
  const current = observation.facts.dockerDaemon;
  if (current?.trim() === content.trim()) {
    return { state: "in sync", sentence: `${PATH} is as wanted` };
  }
  const there = readJson(current ?? "{}");
  const changes = there === undefined ? "is not valid JSON and is replaced" : describeChanges(there, wanted);
  return {
    state: "differs",
    sentence: `${PATH} ${changes}; ${restart}`,
  };
}

function describeChanges(there: Record<string, unknown>, wanted: Record<string, unknown>): string {
  const show = (value: unknown): string => (value === undefined ? "absent" : JSON.stringify(value));
  const changed = Object.keys(wanted).filter((key) => show(there[key]) !== show(wanted[key]));
  const lost = Object.keys(there).filter((key) => !(key in wanted));
  const parts = changed.map((key) => `${key} ${show(there[key])} -> ${show(wanted[key])}`);
  if (lost.length > 0) {
    parts.push(`not declared: ${lost.join(", ")} (up will refuse to drop them: declare them in phase1.docker.extra)`);
  }
  return parts.length === 0 ? "is written anew with the same values" : parts.join("; ");
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
