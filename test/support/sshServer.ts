import { execFileSync, spawn, spawnSync, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { systemCommandPath, type SystemCommand } from "./systemPackages.ts";

/** What the helpers of this file run. */
export const SSH_PACKAGES: readonly SystemCommand[] = [
  { command: "sshd", debianPackage: "openssh-server" },
  { command: "ssh-agent", debianPackage: "openssh-client" },
  { command: "ssh-add", debianPackage: "openssh-client" },
];

export interface SshServerOptions {
  /** Port to listen on; a free one if unset. */
  port?: number;
  /** The public key the user logs in with, as a line of authorized_keys; a new one, given back, if unset. */
  userKey?: string;
  /** Environment variables a client may set, as patterns of sshd's AcceptEnv; none if unset. */
  acceptEnv?: readonly string[];
  /** A password the user can log in with as well. Needs {@link canSetPassword}. */
  password?: string;
  /** How the password is asked for; `password` if unset. */
  passwordMethod?: "password" | "keyboard-interactive";
  /** Further lines of sshd_config. */
  config?: readonly string[];
}

/** An OpenSSH server of its own on the loopback interface. Ends with {@link SshServer.stop}. */
export interface SshServer {
  readonly host: string;
  readonly port: number;
  /** The only user who can log in: the one who runs the tests. */
  readonly user: string;
  /** The user's private key, in OpenSSH's format; of no use when the server was given another public key. */
  readonly privateKey: string;
  /** The server's public key, as a line of authorized_keys. */
  readonly hostKey: string;
  /** What the server has logged so far. */
  log: () => string;
  stop: () => Promise<void>;
}

/**
 * Starts an OpenSSH server with a key of its own and a user key of its own.
 *
 * @throws {Error} with the server's log when it does not come up within a minute.
 */
export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-sshd-"));
  const port = options.port ?? (await freePort());
  const hostKey = generateKey();
  const userKey = generateKey();
  writeSecret(join(folder, "host_key"), hostKey.privateKey);
  writeFileSync(join(folder, "authorized_keys"), options.userKey ?? userKey.publicKey);
  writeFileSync(join(folder, "sshd_config"), serverConfig(folder, port, options));

  const command = [systemCommandPath("sshd"), "-D", "-e", "-f", join(folder, "sshd_config")];
  if (isRoot()) {
    // Where sshd, as root, locks up its unprivileged half.
    mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  }
  const [program = "", ...args] = options.password === undefined ? command : withPassword(folder, options, command);
  const server = startGroup(program, args);
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const stop = async () => {
    await stopGroup(server);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(() => log.includes("Server listening on") || server.exitCode !== null, 60_000);
    if (server.exitCode !== null) {
      throw new Error("sshd ended at once.");
    }
  } catch (error) {
    await stop();
    throw new Error(`sshd did not come up on port ${port}: ${log}`, { cause: error });
  }
  return {
    host: "127.0.0.1",
    port,
    user: userInfo().username,
    privateKey: userKey.privateKey,
    hostKey: hostKey.publicKey,
    log: () => log,
    stop,
  };
}

export interface KeyPair {
  /** In OpenSSH's format. */
  privateKey: string;
  /** As a line of authorized_keys. */
  publicKey: string;
}

/** A new Ed25519 key pair, the private key encrypted if there is a passphrase. */
export function generateKey(passphrase?: string): KeyPair {
  const encryption = passphrase === undefined ? {} : { passphrase, cipher: "aes256-ctr", rounds: 16 };
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment: "test", ...encryption });
    // One key in 256 begins with a zero byte, which ssh2 drops: OpenSSH cannot read the rest.
    if (Buffer.from(pair.public.split(" ")[1] ?? "", "base64").length === ED25519_KEY_BYTES) {
      return { privateKey: pair.private, publicKey: pair.public };
    }
  }
}

/** Length of a public key on the wire: two length fields of 4 bytes, the algorithm's name, the key (RFC 8709). */
const ED25519_KEY_BYTES = 4 + "ssh-ed25519".length + 4 + 32;

/** An SSH agent of its own. Ends with {@link SshAgent.stop}. */
export interface SshAgent {
  readonly socketPath: string;
  stop: () => Promise<void>;
}

