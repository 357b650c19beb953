import * as pulumi from "@pulumi/pulumi";
import { BackupCopy, type CopyTarget } from "../components/host/backupCopy.ts";
import { BackupFolder } from "../components/host/backupFolder.ts";
import { BackupLog } from "../components/host/backupLog.ts";
import { BuildBenchmark } from "../components/host/buildBenchmark.ts";
import { DiskAlert } from "../components/host/diskAlert.ts";
import { DiskCleanup } from "../components/host/diskCleanup.ts";
import { EntryPoint } from "../components/host/entryPoint.ts";
import { HostAccess } from "../components/host/hostAccess.ts";
import { JournaldLimit } from "../components/host/journaldLimit.ts";
import { K3sBackup } from "../components/host/k3sBackup.ts";
import { K3sImageImport, type ImageImport } from "../components/host/k3sImageImport.ts";
import { KubeletGarbageCollection } from "../components/host/kubeletGarbageCollection.ts";
import { LogRotation } from "../components/host/logRotation.ts";
import { isKnown, type Settings } from "../components/settings/index.ts";
import { imageSlug } from "../components/settings/values/image.ts";
import { diskHolding } from "../components/settings/values/repository.ts";
import { buildPhase0Cluster } from "./phase0Cluster.ts";
import { machineOf, withSite, type PhaseOutputs } from "./preparation.ts";

// From the seeds: the intervention plan (0.1 to 0.4), the phase 0 and phase 1 reports.
const WHY = {
  access: "the account that applies needs nothing but this program, and a key that can do everything is one to steal",
  journal: "logs took 28 GB of the disk, and by default the journal alone takes up to 4 GiB",
  rotation: "kern.log alone grew to 12 GB between two weekly rotations",
  alert: "nobody was told before the node came under DiskPressure and pods were evicted",
  cleanup: "the disk was cleared by hand each time, and with commands that take evidence and data along",
  kubelet: "DiskPressure came back again and again: images are to go before pods are evicted, and by themselves",
  image: "no registry has it, and Kubernetes sees nothing of what Docker has",
  backupFolder: "a backup on its database's own disk is lost with it",
  k3sBackup: "without its datastore and its token every object of the cluster is made again by hand",
  backupLog: "a backup that fails at night is noticed on the day that it is needed",
  backupCopy: "the backups are in the same machine as what they are of: fire, theft or an intruder takes both",
  build: "builds took 70 minutes and more, and nobody measured one from nothing after the tuning",
};

/**
 * Phase 0, stabilise: what filled the disk is limited, somebody is told before it is full again, and the way in is
 * narrowed.
 *
 * Host items run one after the other, as in phase 1.
 */
