import { existsSync } from "node:fs";
import { expandHome, type LoginKey } from "../components/host/connection.ts";
import { neededSecrets } from "../components/settings/neededSecrets.ts";
import type { SecretName } from "../components/settings/secrets.ts";
import type { Site } from "../components/settings/site.ts";
import type { Phase } from "../components/settings/stackName.ts";
import { unknownFacts } from "../components/settings/unknowns.ts";

/** Something that was not told, and how to find it. */
export interface Gap {
  what: string;
  howToFind: string;
  /** Whether `up` is refused without it. */
  blocks: boolean;
}

/** Everything that a phase was not told, what blocks `up` first. */
export function findGaps(site: Site, phase: Phase, given: readonly SecretName[], key: LoginKey): Gap[] {
  const { host, cluster } = site;
  const gaps: Gap[] = [];
  if ("missing" in key) {
    gaps.push({
      what: `SSH key: ${key.missing}`,
      howToFind: `ssh-keygen -t ed25519 -f ${host.ssh.keyFile}, or TWISTERLAB_SSH_KEY_FILE`,
      blocks: true,
    });
  }
  if (usesCluster(site, phase) && !existsSync(expandHome(cluster.kubeconfigFile))) {
    gaps.push({
      what: `kubeconfig: there is none at ${cluster.kubeconfigFile}`,
      howToFind: `copy /etc/rancher/k3s/k3s.yaml from the host, write ${cluster.apiServer} for its server, mode 600`,
      blocks: true,
    });
  }
  for (const { name, purpose, generated } of neededSecrets(site, phase)) {
    if (given.includes(name)) continue;
    const howToFind = generated === undefined ? `npm run secrets -- --set ${name}` : "npm run secrets";
    gaps.push({ what: `twisterlab-edge:secrets.${name}: ${purpose}`, howToFind, blocks: true });
  }
  for (const { key: name, what, howToFind, blocks } of unknownFacts(site, phase)) {
    gaps.push({ what: `${name}: ${what}`, howToFind, blocks: blocks === "up" });
  }
  return [...gaps.filter(({ blocks }) => blocks), ...gaps.filter(({ blocks }) => !blocks)];
}

/** Whether a phase has objects on the cluster. */
export function usesCluster({ phase0, phase1, phase4 }: Site, phase: Phase): boolean {
  const { backups, podHygiene, mcpServices } = phase0;
  switch (phase) {
    case 0:
      return (
        backups.postgres !== undefined ||
        backups.redis !== undefined ||
        podHygiene.deployments.length > 0 ||
        Object.keys(mcpServices).length > 0
      );
    case 1:
      return phase1.harbor !== undefined;
    case 3:
      return true;
    case 4:
      return phase4.namespaces.length > 0;
    default:
      return false;
  }
}

/** The gaps that `up` is refused for, as lines; empty when nothing is in its way. */
export function describeBlocking(gaps: readonly Gap[]): string {
  return gaps
    .filter(({ blocks }) => blocks)
    .map(describe)
    .join("\n");
}

/** All gaps, in two lists, for the end of a preview; empty when everything is known. */
export function describeGaps(gaps: readonly Gap[]): string {
  const lists: [string, Gap[]][] = [
    [
      "Needed before up, which is refused without (`npm run doctor` reads from the host what it can):",
      gaps.filter(({ blocks }) => blocks),
    ],
    ["Not known yet; up goes on without:", gaps.filter(({ blocks }) => !blocks)],
  ];
  return lists
    .filter(([, list]) => list.length > 0)
    .map(([title, list]) => [title, ...list.map(describe)].join("\n"))
    .join("\n\n");
}

function describe({ what, howToFind }: Gap): string {
  return `  - ${what} (${howToFind})`;
}
