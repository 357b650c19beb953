import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { isKnown, type Settings, type Site } from "../settings/index.ts";
import { observe, type HostTarget, type Observation } from "./observation.ts";
import { OBSERVER } from "./paths.ts";

/** The key we log in with: its text, the running ssh-agent, or why there is none. */
export type LoginKey = { readonly privateKey: string } | { readonly agent: string } | { readonly missing: string };

/** What a key file is named by, for messages. */
interface KeySetting {
  setting: string;
  variable: string;
}

const APPLY_KEY: KeySetting = { setting: "host.ssh.keyFile", variable: "TWISTERLAB_SSH_KEY_FILE" };
const OBSERVER_KEY: KeySetting = { setting: "host.ssh.observerKeyFile", variable: "TWISTERLAB_OBSERVER_KEY_FILE" };

/** The key that may only observe, if the site file or the environment names one. @throws as `readLoginKey`. */
export function readObserverKey(keyFile: string | undefined): LoginKey | undefined {
  return keyFile === undefined ? undefined : readLoginKey(keyFile, undefined, OBSERVER_KEY);
}

/**
 * The private key of the person who applies.
 * @param keyFile path (`~/` is the home folder), or `agent` for the keys of the ssh-agent at `agentSocket`.
 * @throws RunError with one sentence when the file is there but cannot be read, or is no private key: going on without
 * would show as a host that refuses us.
 */
export function readLoginKey(
  keyFile: string,
  agentSocket: string | undefined,
  { setting, variable } = APPLY_KEY,
): LoginKey {
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
      `${setting}: the SSH key ${keyFile} cannot be read (${code ?? "unknown reason"}); mend its permissions, ` +
        `or name another with ${variable}`,
    );
  }
  if (!/^-----BEGIN (\w+ )*PRIVATE KEY-----/.test(text)) {
    throw new pulumi.RunError(
      `${setting}: ${keyFile} is not a private key (its first line should be -----BEGIN ... PRIVATE KEY-----)`,
    );
  }
  if (isEncrypted(text)) {
    throw new pulumi.RunError(
      `${setting}: ${keyFile} is protected by a passphrase; ${
        setting === APPLY_KEY.setting
          ? "load it with ssh-add and write `keyFile: agent`"
          : "take that off with ssh-keygen -p, the key can only read"
      }`,
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

/**
 * What is known of the host before the plan is made; reads only, and only from a host that proves who it is.
 * @param observerKey goes before `key`; where the host does not let it in, `key` is used, and the observation says so.
 */
export async function observeHost(site: Site, key: LoginKey, observerKey?: LoginKey): Promise<Observation> {
  const { hostKey } = site.host.ssh;
  if (!isKnown(hostKey)) {
    return { blind: "the host was not asked, because its host key is unknown" };
  }
  if (observerKey === undefined) {
    return observeAs(hostKey, site, key);
  }
  const observed: Observation =
    "missing" in observerKey
      ? { blind: observerKey.missing, refused: true }
      : await observe({ ...target(hostKey, site, observerKey), user: OBSERVER, observer: true });
  if ("facts" in observed || observed.refused !== true) {
    return observed;
  }
  const instead = await observeAs(hostKey, site, key);
  return "facts" in instead
    ? {
        ...instead,
        remark: `observed with the key that applies, because the observer key did not do: ${observed.blind}`,
      }
    : { blind: `${observed.blind}; ${instead.blind}` };
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
