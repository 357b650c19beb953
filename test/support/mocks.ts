import { readFileSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

/** A resource as the program asked the engine for it. */
export interface RecordedResource {
  type: string;
  name: string;
  /** `type::name` of the parent, without the stack. */
  parent?: string;
  inputs: Record<string, unknown>;
  protect?: true;
  /** Names of the resources it waits for, sorted. */
  dependsOn?: string[];
}

export interface Recording<T> {
  resources: RecordedResource[];
  /** Messages of `pulumi.log.info`, with the name of the resource they belong to. */
  messages: { resource: string | undefined; text: string }[];
  result: T;
}

export interface Program {
  stack?: string;
  /** `pulumi preview` when true (the default), `pulumi up` otherwise. */
  preview?: boolean;
  /** Pulumi configuration as the engine hands it over. */
  config?: Record<string, string>;
  /** What the stack exported when it was last applied. Default: it never was. */
  outputs?: Record<string, unknown>;
}

/**
 * Runs a program under Pulumi's mocks and records what it registers. Secrets show as `[secret]`, values that are not
 * known as `[unknown]`.
 */
export async function record<T>(program: Program, build: () => T | Promise<T>): Promise<Recording<T>> {
  const resources: RecordedResource[] = [];
  const messages: Recording<T>["messages"] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => ({
        id: `${args.name}-id`,
        state:
          args.type === "pulumi:pulumi:StackReference"
            ? { ...(args.inputs as object), outputs: program.outputs ?? {}, secretOutputNames: [] }
            : { ...(args.inputs as object), stdout: "", stderr: "" },
      }),
      call: (args) => args.inputs as Record<string, unknown>,
    },
    "twisterlab-edge",
    program.stack ?? "edge-phase-1",
    program.preview ?? true,
    "organization",
  );
  pulumi.runtime.setAllConfig(program.config ?? {});
  // The mocks are not told of options; the request to the engine has them.
  const monitor = pulumi.runtime.getMonitor() as unknown as MockedMonitor;
  // Not in the mocks: a hook is taken, and never called.
  monitor.registerResourceHook = (_, done) => {
    done(null);
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    if (request.getType() !== "pulumi:pulumi:Stack") {
      resources.push(recorded(request));
    }
    return register(request, callback);
  };
  const { log } = pulumi;
  const info = log.info;
  const listening = log as { info: typeof info };
  listening.info = (text, resource) => {
    messages.push({ resource: (resource as { __name?: string } | undefined)?.__name, text });
    return Promise.resolve();
  };
  try {
    const result = await build();
    await pulumi.runtime.disconnect();
    resources.sort((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1));
    return { resources, messages, result };
  } catch (error) {
    // The engine would end with the program. What is under way here must not meet the next one's mocks.
    await pause(50);
    for (let turn = 0; turn < 500; turn++) {
      // However slow the machine: turns of the event loop, not time, are what they need.
      await nextTurn();
    }
    throw error;
  } finally {
    listening.info = info;
  }
}

/**
 * EdgeServer's site file as it was handed over, with all its gaps. Tests read this copy: people fill in the real one.
 */
export const FROZEN_SITE_FILE = "test/support/edgeServer.yaml";

/** The values of a site file by their keys; `change` edits them first. */
export function siteValues(
  file = FROZEN_SITE_FILE,
  change: (config: Record<string, Record<string, unknown>>) => void = () => undefined,
): Record<string, Record<string, unknown>> {
  const { config } = parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")) as {
    config: Record<string, Record<string, unknown>>;
  };
  change(config);
  return config;
}

/** The same, as the engine hands it to the program. */
export function siteConfig(...words: Parameters<typeof siteValues>): Record<string, string> {
  return Object.fromEntries(Object.entries(siteValues(...words)).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** The value of an output, for assertions outside `apply`, where a failed one would go unseen. */
export async function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return (output as unknown as { promise(): Promise<T> }).promise();
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getDependenciesList(): string[];
  getObject(): { toJavaScript(): Record<string, unknown> };
}

interface MockedMonitor {
  registerResource: RegisterResource;
  registerResourceHook: (request: unknown, done: (error: Error | null) => void) => void;
}

type RegisterResource = (request: RegisterRequest, callback: unknown) => Promise<void>;

function recorded(request: RegisterRequest): RecordedResource {
  return {
    type: request.getType(),
    name: request.getName(),
    ...shortParent(request.getParent()),
    inputs: readable(request.getObject().toJavaScript()) as Record<string, unknown>,
    ...(request.getProtect() ? { protect: true as const } : {}),
    ...dependencies(request.getDependenciesList()),
  };
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function readable(value: unknown): unknown {
  if (value === UNKNOWN) {
    return "[unknown]";
  }
  if (Array.isArray(value)) {
    return value.map(readable);
  }
  if (value !== null && typeof value === "object") {
    const entries = value as Record<string, unknown>;
    if (entries[SIGNATURE] === SECRET) {
      return "[secret]";
    }
    return Object.fromEntries(Object.entries(entries).map(([key, item]) => [key, readable(item)]));
  }
  return value;
}

function shortParent(urn: string): { parent?: string } {
  const [, , type, name] = urn.split("::");
  return name === undefined || type === "pulumi:pulumi:Stack"
    ? {}
    : { parent: `${type?.split("$").at(-1) ?? ""}::${name}` };
}

function dependencies(urns: string[]): { dependsOn?: string[] } {
  const names = [...new Set(urns.map((urn) => urn.split("::").at(-1) ?? ""))].sort();
  return names.length === 0 ? {} : { dependsOn: names };
}
