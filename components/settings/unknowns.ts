import { deepFreeze, type DeepReadonly } from "./draft.ts";
import { ownRegistry } from "./ownRegistry.ts";
import { isKnown } from "./schema/build.ts";
import { project, type Sections } from "./schema/index.ts";
import type { Phase } from "./stackName.ts";

/** A fact that nobody has told the site file yet. */
export interface UnknownFact {
  /** Where it belongs: `twisterlab-edge:host.ssh.hostKey`. */
  readonly key: string;
  /** What it is. */
  readonly what: string;
  /** A command on the host or a place to look. */
  readonly howToFind: string;
  /** Whether `up` refuses to start without it. */
  readonly blocks: "up" | "nothing";
}

/**
 * All facts that are still `unknown`.
 *
 * `up` is blocked where a wrong guess would change the wrong machine or overwrite the wrong disk.
 * @param phase whose `up` is asked about; without it, a fact blocks if it blocks any phase.
 */
export function unknownFacts(sections: Told, phase?: Phase): readonly UnknownFact[] {
  const { host, cluster, network, disks, policies, phase0, phase1, phase4 } = sections;
  const written = new Set(phase === undefined || phase === 1 ? writtenDisks(phase1) : []);
  const needsNode = [...(backedUp(phase0).length > 0 ? [0] : []), ...(ownRegistry(phase1) === undefined ? [] : [1])];
  // MetalLB must not give out an address that something else has.
  const needsPool = phase === undefined || phase === 3;
  const facts: (UnknownFact & { value: unknown })[] = [
    {
      value: host.machineId,
      key: "host.machineId",
      what: "Identity of the machine",
      howToFind: "cat /etc/machine-id",
      blocks: "up",
    },
    {
      value: host.ssh.hostKey,
      key: "host.ssh.hostKey",
      what: "Key that the machine's SSH server proves itself by",
      howToFind: "cat /etc/ssh/ssh_host_ed25519_key.pub, at the machine itself",
      blocks: "up",
    },
    {
      value: needsNode.length > 0 ? cluster.node : "(nothing on the cluster needs it)",
      key: "cluster.node",
      what: "Name of the machine's node in Kubernetes",
      howToFind: "kubectl get nodes",
      blocks: phase === undefined || needsNode.includes(phase) ? ("up" as const) : ("nothing" as const),
    },
    {
      value: network.gateway,
      key: "network.gateway",
      what: "Router of the local network",
      howToFind: "ip route show default",
      blocks: needsPool ? "up" : "nothing",
    },
    {
      value: network.dhcpRange,
      key: "network.dhcpRange",
      what: "Addresses that the router gives out by DHCP",
      howToFind: "the router's own pages, under DHCP",
      blocks: needsPool ? "up" : "nothing",
    },
    ...Object.entries(disks).map(([name, disk]) => ({
      value: disk.serial,
      key: `disks.${name}.serial`,
      what: `Serial number of the disk ${name}`,
      howToFind: `lsblk --nodeps --noheadings --output SERIAL /dev/${disk.device}`,
      blocks: written.has(name) ? ("up" as const) : ("nothing" as const),
    })),
    ...backedUp(phase0).flatMap(({ kind, namespace, ...values }) =>
      (["user", "password"] as const).map((name) => ({
        value: values[name]?.key ?? "(none is needed)",
        key: `phase0.backups.${kind}.${name}.key`,
        what: `Key that has the ${name} of ${kind}`,
        // Unlike `get`, it shows no value.
        howToFind: `kubectl -n ${namespace} describe ${values[name]?.kind.toLowerCase() ?? ""} ${values[name]?.name ?? ""}`,
        blocks: phase === undefined || phase === 0 ? ("up" as const) : ("nothing" as const),
      })),
    ),
    {
      value: phase0.backups.copy?.hostKey ?? "(no copy behind SSH)",
      key: "phase0.backups.copy.hostKey",
      what: "Key that the SSH server proves itself by which the backups are copied to",
      howToFind: "cat /etc/ssh/ssh_host_ed25519_key.pub, at the target itself",
      blocks: phase === undefined || phase === 0 ? ("up" as const) : ("nothing" as const),
    },
    ...phase0.imageImports.map(({ image, id }, index) => ({
      value: id,
      key: `phase0.imageImports[${index}].id`,
      what: `ID of the image ${image}; the one that Docker has counts`,
      howToFind: `docker image inspect --format '{{.Id}}' ${image}`,
      blocks: "nothing" as const,
    })),
    {
      value:
        phase1.registry?.option === "external"
          ? phase1.registry.caCertificate
          : "(no registry, or the site's authority)",
      key: "phase1.registry.caCertificate",
      what: "Certificate authority of the private registry",
      howToFind: "ask whoever runs it",
      blocks: "nothing",
    },
    ...(phase === undefined || phase === 4 ? usedAddresses(phase4) : []).map(([name, value]) => ({
      value,
      key: `phase4.addresses.${name}`,
      what: `Network that the flow table calls ${name}`,
      howToFind: "the comment beside it; one address ends with /32",
      blocks: "up" as const,
    })),
    {
      value: policies.timeZone,
      key: "policies.timeZone",
      what: "Time zone of the machine",
      howToFind: "timedatectl show --property Timezone --value",
      blocks: "nothing",
    },
  ];
  const missing = facts
    .filter((fact) => !isKnown(fact.value))
    .map(({ key, what, howToFind, blocks }) => ({ key: `${project}:${key}`, what, howToFind, blocks }));
  return deepFreeze(missing);
}

function backedUp({ backups }: Told["phase0"]) {
  return (["postgres", "redis"] as const).flatMap((kind) => {
    const backup = backups[kind];
    return backup === undefined ? [] : [{ kind, ...backup }];
  });
}

/** Disks that phase 1 partitions or makes a physical volume of: what was on them is lost. */
function writtenDisks({ storage, dataRoots }: Told["phase1"]): string[] {
  return [
    ...(storage.option === "newDisk" ? [storage.disk] : []),
    ...dataRoots.filter(({ format }) => format !== "none").map(({ disk }) => disk),
  ];
}

/** Those that a flow needs. */
function usedAddresses({ addresses, flows }: Told["phase4"]) {
  const named = flows.flatMap(({ from, to }) => [...from, ...to]);
  return Object.entries(addresses).filter(([name]) => named.includes(name));
}

type Told = DeepReadonly<
  Pick<Sections, "host" | "cluster" | "network" | "disks" | "phase0" | "phase1" | "phase4" | "policies">
>;
