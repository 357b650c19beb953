// What must hold between settings: one small function a rule, each yielding what breaks it.
import { NotParsed } from "./draft.ts";
import { type Fault, nearest } from "./faults.ts";
import { flowRules } from "./flowRules.ts";
import { OBSERVER } from "../host/paths.ts";
import { CHART_JOB, HARBOR_VOLUMES, harborTakes } from "../harborShape.ts";
import { shareOf, sum, type Share } from "../podResources.ts";
import { ownRegistry } from "./ownRegistry.ts";
import { isKnown } from "./schema/build.ts";
import { fault, type Rule, type Told } from "./rule.ts";
import { contains, overlap } from "./values/address.ts";
import { imageSlug } from "./values/image.ts";
import { memory } from "./values/quantity.ts";
import { diskHolding } from "./values/repository.ts";
import { formatBytes } from "./values/size.ts";

/** Every fault that the rules find; a rule that would need a faulty value is left out until that one is mended. */
export function brokenRules(told: Told, origin: { readonly site?: string | undefined }): Fault[] {
  const faults: Fault[] = [];
  for (const rule of rules) {
    try {
      for (const fault of rule(told, origin)) faults.push(fault);
    } catch (error) {
      if (!(error instanceof NotParsed)) throw error;
    }
  }
  return faults;
}

const rules: readonly Rule[] = [
  siteIsNamedAsItsFile,
  confirmationOutlastsTheConnection,
  previewWaitsBriefly,
  apiServerIsTheHost,
  hostIsOnItsNetwork,
  gatewayIsOnTheNetwork,
  dhcpRangeIsOnTheNetwork,
  clusterRangesAreApart,
  nodePortsAreUnique,
  devicesAreUnique,
  diskMountsAreUnique,
  rootVolumeIsOnItsDisk,
  rootVolumeFitsItsDisk,
  requestsAreWithinLimits,
  replicasRunForwards,
  requestsFitTheMachine,
  harborFitsBesideTheRest,
  harborRequestsAreWithinLimits,
  observerIsAnother,
  imagesGoBeforePods,
  importedImagesDiffer,
  alertsGetWorse,
  backupDiskIsAnother,
  copyGoesElsewhere,
  copyKnowsItsTarget,
  copyComesAfterwards,
  backupSchedulesDiffer,
  backedUpWorkloadsExist,
  backedUpWorkloadsAreKnown,
  hygieneLooksAtKnownNamespaces,
  rootVolumeNeverShrinks,
  targetSizeFits,
  newDiskIsEmpty,
  reclaimsSomething,
  dataRootsMoveOnce,
  dataRootDiskSuitsItsFormat,
  dataRootMountsAreFree,
  mountOptionsAreForTheRootVolume,
  benchmarkedDisksExist,
  registryIsInTheDomain,
  registryHasANamespace,
  registryDiskIsAnother,
  registryAccountsDiffer,
  registryVolumesFitTheQuota,
  harborFitsItsQuota,
  poolIsOnTheNetwork,
  poolIsFree,
  poolIsOutsideTheCluster,
  ingressHostsAreInTheDomain,
  ...flowRules,
];

function* siteIsNamedAsItsFile({ site }: Told, origin: { readonly site?: string | undefined }) {
  if (origin.site === undefined || site.name === origin.site) return;
  yield fault(["site", "name"], site.name, `is not the site of the file or the stack, which is \`${origin.site}\``);
}

function* confirmationOutlastsTheConnection({ safety, host }: Told) {
  const connecting = host.ssh.dialErrorLimit * host.ssh.perDialTimeout.seconds;
  if (safety.confirmWithin.seconds > connecting) return;
  const reason = `is over before the ${connecting} s that connecting may take (ssh.dialErrorLimit times ssh.perDialTimeout), so every change would be undone; allow more`;
  yield fault(["safety", "confirmWithin"], safety.confirmWithin.text, reason);
}

function* previewWaitsBriefly({ safety }: Told) {
  if (safety.observeTimeout.seconds <= 60) return;
  yield fault(
    ["safety", "observeTimeout"],
    safety.observeTimeout.text,
    "is too long to wait in a preview; at most `60 s`",
  );
}

