import * as z from "zod";

import { duration } from "../values/duration.ts";
import { imageId, taggedImage } from "../values/image.ts";
import { sshHostKey, sshPublicKey } from "../values/key.ts";
import { dataKey, dnsLabel, hostPath, namespacedName, relativePath, urlPath } from "../values/name.ts";
import { memory } from "../values/quantity.ts";
import { backupRepository } from "../values/repository.ts";
import { cronSchedule } from "../values/schedule.ts";
import { size } from "../values/size.ts";
import { share } from "./cluster.ts";
import { choice, count, expectedVariant, fact, flag, keysOfOthers, list, named, object, text } from "./build.ts";

const valueOf = (what: string) =>
  object(what, {
    kind: choice("Kind of the object that has it.", ["Secret", "ConfigMap"]),
    name: text(dnsLabel, "Name of the object, which is there already."),
    key: fact(dataKey, "Key in it."),
  });

const backup = (what: string, drill: string) =>
  object(`Backup of ${what}.`, {
    namespace: text(dnsLabel, "Namespace of the workload."),
    workload: text(dnsLabel, "Workload, by its name under `workloads`."),
    schedule: text(cronSchedule, "When it runs, in the time of the machine."),
    drill: text(cronSchedule, "When the newest backup is restored for a trial, in the time of the machine.").prefault(
      drill,
    ),
    scratch: text(memory, "Most that such a trial may take of the machine's disk.").prefault("10Gi"),
    user: valueOf("User that the backup logs in as; default: `postgres`.").exactOptional(),
    password: valueOf("Password; default: none is needed.").exactOptional(),
  });

const copy = object("A second copy of all backups: encrypted, and read back each time. Its password is a secret.", {
  repository: text(
    backupRepository,
    "Where it is kept: behind SSH, in a bucket of S3, or in a folder on another disk of the machine.",
  ),
  port: count("TCP port of the target's SSH server; default: 22.", 1, 65535).exactOptional(),
  hostKey: fact(sshHostKey, "Public key that the target's SSH server proves itself by: type and key.").exactOptional(),
  hour: count("Hour of the day at which it is made, in the time of the machine.", 0, 23).default(5),
  retention: text(duration, "How long a state of the backups is kept in it; the last one stays.").prefault("30 days"),
  lateAfter: text(duration, "Age of the newest good copy at which the system log says so.").prefault("26 h"),
});

const percent = (what: string) => count(`Percent ${what}`, 1, 99);

const kubelet = object("What the kubelet clears away before the disk is full, as flags of K3s.", {
  imageGc: object("Images that no container uses.", {
    high: percent("of the disk in use above which they are cleared away."),
    low: percent("of the disk in use at which that stops."),
  }).prefault({ high: 80, low: 70 }),
  evictBelow: object("What is left when pods are evicted. Every signal is set: one that is not has no threshold.", {
    memory: text(size, "Main memory."),
    disk: percent("of the disk of the pods."),
    imageDisk: percent("of the disk of the images."),
    inodes: percent("of the inodes of the disk of the pods."),
    imageInodes: percent("of the inodes of the disk of the images."),
  }).prefault({ memory: "300 MiB", disk: 10, imageDisk: 10, inodes: 5, imageInodes: 5 }),
  reclaim: object("Least that an eviction frees.", {
    disk: percent("of the disk of the pods."),
    imageDisk: percent("of the disk of the images."),
  }).prefault({ disk: 5, imageDisk: 5 }),
  containerLogs: object("Logs of the pods' containers; Docker's limits do not reach them.", {
    maxSize: text(size, "Size at which one is rotated."),
    maxFiles: count("Files that are kept for each container.", 2, 100),
  }).prefault({ maxSize: "20 MiB", maxFiles: 3 }),
});

const imported = { image: text(taggedImage, "Name with tag, as Docker calls it.") };
const unpacked = { archive: text(hostPath, "File on the machine, made by `docker save` of this one image.") };
const importKeys = {
  docker: [...Object.keys(imported), "id"],
  archive: [...Object.keys({ ...imported, ...unpacked }), "id"],
};
const aboutSource = "`docker` takes the image from the machine's own Docker, `archive` from a file on the machine.";
const imageImport = z
  .discriminatedUnion(
    "source",
    [
      object(
        "From the machine's own Docker.",
        {
          ...imported,
          source: z.literal("docker"),
          id: fact(imageId, "Its ID, by which it is verified; while unknown, the one that Docker has counts.").default(
            "unknown",
          ),
        },
        keysOfOthers("source", "docker", importKeys),
      ),
      object("From an archive.", {
        ...imported,
        source: z.literal("archive"),
        ...unpacked,
        id: text(imageId, "Its ID, by which it is verified."),
      }),
    ],
    { error: expectedVariant(Object.keys(importKeys), aboutSource) },
  )
  .meta({ description: `An image that no registry has. ${aboutSource}` });