/** Starts an SSH agent that holds some private keys, in this order. */
export async function startSshAgent(privateKeys: readonly string[]): Promise<SshAgent> {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-agent-"));
  const socketPath = join(folder, "agent.sock");
  const agent = startGroup(systemCommandPath("ssh-agent"), ["-D", "-a", socketPath]);
  const stop = async () => {
    await stopGroup(agent);
    rmSync(folder, { recursive: true, force: true });
  };
  let announced = false;
  agent.stdout.once("data", () => (announced = true));
  try {
    await waitFor(() => announced, 60_000);
    for (const privateKey of privateKeys) {
      execFileSync(systemCommandPath("ssh-add"), ["-q", "-"], {
        env: { ...process.env, SSH_AUTH_SOCK: socketPath },
        input: privateKey,
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { socketPath, stop };
}

/**
 * Whether a server can be given a password of its own. The server checks passwords against the machine's own list, so
 * it runs with a list of ours mounted over that one, where nobody else sees it; only root may do so.
 */
export function canSetPassword(): boolean {
  return isRoot() && spawnSync("unshare", ["--mount", "mount", "--bind", "/etc/shadow", "/etc/shadow"]).status === 0;
}

/** A TCP port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") {
    throw new Error("The system gave no TCP port to a server on 127.0.0.1.");
  }
  return address.port;
}

/**
 * Waits until something is so, looking every 20 ms.
 *
 * @throws {Error} when it is still not so after the given time.
 */
export async function waitFor(condition: () => boolean, milliseconds: number): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error(`Waited ${milliseconds} ms in vain for: ${condition.toString()}`);
    }
    await sleep(20);
  }
}

function serverConfig(folder: string, port: number, options: SshServerOptions): string {
  const usesPassword = options.password !== undefined;
  const interactive = usesPassword && options.passwordMethod === "keyboard-interactive";
  const lines = [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "StrictModes no",
    "PermitRootLogin yes",
    `PasswordAuthentication ${usesPassword && !interactive ? "yes" : "no"}`,
    `KbdInteractiveAuthentication ${interactive ? "yes" : "no"}`,
    `UsePAM ${interactive ? "yes" : "no"}`,
    "Subsystem sftp internal-sftp",
    "LogLevel VERBOSE",
    // Tests log in faster and fail more often than people do.
    "MaxStartups 100",
    "MaxSessions 100",
    ...(options.acceptEnv === undefined ? [] : [`AcceptEnv ${options.acceptEnv.join(" ")}`]),
    ...(options.config ?? []),
  ];
  return lines.join("\n") + "\n";
}

/** A command that runs another one where the user has the wanted password. */
function withPassword(folder: string, options: SshServerOptions, command: readonly string[]): string[] {
  const input = options.password ?? "";
  const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], { input, encoding: "utf8" }).trim();
  writeSecret(join(folder, "shadow"), `${userInfo().username}:${hash}:20000:0:99999:7:::\n`);
  const pam = ["auth required pam_unix.so", "account required pam_permit.so", "session required pam_permit.so"];
  writeFileSync(join(folder, "pam"), pam.join("\n") + "\n");
  const script = 'mount --bind "$1/shadow" /etc/shadow && mount --bind "$1/pam" /etc/pam.d/sshd && shift && exec "$@"';
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", folder, ...command];
}

function writeSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The groups that run. None outlives the tests, whichever way they end by themselves. */
const groups = new Set<ChildProcess>();
process.once("exit", () => {
  for (const leader of groups) {
    signalGroup(leader);
  }
});

/** Starts a program in a process group of its own, so that stopping it takes along what it has started. */
function startGroup(program: string, args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  const leader = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  groups.add(leader);
  leader.once("exit", () => groups.delete(leader));
  return leader;
}

async function stopGroup(leader: ChildProcess): Promise<void> {
  const ended = leader.exitCode !== null || leader.signalCode !== null;
  const exit = ended ? undefined : new Promise((resolve) => leader.once("exit", resolve));
  signalGroup(leader);
  await exit;
}

function signalGroup(leader: ChildProcess): void {
  try {
    process.kill(-(leader.pid ?? Number.NaN), "SIGTERM");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) {
      throw error;
    }
  }
}
