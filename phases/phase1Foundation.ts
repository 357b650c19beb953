import * as pulumi from "@pulumi/pulumi";
import { RegistryNamespace, type RegistryNamespaceArgs } from "../components/cluster/registryNamespace.ts";
import { DataRoot } from "../components/host/dataRoot.ts";
import { DiskBenchmark } from "../components/host/diskBenchmark.ts";
import { DockerDaemon } from "../components/host/dockerDaemon.ts";
import { EntryPoint } from "../components/host/entryPoint.ts";
import { LogicalVolume, type LogicalVolumeArgs } from "../components/host/logicalVolume.ts";
import { MountOptions } from "../components/host/mountOptions.ts";
import { ReclaimedSpace } from "../components/host/reclaimedSpace.ts";
import { isKnown, type Settings } from "../components/settings/index.ts";
import { ownRegistry } from "../components/settings/ownRegistry.ts";
import {
  describeRegistry,
  harborState,
  refuseOverBudget,
  registryFolder,
  registryIdentity,
  registryOnCluster,
  registryOnHost,
} from "./phase1Registry.ts";
import { machineOf, podSecurityVersion, withSite, type PhaseOutputs } from "./preparation.ts";

// From the seeds: the intervention plan (1.1 to 1.3), the phase 1 plan and report, the go/no-go meeting.
const WHY = {
  room: "phase 1 wants / above 140 GB and below 60 % used, so that DiskPressure does not come back",
  mountOptions: "reading a file should not cause a write (its access time), and this disk is slow",
  dataRoot: "builds on the system disk took over an hour",
  docker:
    "container logs have no limit by default (existing containers keep theirs until they are created again), and a spinning disk is slow with many transfers at once",
  benchmark: "the plan names the disk as the cause of slow builds, and nobody has measured it",
};

/**
 * Phase 1, foundation: room on the disk, a tuned Docker daemon, K3s pulling from the private registry, and that
 * registry's namespace.
 *
 * Host items run one after the other: each of them may restart a service, and a host that misbehaves after a change
 * must not be in the middle of another one. An item that the site file no longer has is undone,
 * but for what is protected because it holds data.
 */
export function buildPhase1(settings: Settings): Promise<PhaseOutputs> {
  return withSite(settings, async (host, cluster, lastOutput) => {
    const { disks, phase1, rootVolume, site } = settings;
    const identity = await registryIdentity(settings);
    if (phase1.registry !== undefined) {
      refuseOverBudget(settings, phase1.registry);
    }
    let before: pulumi.Resource = new EntryPoint(
      "entry-point",
      { stack: pulumi.getStack(), machine: machineOf(settings) },
      host,
    );

    // More room first: everything after it writes to /.
    const room =
      phase1.storage.option === "reclaim"
        ? new ReclaimedSpace("reclaimed-space", { ...phase1.storage.reclaim, why: WHY.room }, host, {
            dependsOn: before,
          })
        : new LogicalVolume("root-volume", rootVolumeArgs(settings, phase1.storage), host, { dependsOn: before });
    before = room;

    if (phase1.mountOptions !== undefined) {
      const { mount, options } = phase1.mountOptions;
      before = new MountOptions("mount-options", { mount, options: [...options], why: WHY.mountOptions }, host, {
        dependsOn: before,
      });
    }

    for (const root of phase1.dataRoots) {
      const disk = disks[root.disk];
      const mount = root.format === "none" ? disk?.mount : root.mount;
      before = new DataRoot(
        `data-root-${root.path.split("/").at(-1) ?? ""}`,
        {
          path: root.path,
          diskSerial: disk?.serial ?? "unknown",
          mount: mount ?? "",
          format: root.format,
          why: WHY.dataRoot,
        },
        host,
        { dependsOn: before },
      );
    }

    if (phase1.docker !== undefined) {
      const options = { ...phase1.docker, logMaxSize: phase1.docker.logMaxSize.bytes };
      before = new DockerDaemon("docker-daemon", { ...options, why: WHY.docker }, host, { dependsOn: before });
    }

    if (phase1.registry !== undefined) {
      before = registryOnHost(settings, phase1.registry, identity, host, before);
    }
    const configuration = await harborState(settings, identity, await lastOutput("harborRevision"));
    const own = ownRegistry(phase1);
    if (own !== undefined) {
      before = registryFolder(settings, own, host, before);
    }

    // Last, so that nothing else is reading or writing for us.
    const benchmark =
      phase1.diskBenchmark === undefined
        ? undefined
        : new DiskBenchmark(
            "disk-benchmark",
            {
              disks: phase1.diskBenchmark.disks.map((name) => disks[name]?.device ?? name),
              why: WHY.benchmark,
              rootDevice: `/dev/${rootVolume.volumeGroup}/${rootVolume.logicalVolume}`,
            },
            host,
            { dependsOn: before },
          );

    const namespace =
      phase1.harbor === undefined
        ? undefined
        : new RegistryNamespace("registry-namespace", registryNamespaceArgs(settings, phase1.harbor), {
            ...cluster.options,
            // A cluster that does not answer keeps no item of the host from being applied.
            dependsOn: benchmark ?? before,
          });

    if (own !== undefined && namespace !== undefined) {
      registryOnCluster(settings, own, identity, configuration, cluster, namespace);
    }
    if (phase1.registry !== undefined && pulumi.runtime.isDryRun()) {
      const text = describeRegistry(
        settings,
        phase1.registry,
        identity,
        configuration,
        (await lastOutput("registry")) as string | undefined,
      );
      if (text !== "") {
        void pulumi.log.info(text);
      }
    }

    return {
      site: site.name,
      rootVolumeBytes: room instanceof LogicalVolume ? room.size : undefined,
      diskBenchmark: benchmark?.report,
      registryNamespace: namespace?.namespace,
      registry: phase1.registry?.option,
      harborRevision: configuration?.revision,
    };
  });
}

function rootVolumeArgs(
  { disks, phase0, rootVolume }: Settings,
  storage: Exclude<Settings["phase1"]["storage"], { option: "reclaim" }>,
): LogicalVolumeArgs {
  const { volumeGroup, logicalVolume, filesystem, mount, recordedSize } = rootVolume;
  const diskSerial = disks[rootVolume.disk]?.serial ?? "unknown";
  return {
    volumeGroup,
    logicalVolume,
    filesystem,
    mount,
    size: storage.size.bytes,
    reserve: storage.reserve.bytes,
    recordedSize: recordedSize.bytes,
    why: WHY.room,
    // The disk that keeps the backups is the one disk that settings know to be outside the volume group.
    metadataBackup: `${disks[phase0.backups.disk]?.mount ?? ""}/twisterlab-edge/lvm`,
    ...(isKnown(diskSerial) ? { diskSerial } : {}),
    ...(storage.option === "newDisk" ? { addDisk: disks[storage.disk]?.serial ?? "unknown" } : {}),
  };
}

function registryNamespaceArgs(
  { host }: Settings,
  harbor: NonNullable<Settings["phase1"]["harbor"]>,
): RegistryNamespaceArgs {
  return {
    namespace: harbor.namespace,
    podSecurity: harbor.podSecurity,
    podSecurityVersion: podSecurityVersion(host.k3sVersion),
    quota: {
      requestsCpu: harbor.quota.requestsCpu.text,
      requestsMemory: harbor.quota.requestsMemory.text,
      limitsCpu: harbor.quota.limitsCpu.text,
      limitsMemory: harbor.quota.limitsMemory.text,
      claims: harbor.quota.claims,
      storage: harbor.quota.storage.text,
    },
  };
}
