import { createHash, randomBytes } from "node:crypto";
import type { Client, ServerHostKeyAlgorithm } from "ssh2";
import { scriptBundle } from "./bundle.ts";
import { parseFacts, type HostFacts } from "./facts.ts";
import { ENTRY_POINT } from "./paths.ts";
import { renderParameters, type Parameters } from "./render/parameters.ts";

/** What is known of the host before the plan is made: its facts, or why there are none. */
export type Observation = Seen | Blind;

export interface Seen {
  readonly facts: HostFacts;
  /** What a reviewer is to know about how they were read. */
  readonly remark?: string;
}

export interface Blind {
  readonly blind: string;
  /** The host answered, and does not let this key observe. */
  readonly refused?: boolean;
}

/** How to reach the host, apart from the plugin that applies the items. */
export interface HostTarget {
  address: string;
  port: number;
  user: string;
  /** `ssh-ed25519 AAAA...`: a host that shows another key is not asked anything. */
  hostKey: string;
  /** Private key in OpenSSH or PEM form, or the socket of a running ssh-agent. */
  auth: { privateKey: string } | { agent: string };
  /** Limit for the whole conversation, in seconds. */
  timeout: number;
  /** `/etc/machine-id` of the host, when it is known: another machine under the same address is not believed. */
  machineId?: string;
  /** The key may only observe: the host runs its read-only command, whatever it is asked for. Default false. */
  observer?: boolean;
}

/** Reads the host's facts in one SSH round trip. Changes nothing there. Never throws: not to see is a result. */
export async function observe(target: HostTarget): Promise<Observation> {
  const hashKey = randomBytes(32).toString("hex");
  let text: string;
  try {
    text = await onHost(target, (client) =>
      runVerb(client, target, "observe", { key: hashKey, limit: toolLimit(target.timeout) }),
    );
  } catch (error) {
    return {
      blind: `${target.user}@${target.address}:${target.port} was not observed: ${(error as Error).message}`,
      ...(isRefusal(error) ? { refused: true } : {}),
    };
  }
  try {
    const facts = parseFacts(text, hashKey);
    if (target.machineId !== undefined && facts.machineId !== target.machineId) {
      return {
        blind: `${target.address} is another machine: its machine-id is ${facts.machineId ?? "not readable"}, the site file has ${target.machineId}`,
      };
    }
    return { facts };
  } catch (error) {
    return { blind: `${target.address} gave facts that could not be read: ${(error as Error).message}` };
  }
}

/** The host ran no command for us, or the command ended with an error. */
class CommandRefused extends Error {}

/** Whether it was the host that said no: to the key, or to the command. */
function isRefusal(error: unknown): boolean {
  return error instanceof CommandRefused || (error as { level?: string }).level === "client-authentication";
}

/** Seconds for one tool of the many that are asked: less than for all, so that one which hangs leaves the others' answers. */
function toolLimit(timeout: number): number {
  return Math.max(Math.floor(timeout * 0.6), 1);
}

/**
 * Runs one verb of the entry point, over a connection of its own.
 * @returns its standard output.
 * @throws Error with one clear sentence: what the host said, or why it could not be asked.
 */
export function callHost(target: HostTarget, verb: string, parameters: Parameters): Promise<string> {
  return onHost(target, (client) => runVerb(client, target, verb, parameters));
}

/**
 * The host key that a machine shows, as `ssh-ed25519 AAAA...`. Nobody has verified it: a person must.
 * @throws Error when the machine does not answer within `timeout` seconds.
 */
export async function scanHostKey(target: { address: string; port: number; timeout: number }): Promise<string> {
  const { Client } = await import("ssh2");
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("error", (error) => {
      reject(new Error(error.message));
    });
    client.connect({
      host: target.address,
      port: target.port,
      username: "nobody",
      readyTimeout: target.timeout * 1000,
      algorithms: { serverHostKey: ["ssh-ed25519"] },
      hostVerifier: (key: Buffer) => {
        resolve(`ssh-ed25519 ${key.toString("base64")}`);
        client.destroy();
        return false;
      },
    });
  });
}