function* apiServerIsTheHost({ cluster, host }: Told) {
  const hostname = new URL(cluster.apiServer).hostname.replaceAll(/[[\]]/g, "");
  if (hostname === host.address || hostname === host.name) return;
  const reason = `is another machine; the host is \`${host.address}\` or \`${host.name}\``;
  yield fault(["cluster", "apiServer"], cluster.apiServer, reason);
}

function* hostIsOnItsNetwork({ host, network }: Told) {
  if (contains(network.cidr, host.address)) return;
  yield fault(["host", "address"], host.address, `is not on the local network, \`network.cidr\` ${network.cidr}`);
}

function* gatewayIsOnTheNetwork({ host, network }: Told) {
  const { gateway } = network;
  if (!isKnown(gateway)) return;
  if (gateway === host.address) yield fault(["network", "gateway"], gateway, "is the machine itself, `host.address`");
  else if (!contains(network.cidr, gateway)) {
    yield fault(["network", "gateway"], gateway, `is not on the local network, \`network.cidr\` ${network.cidr}`);
  }
}

function* dhcpRangeIsOnTheNetwork({ host, network }: Told) {
  const { dhcpRange } = network;
  if (!isKnown(dhcpRange)) return;
  if (!contains(network.cidr, dhcpRange)) {
    yield fault(
      ["network", "dhcpRange"],
      dhcpRange.text,
      `is not on the local network, \`network.cidr\` ${network.cidr}`,
    );
  }
  if (overlap(dhcpRange, host.address)) {
    const reason = `has \`host.address\` ${host.address} in it, which the router may then give to another machine`;
    yield fault(["network", "dhcpRange"], dhcpRange.text, reason);
  }
}

function* clusterRangesAreApart({ network }: Told) {
  const { cidr, podCidr, serviceCidr } = network;
  if (overlap(podCidr, cidr)) {
    yield fault(["network", "podCidr"], podCidr, `overlaps the local network, \`network.cidr\` ${cidr}`);
  }
  if (overlap(serviceCidr, cidr)) {
    yield fault(["network", "serviceCidr"], serviceCidr, `overlaps the local network, \`network.cidr\` ${cidr}`);
  }
  if (overlap(serviceCidr, podCidr)) {
    yield fault(
      ["network", "serviceCidr"],
      serviceCidr,
      `overlaps the pods' addresses, \`network.podCidr\` ${podCidr}`,
    );
  }
}

function* nodePortsAreUnique({ network }: Told) {
  for (const { name, value, first } of repeated(network.nodePorts, (port) => port)) {
    yield fault(["network", "nodePorts", name], value, `is the port of \`${first}\` already`);
  }
}

function* devicesAreUnique({ disks }: Told) {
  for (const { name, value, first } of repeated(disks, ({ device }) => device)) {
    yield fault(["disks", name, "device"], value.device, `is the device of \`${first}\` already`);
  }
  for (const { name, value, first } of repeated(disks, ({ serial }) => (isKnown(serial) ? serial : undefined))) {
    yield fault(["disks", name, "serial"], value.serial, `is the serial number of \`${first}\` already`);
  }
}

function* diskMountsAreUnique({ disks, rootVolume }: Told) {
  for (const { name, value, first } of repeated(disks, ({ mount }) => mount)) {
    yield fault(["disks", name, "mount"], value.mount, `is the mount point of \`${first}\` already`);
  }
  for (const [name, { mount }] of Object.entries(disks)) {
    if (mount === rootVolume.mount) {
      yield fault(["disks", name, "mount"], mount, "is where the root volume is mounted, `rootVolume.mount`");
    }
  }
}

function* rootVolumeIsOnItsDisk({ disks, rootVolume }: Told) {
  const disk = disks[rootVolume.disk];
  if (disk === undefined) {
    yield noSuchDisk(["rootVolume", "disk"], rootVolume.disk, disks);
    return;
  }
  // sdb3 of sdb, nvme0n1p3 of nvme0n1.
  const partition = /\d$/.test(disk.device) ? `${disk.device}p` : disk.device;
  const { physicalVolume } = rootVolume;
  if (!physicalVolume.startsWith(partition) || !/^\d+$/.test(physicalVolume.slice(partition.length))) {
    const reason = `is no partition of \`${disk.device}\`, the device of the disk \`${rootVolume.disk}\``;
    yield fault(["rootVolume", "physicalVolume"], physicalVolume, reason);
  }
}

