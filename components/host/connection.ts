import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { isKnown, type Settings, type Site } from "../settings/index.ts";
import { observe, type HostTarget, type Observation } from "./observation.ts";

/** The key we log in with: its text, the running ssh-agent, or why there is none. */
export type LoginKey = { readonly privateKey: string } | { readonly agent: string } | { readonly missing: string };

/**
 * The private key of the person who applies.
 * @param keyFile path (`~/` is the home folder), or `agent` for the keys of the ssh-agent at `agentSocket`.
 * @throws RunError with one sentence when the file is there but cannot be read, or is no private key: going on without
 * would show as a host that refuses us.
 */
export function readLoginKey(keyFile: string, agentSocket: string | undefined): LoginKey {
  if (keyFile === "agent") {
    return agentSocket === undefined
      ? { missing: "no ssh-agent is running (SSH_AUTH_SOCK is not set)" }
      : { agent: agentSocket };
  }
  let text: string;
  try {
    text = readFileSync(expandHome(keyFile), "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") {
      return { missing: `there is no SSH key at ${keyFile}` };
    }
    throw new pulumi.RunError(
      `host.ssh.keyFile: the SSH key ${keyFile} cannot be read (${code ?? "unknown reason"}); mend its permissions, ` +
        "or name another with TWISTERLAB_SSH_KEY_FILE",
    );
  }
  if (!/^-----BEGIN (\w+ )*PRIVATE KEY-----/.test(text)) {
    throw new pulumi.RunError(
      `host.ssh.keyFile: ${keyFile} is not a private key (its first line should be -----BEGIN ... PRIVATE KEY-----)`,
    );
  }
  if (isEncrypted(text)) {
    throw new pulumi.RunError(
      `host.ssh.keyFile: ${keyFile} is protected by a passphrase; load it with ssh-add and write \`keyFile: agent\``,
    );
  }
  return { privateKey: text };
}

/** A path on this machine, with `~/` (or `~\\`, on Windows) for the home folder. */
export function expandHome(path: string): string {
  return /^~[/\\]/.test(path) ? join(homedir(), path.slice(2)) : path;
}

/** Whether a private key needs a passphrase: said in the heading of PEM, in the first field of OpenSSH's own form. */
function isEncrypted(key: string): boolean {
  if (!key.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")) {
    return key.includes("ENCRYPTED");
  }
  const body = Buffer.from(key.split("\n").slice(1, 3).join(""), "base64");
  const magic = "openssh-key-v1\0".length;
  const cipher = body.subarray(magic + 4, magic + 4 + body.readUInt32BE(magic)).toString("latin1");
  return cipher !== "none";
}

/** The connection that every command of the host uses. Unknown to Pulumi as long as the site file lacks the host key. */
export function hostConnection(
  host: Settings["host"],
  key: LoginKey,
): pulumi.Input<command.types.input.remote.ConnectionArgs> {
  const { ssh } = host;
  return pulumi.secret({
    host: host.address,
    port: ssh.port,
    user: ssh.user,
    ...("privateKey" in key ? { privateKey: key.privateKey } : {}),
    // Left out, the plugin would trust any machine that answers; unknown, nothing can be run before it is known.
    hostKey: isKnown(ssh.hostKey) ? ssh.hostKey : unknownValue(),
    dialErrorLimit: ssh.dialErrorLimit,
    perDialTimeout: Math.ceil(ssh.perDialTimeout.seconds),
  });
}

/** What is known of the host before the plan is made; reads only, and only from a host that proves who it is. */
export function observeHost(site: Site, key: LoginKey): Promise<Observation> {
  const { hostKey } = site.host.ssh;
  return isKnown(hostKey)
    ? observeAs(hostKey, site, key)
    : Promise.resolve({ blind: "the host was not asked, because its host key is unknown" });
}

/** As `observeHost`, of a host that proves itself by `hostKey`, whatever the site file says. */
export async function observeAs(hostKey: string, site: Site, key: LoginKey): Promise<Observation> {
  return "missing" in key ? { blind: `the host was not asked: ${key.missing}` } : observe(target(hostKey, site, key));
}

/**
 * The host as the person who applies reaches it.
 * @throws Error when the site file has no host key, or there is no key to log in with.
 */
export function applyTarget(site: Site, key: LoginKey): HostTarget {
  const { hostKey } = site.host.ssh;
  if (!isKnown(hostKey)) {
    throw new Error("its host key is unknown");
  }
  if ("missing" in key) {
    throw new Error(key.missing);
  }
  return target(hostKey, site, key);
}

function target(hostKey: string, { host, safety }: Site, key: Exclude<LoginKey, { missing: string }>): HostTarget {
  return {
    address: host.address,
    port: host.ssh.port,
    user: host.ssh.user,
    hostKey,
    auth: key,
    timeout: safety.observeTimeout.seconds,
    ...(isKnown(host.machineId) ? { machineId: host.machineId } : {}),
  };
}

/** A value that Pulumi shows as not known yet. */
export function unknownValue(): pulumi.Output<string> {
  return pulumi.output(pulumi.unknown) as pulumi.Output<unknown> as pulumi.Output<string>;
}