export function buildPhase0(settings: Settings): Promise<PhaseOutputs> {
  return withSite(settings, (host, cluster) => {
    const { phase0, site } = settings;
    const entryPoint = new EntryPoint("entry-point", { stack: pulumi.getStack(), machine: machineOf(settings) }, host);

    const { observerKey } = phase0.access;
    const access = new HostAccess(
      "host-access",
      { user: settings.host.ssh.user, ...(observerKey === undefined ? {} : { observerKey }), why: WHY.access },
      host,
      { dependsOn: entryPoint },
    );

    const journal = new JournaldLimit(
      "journald-limit",
      { maxUse: phase0.journald.maxUse.bytes, retention: phase0.journald.retention.seconds, why: WHY.journal },
      host,
      { dependsOn: access },
    );

    const { files, rotate, maxSize } = phase0.logRotation;
    const rotation = new LogRotation(
      "log-rotation",
      { files, rotate, maxSize: maxSize.bytes, why: WHY.rotation },
      host,
      { dependsOn: journal },
    );

    const alert = new DiskAlert(
      "disk-alert",
      { ...phase0.diskAlert, mounts: watchedMounts(settings), why: WHY.alert },
      host,
      { dependsOn: rotation },
    );

    const cleanup =
      phase0.diskCleanup &&
      new DiskCleanup(
        "disk-cleanup",
        { ...phase0.diskCleanup, journalLimit: phase0.journald.maxUse.bytes, why: WHY.cleanup },
        host,
        { dependsOn: alert },
      );

    const { evictBelow, containerLogs, ...limits } = phase0.kubelet;
    const kubelet = new KubeletGarbageCollection(
      "kubelet",
      {
        ...limits,
        evictBelow: { ...evictBelow, memory: evictBelow.memory.bytes },
        containerLogs: { ...containerLogs, maxSize: containerLogs.maxSize.bytes },
        why: WHY.kubelet,
      },
      host,
      { dependsOn: cleanup ?? alert },
    );

    const images = phase0.imageImports.reduce<K3sImageImport[]>((before, wanted) => {
      const image = new K3sImageImport(
        `k3s-image-${imageSlug(wanted.image)}`,
        { ...imageImportArgs(wanted), why: WHY.image },
        host,
        { dependsOn: before.at(-1) ?? kubelet },
      );
      return [...before, image];
    }, []);

    const { backups } = phase0;
    const mount = settings.disks[backups.disk]?.mount ?? "";
    const path = `${mount}/twisterlab-edge/backups`;
    const retention = backups.retention.seconds;
    const folder = new BackupFolder("backup-folder", { mount, path, why: WHY.backupFolder }, host, {
      dependsOn: images.at(-1) ?? kubelet,
    });
    const k3sBackup = new K3sBackup(
      "k3s-backup",
      { path, hour: backups.k3sHour, retention, why: WHY.k3sBackup },
      host,
      {
        dependsOn: folder,
      },
    );
    const drilled = (["postgres", "redis"] as const).filter((kind) => backups[kind] !== undefined);
    const log = new BackupLog(
      "backup-log",
      {
        path,
        kinds: [...drilled, "k3s"],
        drilled,
        maxAge: backups.lateAfter.seconds,
        maxDrillAge: backups.drillLateAfter.seconds,
        ...(backups.copy === undefined ? {} : { maxCopyAge: backups.copy.lateAfter.seconds }),
        why: WHY.backupLog,
      },
      host,
      { dependsOn: k3sBackup },
    );

    const copy =
      backups.copy &&
      new BackupCopy(
        "backup-copy",
        {
          path,
          kinds: [...drilled, "k3s"],
          hostName: settings.host.name,
          target: copyTarget(settings, backups.copy),
          password: settings.secrets.backupCopyPassword,
          hour: backups.copy.hour,
          retention: backups.copy.retention.seconds,
          why: WHY.backupCopy,
        },
        host,
        { dependsOn: log },
      );

    const benchmark =
      phase0.buildBenchmark &&
      new BuildBenchmark(
        "build-benchmark",
        {
          ...phase0.buildBenchmark,
          fullBelow: phase0.buildBenchmark.fullBelow.seconds,
          cachedBelow: phase0.buildBenchmark.cachedBelow.seconds,
          why: WHY.build,
        },
        host,
        // Last, so that nothing else is working for us on the host.
        { dependsOn: copy ?? log },
      );

    const onCluster = buildPhase0Cluster(settings, cluster, path, log);

    return {
      site: site.name,
      importedImages: images.length === 0 ? undefined : images.map(({ report }) => report),
      buildBenchmark: benchmark?.report,
      backupCopyKey: copy?.publicKey,
      ...onCluster,
    };
  });
}

/** / and the disks that are mounted. */
function watchedMounts({ disks, rootVolume }: Settings): string[] {
  return [rootVolume.mount, ...Object.values(disks).flatMap(({ mount }) => mount ?? [])];
}

type Copy = NonNullable<Settings["phase0"]["backups"]["copy"]>;

function copyTarget({ disks, secrets }: Settings, { repository, hostKey, port = 22 }: Copy): CopyTarget {
  const { text } = repository;
  switch (repository.kind) {
    case "sftp": {
      const { user, host } = repository;
      return { repository: text, ssh: { user, host, port, hostKey: hostKey === "unknown" ? undefined : hostKey } };
    }
    case "s3": {
      const { backupCopyAccessKey: accessKey, backupCopySecretKey: secretKey } = secrets;
      return { repository: text, bucket: { accessKey, secretKey } };
    }
    case "folder":
      return { repository: text, mount: diskHolding(text, disks)?.mount ?? "" };
  }
}

function imageImportArgs(wanted: Settings["phase0"]["imageImports"][number]): ImageImport {
  return {
    image: wanted.image,
    ...(isKnown(wanted.id) ? { id: wanted.id } : {}),
    ...(wanted.source === "archive" ? { archive: wanted.archive } : {}),
  };
}