function* rootVolumeFitsItsDisk({ disks, rootVolume }: Told) {
  const disk = disks[rootVolume.disk];
  const recorded = rootVolume.recordedSize.bytes + rootVolume.recordedFree.bytes;
  if (disk === undefined || recorded <= disk.size.bytes) return;
  const reason = `makes ${formatBytes(recorded)} with \`recordedSize\`, more than the disk's ${disk.size.text} (${formatBytes(disk.size.bytes)})`;
  yield fault(["rootVolume", "recordedFree"], rootVolume.recordedFree.text, reason);
}

function* requestsAreWithinLimits({ workloads }: Told) {
  for (const { path, workload } of each(workloads)) {
    const { requests, limits } = workload;
    for (const share of ["cpu", "memory"] as const) {
      if (requests === undefined || limits === undefined || requests[share].value <= limits[share].value) continue;
      yield fault([...path, "requests", share], requests[share].text, `is more than its limit, ${limits[share].text}`);
    }
  }
}

function* replicasRunForwards({ workloads }: Told) {
  for (const { path, workload } of each(workloads)) {
    const { min, max } = workload.replicas;
    if (min > max) yield fault([...path, "replicas", "min"], min, `is more than \`max\`, ${max}`);
  }
}

function* requestsFitTheMachine({ host, workloads }: Told) {
  const { threads, memory } = host.capacity;
  const requested = requestedBy(workloads);
  if (requested.cpu > threads) {
    const reason = `is less than the ${cores(requested.cpu)} that the workloads request in their fewest pods`;
    yield fault(["host", "capacity", "threads"], threads, reason);
  }
  if (requested.memory > memory.bytes) {
    const reason = `is less than the ${formatBytes(requested.memory)} that the workloads request in their fewest pods`;
    yield fault(["host", "capacity", "memory"], memory.text, reason);
  }
}

function* harborFitsBesideTheRest({ host, workloads, phase1 }: Told) {
  if (phase1.harbor === undefined) return;
  const { threads, memory } = host.capacity;
  const { quota } = phase1.harbor;
  const path = ["phase1", "harbor", "quota"];
  const requested = requestedBy(workloads);
  const cpuLeft = threads - requested.cpu;
  const memoryLeft = memory.bytes - requested.memory;
  // Where the workloads alone ask for too much, that is the fault to mend.
  if (cpuLeft >= 0 && quota.requestsCpu.value > cpuLeft) {
    const reason = `is more than the ${cores(cpuLeft)} that the workloads leave of ${threads} threads`;
    yield fault([...path, "requestsCpu"], quota.requestsCpu.text, reason);
  }
  if (memoryLeft >= 0 && quota.requestsMemory.value > memoryLeft) {
    const reason = `is more than the ${formatBytes(memoryLeft)} that the workloads leave of ${memory.text}`;
    yield fault([...path, "requestsMemory"], quota.requestsMemory.text, reason);
  }
  if (quota.limitsCpu.value > threads) {
    yield fault([...path, "limitsCpu"], quota.limitsCpu.text, `is more than \`host.capacity.threads\`, ${threads}`);
  }
  if (quota.limitsMemory.value > memory.bytes) {
    const reason = `is more than \`host.capacity.memory\`, ${memory.text}`;
    yield fault([...path, "limitsMemory"], quota.limitsMemory.text, reason);
  }
}

function* harborRequestsAreWithinLimits({ phase1 }: Told) {
  if (phase1.harbor === undefined) return;
  const { requestsCpu, requestsMemory, limitsCpu, limitsMemory } = phase1.harbor.quota;
  const path = ["phase1", "harbor", "quota"];
  if (requestsCpu.value > limitsCpu.value) {
    yield fault([...path, "requestsCpu"], requestsCpu.text, `is more than \`limitsCpu\`, ${limitsCpu.text}`);
  }
  if (requestsMemory.value > limitsMemory.value) {
    yield fault(
      [...path, "requestsMemory"],
      requestsMemory.text,
      `is more than \`limitsMemory\`, ${limitsMemory.text}`,
    );
  }
}