const buildBenchmark = object("Time that Docker takes to build an image on the machine, measured once.", {
  context: text(hostPath, "Folder on the machine that is built in."),
  dockerfile: text(relativePath, "Dockerfile, from that folder.").prefault("Dockerfile"),
  fullBelow: text(duration, "What a build from nothing is to stay below.").prefault("60 min"),
  cachedBelow: text(duration, "What a build is to stay below that finds everything in the cache.").prefault("3 s"),
});

export const phase0 = object("Phase 0, stabilise.", {
  access: object("Who gets into the machine for this program.", {
    observerKey: text(
      sshPublicKey,
      "Public key of an account that may only observe; without it there is no such account.",
    ).exactOptional(),
  }).prefault({}),
  journald: object("Limits of the system journal.", {
    maxUse: text(size, "Most that the journal takes on disk."),
    retention: text(duration, "Oldest entry that is kept."),
  }),
  logRotation: object("Rotation of the logs that filled the disk.", {
    files: list("Log files.", text(hostPath, "Log file.")),
    rotate: count("Rotated files that are kept.", 1, 365),
    maxSize: text(size, "Size at which a log is rotated before its day."),
  }),
  diskAlert: object("Warning in the system log when / or one of the disks fills up.", {
    threshold: count("Percent in use above which it warns.", 1, 99),
    critical: count("Percent in use above which the warning is a critical one.", 1, 99).default(90),
  }),
  diskCleanup: object("Clearing, each day, of what can be had again, when / fills up; none when left out.", {
    threshold: count("Percent of / in use above which it clears.", 1, 99).default(75),
    hour: count("Hour of the day in which it looks, in the time of the machine.", 0, 23).default(5),
  }).exactOptional(),
  kubelet: kubelet.prefault({}),
  imageImports: list("Images that K3s is given because no registry has them.", imageImport, 0).default([]),
  buildBenchmark: buildBenchmark.exactOptional(),
  backups: object("Backups of the databases and of K3s.", {
    disk: text(dnsLabel, "Disk that the backups are kept on, by its name under `disks`."),
    retention: text(duration, "How long a backup is kept; the last one stays."),
    size: text(memory, "Room that Kubernetes is told of for them.").prefault("50Gi"),
    lateAfter: text(duration, "Age of the newest backup of a kind at which the system log says so.").prefault("26 h"),
    drillLateAfter: text(duration, "As `lateAfter`, for the newest trial of restoring one.").prefault("8 days"),
    k3sHour: count("Hour of the day at which K3s' datastore is saved, in the time of the machine.", 0, 23).default(3),
    postgres: backup("PostgreSQL", "0 4 * * 0").exactOptional(),
    redis: backup("Redis", "30 4 * * 0").exactOptional(),
    copy: copy.exactOptional(),
  }),
  podHygiene: object("What is cleared away on the cluster.", {
    namespace: text(dnsLabel, "Namespace that the job runs in: one whose databases are backed up.").exactOptional(),
    namespaces: list("Namespaces that it looks at.", text(dnsLabel, "Namespace."), 0).default([]),
    image: text(taggedImage, "Image with Python.").prefault("python:3.13-alpine"),
    schedule: text(cronSchedule, "When it runs, in the time of the machine.").prefault("30 * * * *"),
    minimumAge: text(duration, "Time since its end after which a pod goes.").prefault("24 h"),
    dryRun: flag("Only says what would go.").default(false),
    leftovers: list("Pods that nobody needs any more, as namespace/name.", text(namespacedName, "Namespace/name."), 0),
    revisionHistoryLimit: count("Old ReplicaSets that a Deployment keeps.", 0, 100),
    deployments: list(
      "Deployments that are told to keep no more, as namespace/name.",
      text(namespacedName, "Namespace/name."),
      0,
    ).default([]),
  }),
  mcpServices: named(
    "MCP services, by their name.",
    dnsLabel,
    object("An MCP service.", {
      namespace: text(dnsLabel, "Namespace."),
      image: text(taggedImage, "Image with its tag."),
      pull: flag("Whether its image comes from a registry; default: K3s was given it.").default(false),
      port: count("Port that it listens on.", 1, 65535).default(8080),
      health: text(urlPath, "Path that answers when it is well.").prefault("/health"),
      requests: share("What its pod is promised."),
      limits: share("What its pod may use at most."),
    }),
  ).default({}),
});
