import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface SshTarget {
  port: number;
  user: string;
  privateKey: string;
}

/** A connection to a machine on 127.0.0.1. */
export class SshConnection {
  readonly #client: ssh2.Client;
  #closed = false;

  private constructor(client: ssh2.Client) {
    this.#client = client;
    client.once("close", () => (this.#closed = true));
  }

  get closed(): boolean {
    return this.#closed;
  }

  static async open({ port, user, privateKey }: SshTarget, limit: number): Promise<SshConnection> {
    const client = new ssh2.Client();
    // Errors may come several, and after the connection: whoever waits for a command sees its end.
    client.on("error", () => undefined);
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve);
      client.once("error", reject);
      client.once("close", () => {
        reject(new Error("SSH connection closed."));
      });
      client.connect({ host: "127.0.0.1", port, username: user, privateKey, readyTimeout: limit });
    });
    return new SshConnection(client);
  }

  /** Runs a command by the user's shell. Code 255: the connection broke, or a signal ended the command. */
  run(command: string, stdin = ""): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => {
        reject(new Error(`SSH connection closed while running: ${command}`));
      };
      this.#client.once("close", onClose);
      this.#client.exec(command, (error, channel) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        let stdout = "";
        let stderr = "";
        let code = 255;
        channel.setEncoding("utf8").on("data", (text: string) => (stdout += text));
        channel.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
        channel.on("exit", (status: number | null) => (code = status ?? 255));
        channel.on("close", () => {
          this.#client.off("close", onClose);
          resolve({ code, stdout, stderr });
        });
        channel.end(stdin);
      });
    });
  }

  close(): void {
    this.#client.end();
  }
}

/**
 * Connects as soon as the machine answers.
 *
 * @param alive whether waiting still makes sense.
 * @throws Error when it did not answer within the limit (ms), or is no longer alive.
 */
export async function openWhenUp(target: SshTarget, limit: number, alive: () => boolean): Promise<SshConnection> {
  const deadline = performance.now() + limit;
  for (;;) {
    try {
      return await SshConnection.open(target, Math.max(1_000, Math.min(20_000, deadline - performance.now())));
    } catch (error) {
      if (!alive() || performance.now() > deadline) {
        throw new Error(`No SSH on port ${target.port}: ${(error as Error).message}`, { cause: error });
      }
    }
    await sleep(100);
  }
}