/**
 * One verb, as root. Where the account may run everything, this program's own scripts answer, installed or not, and
 * nothing is left behind; where its rights are only for the entry point, the installed one does.
 */
function runVerb(client: Client, target: HostTarget, verb: string, parameters: Parameters): Promise<string> {
  const input = renderParameters(parameters);
  if (target.observer === true) {
    return execute(client, verb, input);
  }
  const bundle = Buffer.from(scriptBundle());
  const command = [
    `if sudo -n bash -c : 2> /dev/null; then exec sudo -n bash -s -- ${verb}; fi`,
    `head -c ${bundle.length} > /dev/null`,
    `exec sudo -n ${ENTRY_POINT} ${verb}`,
  ].join("; ");
  return execute(client, command, Buffer.concat([bundle, Buffer.from(input)]));
}

/** Connects, lets `talk` use the connection, and ends it. Rejects on any failure, with one clear sentence. */
async function onHost<T>(target: HostTarget, talk: (client: Client) => Promise<T>): Promise<T> {
  // Only here: a preview that cannot connect does not pay for loading the library.
  const { Client } = await import("ssh2");
  const client = new Client();
  const shown: { key?: string } = {};
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`no answer within ${target.timeout} s`));
        }, target.timeout * 1000);
        client.on("error", reject);
      }),
      connect(client, target, shown).then(() => talk(client)),
    ]);
  } catch (error) {
    if (shown.key !== undefined) {
      throw new Error(
        `it proves itself by the host key ${fingerprint(shown.key)}, and the site file has ${fingerprint(target.hostKey)}: ` +
          "somebody is in between, or the machine was installed anew",
        { cause: error },
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
    // What the connection says of its end interests nobody any more.
    client.on("error", () => undefined);
    client.destroy();
  }
}

/** @param shown takes the key that the host shows, when it is another one than it should have. */
function connect(client: Client, target: HostTarget, shown: { key?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on("ready", resolve);
    // The library writes a message in two parts; the second would wait 40 ms for the other side to confirm the first.
    client.on("connect", () => client.setNoDelay(true));
    try {
      client.connect({
        host: target.address,
        port: target.port,
        username: target.user,
        ...target.auth,
        readyTimeout: target.timeout * 1000,
        algorithms: { serverHostKey: hostKeyAlgorithms(target.hostKey) },
        hostVerifier: (key: Buffer) => {
          const meant = key.equals(blobOf(target.hostKey));
          if (!meant) {
            shown.key = `ssh ${key.toString("base64")}`;
          }
          return meant;
        },
      });
    } catch (error) {
      // A key that the library cannot read is not said by an event.
      reject(new Error((error as Error).message));
    }
  });
}

function execute(client: Client, command: string, input: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      const output: Buffer[] = [];
      const errors: Buffer[] = [];
      channel.on("data", (chunk: Buffer) => output.push(chunk));
      channel.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
      channel.on("close", (code: number | null) => {
        if (code === 0) {
          resolve(Buffer.concat(output).toString("utf8"));
        } else {
          const reason = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1);
          reject(new CommandRefused(`the host's script ended with ${String(code)}${reason ? `: ${reason}` : ""}`));
        }
      });
      channel.end(input);
    });
  });
}

/** Fingerprint of a public key (`ssh-ed25519 AAAA...`), as `ssh-keygen -l` shows it. */
export function fingerprint(publicKey: string): string {
  return `SHA256:${createHash("sha256").update(blobOf(publicKey)).digest("base64").replace(/=+$/, "")}`;
}

function blobOf(publicKey: string): Buffer {
  return Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
}

/** Signature algorithms that go with a host key: only these are offered, so that the host shows this key. */
function hostKeyAlgorithms(hostKey: string): ServerHostKeyAlgorithm[] {
  const type = hostKey.split(" ")[0];
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type as ServerHostKeyAlgorithm];
}