function* alertsGetWorse({ phase0 }: Told) {
  const { threshold, critical } = phase0.diskAlert;
  if (critical > threshold) return;
  const reason = `is not above \`phase0.diskAlert.threshold\` ${threshold}: every warning would be a critical one`;
  yield fault(["phase0", "diskAlert", "critical"], critical, reason);
}

function* backupDiskIsAnother({ disks, rootVolume, phase0 }: Told) {
  const name = phase0.backups.disk;
  const disk = disks[name];
  const path = ["phase0", "backups", "disk"];
  if (disk === undefined) yield noSuchDisk(path, name, disks);
  else if (name === rootVolume.disk) {
    yield fault(path, name, "holds the data as well: one dead disk would take both; choose another");
  } else if (disk.mount === undefined) {
    yield fault(path, name, "has no `mount` under `disks`; give it one or choose a disk that has");
  }
}

function* copyGoesElsewhere({ disks, phase0 }: Told) {
  const { disk, copy } = phase0.backups;
  if (copy?.repository.kind !== "folder") return;
  const { text } = copy.repository;
  const path = ["phase0", "backups", "copy", "repository"];
  const holding = diskHolding(text, disks);
  if (holding === undefined) {
    yield fault(path, text, "is below no `mount` under `disks`: nobody could tell whether its disk is there");
  } else if (holding.name === disk) {
    yield fault(path, text, `is on \`${disk}\`, with the backups: one dead disk would take both; choose another`);
  }
}

function* copyKnowsItsTarget({ phase0 }: Told) {
  const { copy } = phase0.backups;
  if (copy === undefined) return;
  const { repository, hostKey, port } = copy;
  const path = ["phase0", "backups", "copy"];
  if (repository.kind === "sftp") {
    if (hostKey !== undefined) return;
    const reason =
      "is missing: Public key that the target's SSH server proves itself by; `unknown` until somebody has it";
    yield fault([...path, "hostKey"], undefined, reason);
    return;
  }
  for (const [name, value] of Object.entries({ port, hostKey })) {
    if (value !== undefined) yield fault([...path, name], value, "is for a repository that begins with `sftp:`");
  }
}

function* copyComesAfterwards({ phase0 }: Told) {
  const { copy, k3sHour } = phase0.backups;
  if (copy?.hour !== k3sHour) return;
  const reason = "is `k3sHour` too: the backup would be copied while it is made; choose a later one";
  yield fault(["phase0", "backups", "copy", "hour"], copy.hour, reason);
}

function* observerIsAnother({ host }: Told) {
  if (host.ssh.user !== OBSERVER) return;
  yield fault(
    ["host", "ssh", "user"],
    host.ssh.user,
    "is the account that may only observe; name the one that applies",
  );
}

function* imagesGoBeforePods({ phase0 }: Told) {
  const { imageGc, evictBelow } = phase0.kubelet;
  const path = ["phase0", "kubelet", "imageGc"];
  if (imageGc.low >= imageGc.high) {
    yield fault([...path, "low"], imageGc.low, `is not below \`high\`, ${imageGc.high}`);
  }
  // Both are counted on /, which is one file system for pods and images.
  const evicts = 100 - Math.max(evictBelow.disk, evictBelow.imageDisk);
  if (imageGc.high >= evicts) {
    const reason = `is not below the ${evicts} % at which pods are evicted (\`evictBelow\`): images are to go first`;
    yield fault([...path, "high"], imageGc.high, reason);
  }
}

function* importedImagesDiffer({ phase0 }: Told) {
  const names = phase0.imageImports.map(({ image }) => imageSlug(image));
  for (const [index, { image }] of phase0.imageImports.entries()) {
    if (names.indexOf(imageSlug(image)) === index) continue;
    yield fault(
      ["phase0", "imageImports", index, "image"],
      image,
      "is in this list already, or one of nearly that name",
    );
  }
}

