import { existsSync } from "node:fs";
import { basename } from "node:path";
import { stringify } from "yaml";
import { applyTarget, expandHome, observeAs, type LoginKey } from "../components/host/connection.ts";
import { everyBlockDevice, type HostFacts } from "../components/host/facts.ts";
import { breakLease } from "../components/host/lease.ts";
import { fingerprint, scanHostKey, type Observation } from "../components/host/observation.ts";
import { gib } from "../components/host/plan.ts";
import { isKnown } from "../components/settings/schema/build.ts";
import type { Site as SiteSettings } from "../components/settings/site.ts";
import type { Phase } from "../components/settings/stackName.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import { describeBlocking, findGaps } from "../phases/gaps.ts";
import { agreed } from "./ask.ts";
import { findBackend } from "./backend.ts";
import { DRIFT, EXIT, Failure } from "./failure.ts";
import { loginKey } from "./loginKey.ts";
import { say, sessionEnvironment } from "./phase.ts";
import { openSite, type Site } from "./site.ts";

/**
 * Checks what the commands need on this machine, reads from the host what the site file does not know, and proposes
 * the lines. Changes neither.
 * @param onlyEnvironment prints the environment for plain `pulumi` as shell exports (PowerShell's on Windows), nothing else.
 * @returns 0: `up` of every declared phase has what it needs; 2: something is missing; 21: the host could not be asked.
 */
export async function doctor(siteName: string, onlyEnvironment: boolean): Promise<number> {
  const site = openSite(siteName);
  if (onlyEnvironment) {
    printExports(sessionEnvironment(site));
    return EXIT.success;
  }
  const key = await checkThisMachine(site);
  const { hostKey, observation } = await askHost(site.settings, key);
  if ("blind" in observation) {
    print("Host", [observation.blind]);
  } else {
    print("Host", [...compareFacts(site.settings, observation.facts), describeLease(observation.facts)]);
  }
  const proposal = propose(site.settings, hostKey, "facts" in observation ? observation.facts : undefined);
  printProposal(site, hostKey, proposal);
  const open = site.settings.unknowns.filter((fact) => !proposal.has(fact.key));
  if (open.length > 0) {
    print(
      "blind" in observation ? "Not known yet (the host was not read)" : "Still to be found by you",
      open.map(({ key: name, what, howToFind }) => `${name}: ${what} (${howToFind})`),
    );
  }
  const refused = Object.keys(declaredPhases).flatMap((phase) => {
    const missing = describeBlocking(findGaps(site.settings, Number(phase) as Phase, site.settings.givenSecrets, key));
    return missing === "" ? [] : [`phase ${phase}:\n${missing}`];
  });
  if (refused.length > 0) {
    print("Up is refused without", refused);
  }
  if ("blind" in observation) {
    return DRIFT.notMeasured;
  }
  return refused.length === 0 ? EXIT.success : EXIT.configuration;
}

/**
 * Takes the host away from the run that has it, on purpose: somebody knows that this run is gone.
 * @returns 0: it is free; 1: the person on the terminal said no; 21: the host could not be asked.
 * @throws Failure when the host does not let it go.
 */
export async function breakHostLease(siteName: string): Promise<number> {
  const site = openSite(siteName);
  const key = loginKey(site);
  const { observation } = await askHost(site.settings, key);
  if ("blind" in observation) {
    print("Host", [observation.blind]);
    return DRIFT.notMeasured;
  }
  const { lease } = observation.facts;
  if (lease !== undefined) {
    print("Host", [describeLease(observation.facts)]);
    if (process.stdin.isTTY && !(await agreed("Is that run gone, and may the host be taken away from it?"))) {
      return EXIT.error;
    }
    await breakLease(applyTarget(site.settings, key), lease.owner).catch((error: unknown) => {
      throw new Failure((error as Error).message, EXIT.error);
    });
  }
  print("Host", [lease === undefined ? "nobody has it" : `taken away from ${lease.owner}`]);
  return EXIT.success;
}

function describeLease({ lease }: HostFacts): string {
  return lease === undefined
    ? "free: no run has it"
    : `held by ${lease.owner} for another ${lease.expiresIn} s (npm run doctor -- --break-lease, when that run is gone)`;
}

async function checkThisMachine(site: Site): Promise<LoginKey> {
  const toolchain = await ensureToolchain({ say });
  const key = loginKey(site);
  const { kubeconfigFile } = site.settings.cluster;
  print("This machine", [
    `Node.js ${process.versions.node}`,
    ...toolchain.items.map(({ name, version, why }) => `${name} ${version}: ${why}`),
    `state: ${findBackend().url}`,
    "missing" in key ? key.missing : `SSH key: ${site.settings.host.ssh.keyFile}`,
    existsSync(expandHome(kubeconfigFile))
      ? `kubeconfig: ${kubeconfigFile}`
      : `there is no kubeconfig at ${kubeconfigFile}`,
  ]);
  return key;
}

