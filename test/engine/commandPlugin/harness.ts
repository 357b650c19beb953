import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { startPlugin, type Plugin, type PluginOptions, type Properties } from "../../support/pluginClient.ts";
import {
  SSH_PACKAGES,
  startSshAgent,
  startSshServer,
  type SshAgent,
  type SshServer,
  type SshServerOptions,
} from "../../support/sshServer.ts";
import { requireSystemPackages } from "../../support/systemPackages.ts";

export const LOCAL_COMMAND = "command:local:Command";
export const REMOTE_COMMAND = "command:remote:Command";
export const COPY_TO_REMOTE = "command:remote:CopyToRemote";
export const COPY_FILE = "command:remote:CopyFile";

/** What a test file starts: ended, last started first, when the file is done. */
export interface Harness {
  /** A folder that is removed at the end. */
  folder: string;
  plugin: (options?: PluginOptions) => Promise<Plugin>;
  sshServer: (options?: SshServerOptions) => Promise<SshServer>;
  sshAgent: (privateKeys: readonly string[]) => Promise<SshAgent>;
}

export function startHarness(): Harness {
  requireSystemPackages(SSH_PACKAGES);
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-command-"));
  const running: { stop: () => Promise<void> }[] = [];
  const keep = <T extends { stop: () => Promise<void> }>(started: T): T => {
    running.unshift(started);
    return started;
  };
  afterAll(async () => {
    for (const started of running) {
      await started.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    // Without an agent, unless a test wants one: whoever runs the tests may have their own.
    plugin: async (options = {}) =>
      keep(await startPlugin({ ...options, env: { SSH_AUTH_SOCK: undefined, ...options.env } })),
    sshServer: async (options) => keep(await startSshServer(options)),
    sshAgent: async (privateKeys) => keep(await startSshAgent(privateKeys)),
  };
}

/** Everything it takes to log in to a server, its host key included. */
export function connectionTo(server: SshServer, changes: Properties = {}): Properties {
  const { host, port, user, privateKey, hostKey } = server;
  return { host, port, user, privateKey, hostKey, ...changes };
}

/** The text with which an operation of the plugin fails. */
export async function failureOf(operation: Promise<unknown>): Promise<string> {
  return (await serviceErrorOf(operation)).details;
}

/** The gRPC error with which an operation of the plugin fails. */
export async function serviceErrorOf(operation: Promise<unknown>): Promise<ServiceFailure> {
  try {
    await operation;
  } catch (error) {
    if (error instanceof Error && "details" in error && "metadata" in error) {
      return error as ServiceFailure;
    }
    throw error;
  }
  throw new Error("The operation was expected to fail.");
}

export interface ServiceFailure extends Error {
  code: number;
  details: string;
  metadata: { get: (key: string) => unknown[] };
}

/** How often a server was connected to so far. */
export function connectionsTo(server: SshServer): number {
  return server.log().split("Connection from").length - 1;
}

/** How many connections a server has at present, as Linux counts them. */
export function openConnectionsTo(server: SshServer): number {
  const local = `0100007F:${server.port.toString(16).toUpperCase().padStart(4, "0")}`;
  const established = "01";
  const rows = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((row) => row.trim().split(/\s+/));
  return rows.filter(([, address, , state]) => address === local && state === established).length;
}