function* backupSchedulesDiffer({ phase0 }: Told) {
  const { postgres, redis } = phase0.backups;
  const runs = Object.entries({ postgres, redis }).flatMap(([which, backup]) =>
    backup === undefined
      ? []
      : (["schedule", "drill"] as const).map((what) => ({ path: [which, what], schedule: backup[what] })),
  );
  const fields = (schedule: string) => schedule.trim().split(/\s+/).join(" ");
  for (const [index, { path, schedule }] of runs.entries()) {
    const other = runs.slice(0, index).find((run) => fields(run.schedule) === fields(schedule));
    if (other === undefined) continue;
    const reason = `is that of \`${other.path.join(".")}\` too, and both read the same slow disk; choose another time`;
    yield fault(["phase0", "backups", ...path], schedule, reason);
  }
}

function* backedUpWorkloadsExist({ workloads, phase0 }: Told) {
  for (const which of ["postgres", "redis"] as const) {
    const backup = phase0.backups[which];
    if (backup === undefined) continue;
    const { namespace, workload } = backup;
    const path = ["phase0", "backups", which];
    const inNamespace = workloads[namespace];
    if (inNamespace === undefined) {
      const reason = `is no namespace under \`workloads\`; ${nearest(namespace, Object.keys(workloads))}`;
      yield fault([...path, "namespace"], namespace, reason);
    } else if (inNamespace[workload] === undefined) {
      const reason = `is no workload of \`${namespace}\` under \`workloads\`; ${nearest(workload, Object.keys(inNamespace))}`;
      yield fault([...path, "workload"], workload, reason);
    }
  }
}

function* backedUpWorkloadsAreKnown({ workloads, phase0 }: Told) {
  for (const which of ["postgres", "redis"] as const) {
    const backup = phase0.backups[which];
    const workload = backup && workloads[backup.namespace]?.[backup.workload];
    if (workload === undefined) continue;
    const name = `\`workloads.${backup?.namespace ?? ""}.${backup?.workload ?? ""}\``;
    const path = ["phase0", "backups", which, "workload"];
    if (Object.keys(workload.labels).length === 0) {
      yield fault(path, backup?.workload, `has no \`labels\` under ${name}: nothing would find its pods`);
    }
    if (!/:[^/]+$/.test(workload.image ?? "")) {
      yield fault(path, backup?.workload, `has no \`image\` with a tag under ${name}: the backup runs the same tools`);
    }
  }
}

function* hygieneLooksAtKnownNamespaces({ workloads, phase0 }: Told) {
  const { namespace, namespaces, leftovers, deployments } = phase0.podHygiene;
  const path = ["phase0", "podHygiene"];
  const known = Object.keys(workloads);
  for (const [index, name] of namespaces.entries()) {
    if (known.includes(name)) continue;
    yield fault([...path, "namespaces", index], name, `is no namespace under \`workloads\`; ${nearest(name, known)}`);
  }
  if (namespaces.length > 0 && namespace === undefined) {
    yield fault([...path, "namespace"], undefined, "is missing: Namespace that the job runs in");
  }
  for (const [index, name] of leftovers.entries()) {
    if (namespaces.length === 0 || namespaces.includes(name.split("/")[0] ?? "")) continue;
    yield fault([...path, "leftovers", index], name, "is in none of `namespaces`: add its namespace");
  }
  const kept = [phase0.backups.postgres?.namespace, phase0.backups.redis?.namespace];
  if (namespace !== undefined && !kept.includes(namespace)) {
    const reason = "has no backups (`phase0.backups`): what the job saves before it clears goes beside them";
    yield fault([...path, "namespace"], namespace, reason);
  }
  const all = known.flatMap((each) =>
    Object.entries(workloads[each] ?? {}).flatMap(([name, { kind }]) =>
      kind === "Deployment" ? [`${each}/${name}`] : [],
    ),
  );
  for (const [index, name] of deployments.entries()) {
    if (all.includes(name)) continue;
    yield fault([...path, "deployments", index], name, `is no Deployment under \`workloads\`; ${nearest(name, all)}`);
  }
}