async function askHost(
  settings: SiteSettings,
  key: LoginKey,
): Promise<{ hostKey: string | undefined; observation: Observation }> {
  const { host, safety } = settings;
  const target = { address: host.address, port: host.ssh.port, timeout: safety.observeTimeout.seconds };
  try {
    const hostKey = isKnown(host.ssh.hostKey) ? host.ssh.hostKey : await scanHostKey(target);
    return { hostKey, observation: await observeAs(hostKey, settings, key) };
  } catch (error) {
    return { hostKey: undefined, observation: { blind: `${host.address}: ${(error as Error).message}` } };
  }
}

/** What the site file says and the host says otherwise. */
function compareFacts({ host, rootVolume }: SiteSettings, facts: HostFacts): string[] {
  const volume = facts.logicalVolumes.find(
    ({ volumeGroup, name }) => volumeGroup === rootVolume.volumeGroup && name === rootVolume.logicalVolume,
  );
  const pairs: [string, string, string | undefined][] = [
    ["host.operatingSystem", host.operatingSystem, facts.operatingSystem],
    ["host.kernel", host.kernel, facts.kernel],
    ["host.k3sVersion", host.k3sVersion, facts.k3sVersion],
    ["host.capacity.threads", String(host.capacity.threads), facts.threads?.toString()],
    [
      "rootVolume.recordedSize",
      gib(rootVolume.recordedSize.bytes),
      volume === undefined ? undefined : gib(volume.size),
    ],
  ];
  return pairs.map(([name, wanted, found]) => {
    if (found === undefined) {
      return `${name}: not readable`;
    }
    return found === wanted ? `${name}: ${found}` : `${name}: the site file has ${wanted}, the host has ${found}`;
  });
}

/** Values for the facts that are unknown, by their keys. */
function propose(
  settings: SiteSettings,
  hostKey: string | undefined,
  facts: HostFacts | undefined,
): Map<string, string> {
  const devices = everyBlockDevice(facts?.disks ?? []);
  const found = new Map<string, string | undefined>([
    ["twisterlab-edge:host.ssh.hostKey", hostKey],
    ["twisterlab-edge:host.machineId", facts?.machineId],
    ["twisterlab-edge:network.gateway", facts?.gateway],
    ...Object.entries(settings.disks).map(([name, disk]): [string, string | undefined] => [
      `twisterlab-edge:disks.${name}.serial`,
      devices.find((device) => device.name === disk.device)?.serial,
    ]),
  ]);
  const proposal = new Map<string, string>();
  for (const { key } of settings.unknowns) {
    const value = found.get(key);
    if (value !== undefined) {
      proposal.set(key, value);
    }
  }
  return proposal;
}

function printProposal(site: Site, hostKey: string | undefined, proposal: Map<string, string>): void {
  if (proposal.size === 0) {
    return;
  }
  const lines: Record<string, unknown> = {};
  for (const [key, value] of proposal) {
    setPath(lines, key.split("."), value);
  }
  print(`Lines for ${basename(site.file)}, under config`, stringify(lines, { lineWidth: 0 }).trimEnd().split("\n"));
  if (hostKey !== undefined && !isKnown(site.settings.host.ssh.hostKey)) {
    print("Before you take them over", [
      `the machine at ${site.settings.host.address} proved itself by the key ${fingerprint(hostKey)}.`,
      "Compare at the machine itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    ]);
  }
}

function setPath(target: Record<string, unknown>, [first = "", ...rest]: string[], value: string): void {
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  target[first] ??= {};
  setPath(target[first] as Record<string, unknown>, rest, value);
}

function printExports(environment: Record<string, string>): void {
  for (const [name, value] of Object.entries(environment)) {
    // A passphrase that the user set in the environment is there already, and must not be printed.
    if (name !== "PULUMI_CONFIG_PASSPHRASE") {
      const line =
        process.platform === "win32"
          ? `$env:${name} = '${value.replaceAll("'", "''")}'`
          : `export ${name}='${value.replaceAll("'", "'\\''")}'`;
      process.stdout.write(`${line}\n`);
    }
  }
}

function print(title: string, lines: string[]): void {
  process.stdout.write(`${title}\n${lines.map((line) => `  ${line}\n`).join("")}\n`);
}
