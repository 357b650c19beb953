import * as z from "zod";

import { harborChart } from "../values/chart.ts";
import { taggedImage } from "../values/image.ts";
import { caCertificate } from "../values/key.ts";
import { dnsLabel, hostName, hostPath, registryUrl, registryUser } from "../values/name.ts";
import { cpu, memory } from "../values/quantity.ts";
import { harborSchedule } from "../values/schedule.ts";
import { size } from "../values/size.ts";
import {
  choice,
  count,
  expectedVariant,
  fact,
  flag,
  keysOfOthers,
  list,
  named,
  object,
  text,
  textOrNumber,
} from "./build.ts";

const growth = {
  size: text(size, "Size of the root volume afterwards: absolute, so that a second run changes nothing."),
  reserve: text(size, "Space that stays free in the volume group, for snapshots and the day a disk fills up."),
};
const newDisk = { disk: text(dnsLabel, "Empty disk that joins the volume group, by its name under `disks`.") };
const reclaim = {
  reclaim: object("What is cleared away; volumes and running containers never are.", {
    images: flag(
      "Of Docker, images without a name that no container uses, and build cache; of K3s, images from a registry that no container uses.",
    ),
    packages: flag("Packages that nothing needs any more, old kernels among them, and the package cache."),
  }),
};
const storageKeys = {
  extend: Object.keys(growth),
  newDisk: Object.keys({ ...newDisk, ...growth }),
  reclaim: Object.keys(reclaim),
};
const aboutStorage = "How / gets room: `extend` in place (A), `newDisk` (B) or `reclaim` (C).";
const storage = z
  .discriminatedUnion(
    "option",
    [
      object(
        "Option A: the root volume grows into the free space of its volume group.",
        { option: z.literal("extend"), ...growth },
        keysOfOthers("option", "extend", storageKeys),
      ),
      object(
        "Option B: an empty disk joins the volume group, then the root volume grows.",
        { option: z.literal("newDisk"), ...newDisk, ...growth },
        keysOfOthers("option", "newDisk", storageKeys),
      ),
      object(
        "Option C: nothing grows; what is not needed is cleared away.",
        { option: z.literal("reclaim"), ...reclaim },
        keysOfOthers("option", "reclaim", storageKeys),
      ),
    ],
    { error: expectedVariant(Object.keys(storageKeys), aboutStorage) },
  )
  .meta({ description: aboutStorage });

const root = {
  path: choice("Folder whose content moves.", ["/var/lib/docker", "/var/lib/rancher"]),
  disk: text(dnsLabel, "Disk that it moves to, by its name under `disks`."),
};
const freshDisk = { mount: text(hostPath, "Where the new file system is mounted.") };
const rootKeys = { none: Object.keys(root), ext4: Object.keys({ ...root, ...freshDisk }) };
const aboutFormat = "`ext4` partitions and formats an empty new disk, `none` uses the file system that the disk has.";
const dataRoot = z
  .discriminatedUnion(
    "format",
    [
      object(
        "Move to a disk in use.",
        { ...root, format: z.literal("none") },
        keysOfOthers("format", "none", rootKeys),
      ),
      object("Move to an empty new disk.", { ...root, format: z.literal("ext4"), ...freshDisk }),
    ],
    { error: expectedVariant(Object.keys(rootKeys), aboutFormat) },
  )
  .meta({ description: `A folder that moves to another disk. ${aboutFormat}` });

