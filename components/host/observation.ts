import { scriptBundle } from "./bundle.ts";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { parseFacts, type HostFacts } from "./facts.ts";

/** What is known of the host before the plan is made: its facts, or why there are none. */
export type Observation = { readonly facts: HostFacts } | { readonly blind: string };

/** How to reach the host to observe it. */
export interface ObserveTarget {
  address: string;
  port: number;
  user: string;
  /** `ssh-ed25519 AAAA...`: a host that shows another key is not asked anything. */
  hostKey: string;
  /** Private key in OpenSSH or PEM form, or the socket of a running ssh-agent. */
  auth: { privateKey: string } | { agent: string };
  /** Limit for the whole observation, in seconds. */
  timeout: number;
  /** `/etc/machine-id` of the host, when it is known: another machine under the same address is not believed. */
  machineId?: string;
}

/** Reads the host's facts in one SSH round trip. Changes nothing there. Never throws: not to see is a result. */
export async function observe(target: ObserveTarget): Promise<Observation> {
  let text: string;
  try {
    text = await runOnHost(target, "sudo -n bash -s -- observe", scriptBundle());
  } catch (error) {
    return { blind: `${target.user}@${target.address}:${target.port} was not observed: ${(error as Error).message}` };
  }
  try {
    const facts = parseFacts(text);
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

/** Standard output of one command on the host, fed with `input`. Rejects on any failure, with one clear sentence. */
async function runOnHost(target: ObserveTarget, command: string, input: string): Promise<string> {
  // Only here: a preview that cannot connect does not pay for loading the library.
  const { Client } = await import("ssh2");
  return new Promise((resolve, reject) => {
    const client = new Client();
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      client.destroy();
      act();
    };
    const fail = (message: string): void => {
      settle(() => {
        reject(new Error(message));
      });
    };
    const timer = setTimeout(() => {
      fail(`no answer within ${target.timeout} s`);
    }, target.timeout * 1000);

    client.on("error", (error) => {
      fail(error.message);
    });
    client.on("ready", () => {
      client.exec(command, (error, channel) => {
        if (error) {
          fail(error.message);
          return;
        }
        const output: Buffer[] = [];
        const errors: Buffer[] = [];
        channel.on("data", (chunk: Buffer) => output.push(chunk));
        channel.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
        channel.on("close", (code: number | null) => {
          if (code === 0) {
            settle(() => {
              resolve(Buffer.concat(output).toString("utf8"));
            });
          } else {
            const reason = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1);
            fail(`the read-only script ended with ${String(code)}${reason ? `: ${reason}` : ""}`);
          }
        });
        channel.end(input);
      });
    });
    const expected = target.hostKey.split(" ")[1] ?? "";
    try {
      client.connect({
        host: target.address,
        port: target.port,
        username: target.user,
        ...target.auth,
        readyTimeout: target.timeout * 1000,
        algorithms: { serverHostKey: hostKeyAlgorithms(target.hostKey) },
        hostVerifier: (key: Buffer) => key.toString("base64") === expected,
      });
    } catch (error) {
      // A key that the library cannot read is not said by an event.
      fail((error as Error).message);
    }
  });
}

/** Signature algorithms that go with a host key: only these are offered, so that the host shows this key. */
function hostKeyAlgorithms(hostKey: string): ServerHostKeyAlgorithm[] {
  const type = hostKey.split(" ")[0];
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type as ServerHostKeyAlgorithm];
}
