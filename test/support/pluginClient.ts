import { spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import grpc from "@grpc/grpc-js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import structPb, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type enginePb from "@pulumi/pulumi/proto/engine_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";

/** A property value as it goes over the wire: JSON, with secrets, assets and unknowns as marked objects and strings. */
export type Value = JavaScriptValue;
export type Properties = Record<string, Value>;

export interface PluginOptions {
  /** Path of the plugin's binary; {@link commandPluginPath} if unset. */
  path?: string;
  /** Variables to set or, if undefined, to take away from the tests' own environment. */
  env?: Record<string, string | undefined>;
  /** Working directory; the tests' own if unset. */
  cwd?: string;
}

export interface LogMessage {
  severity: "debug" | "info" | "warning" | "error";
  message: string;
  /** Whether it is only shown while the work goes on, and not kept. */
  ephemeral: boolean;
}

export interface Checked {
  inputs: Properties;
  failures: { property: string; reason: string }[];
}

export interface Resource {
  type: string;
  id: string;
  /** As Check returned them. */
  inputs: Properties;
  state: Properties;
}

export interface Difference {
  changes: "none" | "some" | "unknown";
  /** Kind of change by property path. */
  detailed: Record<string, DifferenceKind>;
  deleteBeforeReplace: boolean;
}

export type DifferenceKind = (typeof DIFFERENCE_KINDS)[keyof typeof DIFFERENCE_KINDS];

export interface OperationOptions {
  preview?: boolean;
  /** Seconds, as `customTimeouts` has them; no limit if unset. */
  timeout?: number;
}

/** The command plugin under test: the one named by TWISTERLAB_COMMAND_PLUGIN, else the one that is installed. */
export function commandPluginPath(): string {
  const named = process.env["TWISTERLAB_COMMAND_PLUGIN"];
  const home = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
  const path = named ?? join(home, "plugins", "resource-command-v1.2.1", "pulumi-resource-command");
  if (!existsSync(path)) {
    throw new Error(`There is no command plugin at ${path}: install it, or name another in TWISTERLAB_COMMAND_PLUGIN.`);
  }
  return path;
}

/** Starts a plugin and configures it as the engine does. */
export async function startPlugin(options: PluginOptions = {}): Promise<Plugin> {
  const messages: LogMessage[] = [];
  const engine = await startEngine(messages);
  const child = spawn(options.path ?? commandPluginPath(), [`127.0.0.1:${engine.port}`], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const plugin = new Plugin(child, engine.server, await readPort(child), messages);
  await plugin.configure();
  return plugin;
}

/** A running plugin, spoken to as the engine speaks to it. A call that fails throws a {@link grpc.ServiceError}. */
export class Plugin {
  /** What the plugin has logged so far. */
  readonly messages: LogMessage[];
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #engine: grpc.Server;
  readonly #client: providerGrpc.ResourceProviderClient;

  constructor(
    child: ChildProcessByStdio<null, Readable, Readable>,
    engine: grpc.Server,
    port: number,
    messages: LogMessage[],
  ) {
    this.messages = messages;
    this.#child = child;
    this.#engine = engine;
    this.#client = new providerGrpc.ResourceProviderClient(
      `127.0.0.1:${port}`,
      grpc.credentials.createInsecure(),
      CHANNEL_OPTIONS,
    );
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN;
  }

  /** Texts of the messages shown so far, oldest first. */
  shown(severity: LogMessage["severity"]): string[] {
    return this.messages.filter((message) => message.severity === severity).map(({ message }) => message);
  }

  async configure(): Promise<void> {
    const request = new providerPb.ConfigureRequest();
    request.setArgs(toStruct({}));
    request.setAcceptsecrets(true);
    request.setAcceptresources(true);
    request.setSendsOldInputs(true);
    request.setSendsOldInputsToDelete(true);
    await this.#call<providerPb.ConfigureResponse>((done) => this.#client.configure(request, done));
  }

  async version(): Promise<string> {
    const request = new emptyPb.Empty();
    const info = await this.#call<{ getVersion: () => string }>((done) => this.#client.getPluginInfo(request, done));
    return info.getVersion();
  }

  async schema(): Promise<unknown> {
    const request = new providerPb.GetSchemaRequest();
    const response = await this.#call<providerPb.GetSchemaResponse>((done) => this.#client.getSchema(request, done));
    return JSON.parse(response.getSchema());
  }

  async check(type: string, inputs: Properties, olds: Properties = {}): Promise<Checked> {
    const request = new providerPb.CheckRequest();
    request.setUrn(urn(type));
    request.setName(NAME);
    request.setType(type);
    request.setNews(toStruct(inputs));
    request.setOlds(toStruct(olds));
    const response = await this.#call<providerPb.CheckResponse>((done) => this.#client.check(request, done));
    return {
      inputs: fromStruct(response.getInputs()),
      failures: response
        .getFailuresList()
        .map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() })),
    };
  }

  /** Compares a resource with new inputs, which are checked first. */
  async diff(resource: Resource, inputs: Properties): Promise<Difference> {
    const news = await this.#checked(resource.type, inputs, resource.inputs);
    const request = new providerPb.DiffRequest();
    request.setId(resource.id);
    request.setUrn(urn(resource.type));
    request.setName(NAME);
    request.setType(resource.type);
    request.setOlds(toStruct(resource.state));
    request.setOldInputs(toStruct(resource.inputs));
    request.setNews(toStruct(news));
    const response = await this.#call<providerPb.DiffResponse>((done) => this.#client.diff(request, done));
    const detailed: Difference["detailed"] = {};
    response.getDetaileddiffMap().forEach((difference, path) => {
      detailed[path] = DIFFERENCE_KINDS[difference.getKind()];
    });
    return {
      changes: CHANGES[response.getChanges()],
      detailed,
      deleteBeforeReplace: response.getDeletebeforereplace(),
    };
  }

  /** Checks the inputs and creates the resource. */
  async create(type: string, inputs: Properties, options: OperationOptions = {}): Promise<Resource> {
    const checked = await this.#checked(type, inputs, {});
    const request = new providerPb.CreateRequest();
    request.setUrn(urn(type));
    request.setName(NAME);
    request.setType(type);
    request.setProperties(toStruct(checked));
    request.setPreview(options.preview ?? false);
    request.setTimeout(options.timeout ?? 0);
    const response = await this.#call<providerPb.CreateResponse>((done) => this.#client.create(request, done));
    return { type, id: response.getId(), inputs: checked, state: fromStruct(response.getProperties()) };
  }

  /** Checks the inputs and updates the resource; the resource passed in stays as it is. */
  async update(resource: Resource, inputs: Properties, options: OperationOptions = {}): Promise<Resource> {
    const checked = await this.#checked(resource.type, inputs, resource.inputs);
    const request = new providerPb.UpdateRequest();
    request.setId(resource.id);
    request.setUrn(urn(resource.type));
    request.setName(NAME);
    request.setType(resource.type);
    request.setOlds(toStruct(resource.state));
    request.setOldInputs(toStruct(resource.inputs));
    request.setNews(toStruct(checked));
    request.setPreview(options.preview ?? false);
    request.setTimeout(options.timeout ?? 0);
    const response = await this.#call<providerPb.UpdateResponse>((done) => this.#client.update(request, done));
    return { ...resource, inputs: checked, state: fromStruct(response.getProperties()) };
  }

  async delete(resource: Resource, options: OperationOptions = {}): Promise<void> {
    const request = new providerPb.DeleteRequest();
    request.setId(resource.id);
    request.setUrn(urn(resource.type));
    request.setName(NAME);
    request.setType(resource.type);
    request.setProperties(toStruct(resource.state));
    request.setOldInputs(toStruct(resource.inputs));
    request.setTimeout(options.timeout ?? 0);
    await this.#call<emptyPb.Empty>((done) => this.#client.delete(request, done));
  }

  /** What `pulumi refresh` does. */
  async read(resource: Resource): Promise<Resource> {
    const request = new providerPb.ReadRequest();
    request.setId(resource.id);
    request.setUrn(urn(resource.type));
    request.setName(NAME);
    request.setType(resource.type);
    request.setProperties(toStruct(resource.state));
    request.setInputs(toStruct(resource.inputs));
    const response = await this.#call<providerPb.ReadResponse>((done) => this.#client.read(request, done));
    return {
      type: resource.type,
      id: response.getId(),
      inputs: fromStruct(response.getInputs()),
      state: fromStruct(response.getProperties()),
    };
  }

  async invoke(token: string, args: Properties, options: OperationOptions = {}): Promise<Properties> {
    const request = new providerPb.InvokeRequest();
    request.setTok(token);
    request.setArgs(toStruct(args));
    request.setPreview(options.preview ?? false);
    const response = await this.#call<providerPb.InvokeResponse>((done) => this.#client.invoke(request, done));
    return fromStruct(response.getReturn());
  }

  /** Asks the plugin to give up what it is doing, as the engine does at Ctrl-C. */
  async cancel(): Promise<void> {
    await this.#call<emptyPb.Empty>((done) => this.#client.cancel(new emptyPb.Empty(), done));
  }

  async stop(): Promise<void> {
    this.#client.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await exit;
    }
    this.#engine.forceShutdown();
  }

  async #checked(type: string, inputs: Properties, olds: Properties): Promise<Properties> {
    const checked = await this.check(type, inputs, olds);
    if (checked.failures.length > 0) {
      throw new Error(`Check of ${type} failed: ${JSON.stringify(checked.failures)}`);
    }
    return checked.inputs;
  }

  async #call<Response>(start: (done: grpc.requestCallback<Response>) => void): Promise<Response> {
    return await new Promise((resolve, reject) => {
      start((error, response) => {
        if (error !== null) {
          reject(error);
        } else if (response === undefined) {
          reject(new Error("The plugin sent no answer."));
        } else {
          resolve(response);
        }
      });
    });
  }
}