function* rootVolumeNeverShrinks({ rootVolume, phase1 }: Told) {
  const { storage } = phase1;
  if (storage.option === "reclaim" || storage.size.bytes >= rootVolume.recordedSize.bytes) return;
  const reason = `is less than the volume has, \`rootVolume.recordedSize\` ${rootVolume.recordedSize.text}; it never shrinks`;
  yield fault(["phase1", "storage", "size"], storage.size.text, reason);
}

function* targetSizeFits({ disks, rootVolume, phase1 }: Told) {
  const { storage } = phase1;
  if (storage.option === "reclaim") return;
  const added = storage.option === "newDisk" ? disks[storage.disk]?.size.bytes : 0;
  if (added === undefined) return;
  const available = rootVolume.recordedSize.bytes + rootVolume.recordedFree.bytes + added;
  const wanted = storage.size.bytes + storage.reserve.bytes;
  if (wanted <= available) return;
  const reason = `needs ${formatBytes(wanted)} with the reserve of ${storage.reserve.text}, and the volume group has ${formatBytes(available)}`;
  yield fault(["phase1", "storage", "size"], storage.size.text, reason);
}

function* newDiskIsEmpty({ disks, rootVolume, phase1 }: Told) {
  const { storage } = phase1;
  if (storage.option !== "newDisk") return;
  const disk = disks[storage.disk];
  const path = ["phase1", "storage", "disk"];
  if (disk === undefined) yield noSuchDisk(path, storage.disk, disks);
  else if (storage.disk === rootVolume.disk) {
    yield fault(path, storage.disk, "is the disk that the volume group is on already; use option `extend`");
  } else if (disk.mount !== undefined) {
    yield fault(path, storage.disk, `is in use at ${disk.mount}; option \`newDisk\` takes an empty disk only`);
  }
}

function* reclaimsSomething({ phase1 }: Told) {
  const { storage } = phase1;
  if (storage.option !== "reclaim" || Object.values(storage.reclaim).includes(true)) return;
  yield fault(
    ["phase1", "storage", "reclaim"],
    storage.reclaim,
    "clears nothing away; set `images` or `packages` to true",
  );
}

function* dataRootsMoveOnce({ phase1 }: Told) {
  const { dataRoots } = phase1;
  for (const [index, { path }] of dataRoots.entries()) {
    if (dataRoots.findIndex((other) => other.path === path) === index) continue;
    yield fault(["phase1", "dataRoots", index, "path"], path, "moves to another disk in this list already");
  }
}

function* dataRootDiskSuitsItsFormat({ disks, rootVolume, phase1 }: Told) {
  const { storage, dataRoots } = phase1;
  for (const [index, root] of dataRoots.entries()) {
    const path = ["phase1", "dataRoots", index, "disk"];
    const disk = disks[root.disk];
    if (disk === undefined) yield noSuchDisk(path, root.disk, disks);
    else if (root.disk === rootVolume.disk) {
      yield fault(path, root.disk, "is the disk that the folder is on already; choose another");
    } else if (storage.option === "newDisk" && storage.disk === root.disk) {
      yield fault(path, root.disk, "joins the volume group by `phase1.storage.disk`; it cannot be both");
    } else if (root.format === "none" && disk.mount === undefined) {
      yield fault(path, root.disk, "has no `mount` under `disks`; an empty new disk takes format `ext4`");
    } else if (root.format === "ext4" && disk.mount !== undefined) {
      yield fault(path, root.disk, `is in use at ${disk.mount} and would be overwritten; use format \`none\``);
    }
  }
}

function* dataRootMountsAreFree({ disks, rootVolume, phase1 }: Told) {
  const formatted = phase1.dataRoots.flatMap((root, index) => (root.format === "ext4" ? [{ ...root, index }] : []));
  const taken = [rootVolume.mount, ...Object.values(disks).flatMap(({ mount }) => mount ?? [])];
  for (const { index, disk, mount } of formatted) {
    const path = ["phase1", "dataRoots", index, "mount"];
    const clash = formatted.find((other) => (other.disk === disk) !== (other.mount === mount));
    if (taken.includes(mount)) yield fault(path, mount, "is where another file system is mounted already");
    else if (clash !== undefined && clash.index < index) {
      yield fault(
        path,
        mount,
        `does not go with \`dataRoots[${clash.index}]\`: one new disk has one mount point of its own`,
      );
    }
  }
}