const registryAccess = {
  host: text(hostName, "Host name of the registry; K3s speaks https to it."),
  pullUser: text(registryUser, "Account that K3s pulls with; its password is `secrets.registryPullPassword`."),
  caFile: text(hostPath, "Where the authority's certificate stands on the host."),
};
const ownRegistry = {
  pushUser: text(registryUser, "Account that CI pushes with; its password is `secrets.registryPushPassword`.").prefault(
    "robot$ci",
  ),
  disk: text(
    dnsLabel,
    "Disk that its data is on, by its name under `disks`; neither that of / nor that of the backups.",
  ),
  size: text(memory, "Room that Kubernetes is told of for the images.").prefault("40Gi"),
};
const severities = ["none", "low", "medium", "high", "critical"] as const;
const roles = ["projectAdmin", "maintainer", "developer", "guest", "limitedGuest"] as const;
const project = object("A project: a group of repositories with rules of its own.", {
  public: flag("Whether everybody may pull from it, without an account.").default(false),
  scanOnPush: flag("Whether each image is scanned when it is pushed.").default(true),
  preventFrom: choice(
    "Severity of a vulnerability from which on an image is not given out; `none`: each is.",
    severities,
  ).default("critical"),
  keep: count("Images of each repository that stay, those pushed last; the others go.", 1, 1000).default(20),
  members: named("Users of Harbor and what they may do in it.", registryUser, choice("Role.", roles)).default({}),
});
const harborKeys = {
  version: text(harborChart, "Version of Harbor's chart.").prefault("1.19.4"),
  projects: named("Projects that are there, by their names; others are left alone.", dnsLabel, project).prefault({
    twisterlab: {},
  }),
  retention: text(harborSchedule, "When images that are not kept go, in UTC.").prefault("0 0 1 * * 0"),
  garbageCollection: text(
    harborSchedule,
    "When what no image needs any more is cleared from the disk, in UTC: after `retention`.",
  ).prefault("0 0 3 * * 0"),
  replication: object("Registry that all images are copied to.", {
    url: text(registryUrl, "Where it is."),
    user: text(registryUser, "Account there; its password is `secrets.replicationPassword`."),
    schedule: text(harborSchedule, "When it is done, in UTC.").prefault("0 0 5 * * *"),
  }).exactOptional(),
};
const distributionKeys = { image: text(taggedImage, "Image of the registry.").prefault("registry:3.0.0") };
const externalKeys = {
  caCertificate: fact(caCertificate, "Certificate authority of the registry; while unknown, the system's are trusted."),
};
const registryKeys = {
  harbor: Object.keys({ ...registryAccess, ...ownRegistry, ...harborKeys }),
  distribution: Object.keys({ ...registryAccess, ...ownRegistry, ...distributionKeys }),
  external: Object.keys({ ...registryAccess, ...externalKeys }),
};
const aboutRegistry =
  "What serves it: `harbor` on this cluster, `distribution`, a plain registry on this cluster, or `external`, somebody else.";
const registry = z
  .discriminatedUnion(
    "option",
    [
      object(
        "Harbor, on this cluster, with the site's certificate authority.",
        { option: z.literal("harbor"), ...registryAccess, ...ownRegistry, ...harborKeys },
        keysOfOthers("option", "harbor", registryKeys),
      ),
      object(
        "A plain registry of the CNCF's distribution, on this cluster, with the site's certificate authority.",
        { option: z.literal("distribution"), ...registryAccess, ...ownRegistry, ...distributionKeys },
        keysOfOthers("option", "distribution", registryKeys),
      ),
      object(
        "A registry that this program does not make.",
        { option: z.literal("external").optional().default("external"), ...registryAccess, ...externalKeys },
        keysOfOthers("option", "external", registryKeys),
      ),
    ],
    { error: expectedVariant(Object.keys(registryKeys), aboutRegistry) },
  )
  .meta({ description: `The private registry that K3s pulls from. ${aboutRegistry}` });

export const phase1 = object("Phase 1, foundation.", {
  storage,
  dataRoots: list("Folders that move to another disk; none when left out.", dataRoot, 0).default([]),
  mountOptions: object("Mount options that spare the disk.", {
    mount: text(hostPath, "Mount point."),
    options: list(
      "Options that are added; only such as a remount can take back.",
      choice("Mount option.", ["noatime", "nodiratime"]),
    ),
  }).exactOptional(),
  docker: object("The Docker daemon, as /etc/docker/daemon.json has it.", {
    storageDriver: choice("Storage driver.", ["overlay2"]),
    liveRestore: flag("Containers go on while the daemon restarts."),
    logMaxSize: text(size, "Size at which a container's log is rotated; Docker counts its `m` in units of 1000."),
    logMaxFiles: count("Log files that are kept for each container.", 1, 1000),
    maxConcurrentDownloads: count("Layers pulled at once.", 1, 100),
    maxConcurrentUploads: count("Layers pushed at once.", 1, 100),
    openFiles: count("Files that a container may have open.", 1024, 1048576),
    extra: z
      .record(z.string(), z.unknown(), { error: "must be a mapping of further keys of daemon.json" })
      .meta({ description: "Further keys that stand in daemon.json today and must stay, as they stand there." })
      .exactOptional(),
  }).exactOptional(),
  registry: registry.exactOptional(),
  diskBenchmark: object("Read speed of the disks, measured and recorded.", {
    disks: list("Disks, by their names under `disks`.", text(dnsLabel, "Disk.")),
  }).exactOptional(),
  harbor: object("Namespace of the registry that this program makes.", {
    namespace: text(dnsLabel, "Name of the namespace."),
    podSecurity: choice("Pod security standard that is enforced.", ["privileged", "baseline", "restricted"]),
    quota: object("Most that the namespace may take.", {
      requestsCpu: textOrNumber(cpu, "Sum of the processor shares promised to its pods."),
      requestsMemory: text(memory, "Sum of the memory promised to its pods."),
      limitsCpu: textOrNumber(cpu, "Sum of the processor shares its pods may use."),
      limitsMemory: text(memory, "Sum of the memory its pods may use."),
      claims: count("Persistent volume claims.", 0, 1000),
      storage: text(memory, "Sum of the sizes of its claims."),
    }),
  }).exactOptional(),
});