// How values that JSON has no word for are marked on the wire (sdk/nodejs/runtime/rpc.ts of pulumi/pulumi).
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

/** A value that is not known yet, as in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function secret(value: Value): Value {
  return { [SIGNATURE]: SECRET, value };
}

export function isSecret(value: Value | undefined): boolean {
  return signatureOf(value) === SECRET;
}

/** The value without the secret marks, at any depth. */
export function reveal(value: Value): Value {
  if (Array.isArray(value)) {
    return value.map(reveal);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const object = value as Properties;
  if (isSecret(object)) {
    return reveal(object["value"] ?? null);
  }
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, reveal(item)]));
}

export function fileAsset(path: string): Value {
  return { [SIGNATURE]: ASSET, path, hash: hashOf(path) };
}

export function stringAsset(text: string): Value {
  return { [SIGNATURE]: ASSET, text, hash: sha256(text) };
}

export function remoteAsset(uri: string): Value {
  return { [SIGNATURE]: ASSET, uri, hash: sha256(uri) };
}

export function fileArchive(path: string): Value {
  return { [SIGNATURE]: ARCHIVE, path, hash: hashOf(path) };
}

export function assetArchive(assets: Properties): Value {
  return { [SIGNATURE]: ARCHIVE, assets, hash: sha256(JSON.stringify(assets)) };
}