function* mountOptionsAreForTheRootVolume({ rootVolume, phase1 }: Told) {
  const mount = phase1.mountOptions?.mount;
  if (mount === undefined || mount === rootVolume.mount) return;
  yield fault(
    ["phase1", "mountOptions", "mount"],
    mount,
    `is not the root volume's, \`rootVolume.mount\` ${rootVolume.mount}`,
  );
}

function* benchmarkedDisksExist({ disks, phase1 }: Told) {
  for (const [index, name] of phase1.diskBenchmark?.disks.entries() ?? []) {
    if (disks[name] === undefined) yield noSuchDisk(["phase1", "diskBenchmark", "disks", index], name, disks);
  }
}

function* registryIsInTheDomain({ site, phase1 }: Told) {
  const host = phase1.registry?.host;
  if (host === undefined || isIn(site.domain, host)) return;
  yield fault(["phase1", "registry", "host"], host, `is not in the site's domain, \`site.domain\` ${site.domain}`);
}

function* registryHasANamespace({ phase1 }: Told) {
  const own = ownRegistry(phase1);
  if (own === undefined || phase1.harbor !== undefined) return;
  yield fault(["phase1", "registry", "option"], own.option, "needs `phase1.harbor`, the namespace that it is in");
}

function* registryDiskIsAnother({ disks, rootVolume, phase0, phase1 }: Told) {
  const name = ownRegistry(phase1)?.disk;
  if (name === undefined) return;
  const path = ["phase1", "registry", "disk"];
  if (disks[name] === undefined) yield noSuchDisk(path, name, disks);
  else if (name === rootVolume.disk) yield fault(path, name, "is the disk of /, which images would fill up again");
  else if (name === phase0.backups.disk) {
    yield fault(path, name, "is the disk of the backups: one dead disk would take images and backups");
  } else if (disks[name].mount === undefined) {
    yield fault(path, name, "has no `mount` under `disks`; give it one or choose a disk that has");
  }
}

function* registryAccountsDiffer({ phase1 }: Told) {
  const own = ownRegistry(phase1);
  if (own === undefined) return;
  const path = ["phase1", "registry"];
  if (own.pushUser === own.pullUser) {
    yield fault([...path, "pushUser"], own.pushUser, "is `pullUser` too: what K3s has must not be able to push");
  }
  if (own.option !== "harbor") return;
  for (const which of ["pullUser", "pushUser"] as const) {
    if (/^robot\$[a-z0-9](?:[._-]?[a-z0-9])*$/.test(own[which])) continue;
    yield fault([...path, which], own[which], "is no robot account of Harbor; write it like `robot$k3s`");
  }
}

function* registryVolumesFitTheQuota({ phase1 }: Told) {
  const own = ownRegistry(phase1);
  if (own === undefined || phase1.harbor === undefined) return;
  const others = own.option === "harbor" ? Object.values(HARBOR_VOLUMES) : [];
  const { claims, storage } = phase1.harbor.quota;
  const sizes = [own.size.value, ...others.map(({ size }) => memory.read(size).value)];
  const wanted = sizes.reduce((sum, each) => sum + each, 0);
  if (sizes.length > claims) {
    const reason = `is less than the ${sizes.length} volumes of \`phase1.registry\``;
    yield fault(["phase1", "harbor", "quota", "claims"], claims, reason);
  }
  if (wanted > storage.value) {
    const reason = `makes ${formatBytes(wanted)} with the other volumes, more than \`phase1.harbor.quota.storage\`, ${storage.text}`;
    yield fault(["phase1", "registry", "size"], own.size.text, reason);
  }
}