function signatureOf(value: Value | undefined): Value | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Properties)[SIGNATURE]
    : undefined;
}

/** Stands for the engine's hash: differs when the content does. */
function hashOf(path: string): string {
  if (!existsSync(path)) {
    return sha256(path);
  }
  if (!statSync(path).isDirectory()) {
    return sha256(readFileSync(path));
  }
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return sha256(entries.map((entry) => `${entry.name} ${hashOf(join(entry.parentPath, entry.name))}`).join("\n"));
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

const NAME = "subject";
const CHANNEL_OPTIONS = { "grpc.max_receive_message_length": -1, "grpc.enable_http_proxy": 0 };
const CHANGES = { 0: "unknown", 1: "none", 2: "some" } as const;
const DIFFERENCE_KINDS = {
  0: "add",
  1: "add-replace",
  2: "delete",
  3: "delete-replace",
  4: "update",
  5: "update-replace",
} as const;
const SEVERITIES = { 0: "debug", 1: "info", 2: "warning", 3: "error" } as const;

/** No plugin outlives the tests, whichever way they end by themselves. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
});

function urn(type: string): string {
  return `urn:pulumi:test::conformance::${type}::${NAME}`;
}

/** The part of the engine that a plugin talks to: its log. */
async function startEngine(messages: LogMessage[]): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  const unimplemented = (_: unknown, done: grpc.sendUnaryData<never>) => {
    done({ code: grpc.status.UNIMPLEMENTED });
  };
  server.addService(engineGrpc.EngineService, {
    log: (call: grpc.ServerUnaryCall<enginePb.LogRequest, emptyPb.Empty>, done: grpc.sendUnaryData<emptyPb.Empty>) => {
      const { request } = call;
      messages.push({
        severity: SEVERITIES[request.getSeverity()],
        message: request.getMessage(),
        ephemeral: request.getEphemeral(),
      });
      done(null, new emptyPb.Empty());
    },
    getRootResource: unimplemented,
    setRootResource: unimplemented,
    startDebugging: unimplemented,
    requirePulumiVersion: unimplemented,
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  return { server, port };
}

/** A plugin says on the first line of its standard output which port it listens on. */
async function readPort(child: ChildProcessByStdio<null, Readable, Readable>): Promise<number> {
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  return await new Promise((resolve, reject) => {
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const [, port] = /^(\d+)\r?\n/.exec(output) ?? [];
      if (port !== undefined) {
        resolve(Number(port));
      }
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`The plugin ended with exit code ${code ?? "none"} before it named its port: ${errors}`));
    });
  });
}

function toStruct(properties: Properties): structPb.Struct {
  return structPb.Struct.fromJavaScript(properties);
}

function fromStruct(struct: structPb.Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}