function* harborFitsItsQuota({ phase1 }: Told) {
  const { registry, harbor } = phase1;
  if (harbor === undefined || registry?.option !== "harbor") return;
  const takes = harborTakes();
  const [requests, limits] = (["requests", "limits"] as const).map((kind) =>
    // The job that installs it runs beside it.
    sum([takes[kind], shareOf(CHART_JOB[kind])]),
  ) as [Share, Share];
  const wanted = {
    requestsCpu: requests.cpu,
    requestsMemory: requests.memory,
    limitsCpu: limits.cpu,
    limitsMemory: limits.memory,
  };
  for (const [name, least] of Object.entries(wanted) as [keyof typeof wanted, number][]) {
    const given = harbor.quota[name];
    if (given.value >= least) continue;
    const needed = name.endsWith("Cpu") ? cores(least) : formatBytes(least);
    yield fault(
      ["phase1", "harbor", "quota", name],
      given.text,
      `is less than the ${needed} that Harbor and its installation need`,
    );
  }
}

function* poolIsOnTheNetwork({ network, phase3 }: Told) {
  const { pool } = phase3.metalLb;
  if (contains(network.cidr, pool)) return;
  const reason = `is not on the local network, \`network.cidr\` ${network.cidr}: nobody there could reach it`;
  yield fault(["phase3", "metalLb", "pool"], pool.text, reason);
}

function* poolIsFree({ host, network, phase3 }: Told) {
  const { pool } = phase3.metalLb;
  const path = ["phase3", "metalLb", "pool"];
  const { gateway, dhcpRange } = network;
  if (overlap(pool, host.address)) yield fault(path, pool.text, `has \`host.address\` ${host.address} in it`);
  if (isKnown(gateway) && overlap(pool, gateway)) {
    yield fault(path, pool.text, `has \`network.gateway\` ${gateway} in it`);
  }
  if (isKnown(dhcpRange) && overlap(pool, dhcpRange)) {
    yield fault(
      path,
      pool.text,
      `overlaps \`network.dhcpRange\` ${dhcpRange.text}: two machines could get one address`,
    );
  }
}

function* poolIsOutsideTheCluster({ network, phase3 }: Told) {
  const { pool } = phase3.metalLb;
  for (const range of ["podCidr", "serviceCidr"] as const) {
    if (overlap(pool, network[range])) {
      yield fault(["phase3", "metalLb", "pool"], pool.text, `overlaps \`network.${range}\` ${network[range]}`);
    }
  }
}

function* ingressHostsAreInTheDomain({ site, phase3 }: Told) {
  for (const [name, host] of Object.entries(phase3.ingressHosts)) {
    if (isIn(site.domain, host)) continue;
    const reason = `is not in the site's domain, \`site.domain\` ${site.domain}`;
    yield fault(["phase3", "ingressHosts", name], host, reason);
  }
}

function noSuchDisk(path: readonly (string | number)[], name: string, disks: Told["disks"]): Fault {
  return fault(path, name, `is no disk under \`disks\`; ${nearest(name, Object.keys(disks))}`);
}

/** The entries whose key an earlier entry has too, with that entry's name. */
function* repeated<T>(entries: Readonly<Record<string, T>>, key: (value: T) => string | number | undefined) {
  const seen = new Map<string | number, string>();
  for (const [name, value] of Object.entries(entries)) {
    const own = key(value);
    if (own === undefined) continue;
    const first = seen.get(own);
    if (first === undefined) seen.set(own, name);
    else yield { name, value, first };
  }
}

function* each(workloads: Told["workloads"]) {
  for (const [namespace, inNamespace] of Object.entries(workloads)) {
    for (const [name, workload] of Object.entries(inNamespace))
      yield { path: ["workloads", namespace, name], workload };
  }
}

/** Cores and bytes that the workloads are promised while each runs its fewest pods. */
function requestedBy(workloads: Told["workloads"]): { cpu: number; memory: number } {
  let [millicores, memory] = [0, 0];
  for (const { workload } of each(workloads)) {
    const pods = workload.replicas.min;
    millicores += pods * Math.round((workload.requests?.cpu.value ?? 0) * 1000);
    memory += pods * (workload.requests?.memory.value ?? 0);
  }
  return { cpu: millicores / 1000, memory };
}

function cores(count: number): string {
  return `${Math.round(count * 1000)}m`;
}

function isIn(domain: string, host: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}
