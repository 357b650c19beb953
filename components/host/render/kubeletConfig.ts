import { stringify } from "yaml";
import type { KubeletFact } from "../facts.ts";

/** When the kubelet clears away and evicts. Shares are percent of the file system. */
export interface KubeletLimits {
  /** Unused images go when the disk is fuller than `high`, until it is at `low`. */
  imageGc: { high: number; low: number };
  /** Pods are evicted when less than this is left: memory in bytes; the disk of pods, that of images, and their inodes. */
  evictBelow: { memory: number; disk: number; imageDisk: number; inodes: number; imageInodes: number };
  /** Least that an eviction frees. */
  reclaim: { disk: number; imageDisk: number };
  /** Logs of a container: bytes at which one is turned, and how many are kept. */
  containerLogs: { maxSize: number; maxFiles: number };
}

/** What the kubelet then runs with, in its own words. */
export function kubeletValues({ imageGc, evictBelow, reclaim, containerLogs }: KubeletLimits): KubeletFact {
  return {
    imageGCHighThresholdPercent: imageGc.high,
    imageGCLowThresholdPercent: imageGc.low,
    // A signal that is left out has no threshold at all: setting one replaces the whole default set.
    evictionHard: {
      "memory.available": quantity(evictBelow.memory),
      "nodefs.available": `${evictBelow.disk}%`,
      "nodefs.inodesFree": `${evictBelow.inodes}%`,
      "imagefs.available": `${evictBelow.imageDisk}%`,
      "imagefs.inodesFree": `${evictBelow.imageInodes}%`,
    },
    evictionMinimumReclaim: {
      "nodefs.available": `${reclaim.disk}%`,
      "imagefs.available": `${reclaim.imageDisk}%`,
    },
    containerLogMaxSize: quantity(containerLogs.maxSize),
    containerLogMaxFiles: containerLogs.maxFiles,
  };
}

/**
 * The drop-in of K3s' configuration with these limits as flags of the kubelet. They add to the flags of other files, and
 * go before the kubelet's own files, K3s' defaults among them (no memory threshold, images until 85 % of the disk).
 */
export function renderKubeletConfig(limits: KubeletLimits): string {
  const values = kubeletValues(limits);
  const flags = {
    "image-gc-high-threshold": values.imageGCHighThresholdPercent,
    "image-gc-low-threshold": values.imageGCLowThresholdPercent,
    "eviction-hard": joined(values.evictionHard, "<"),
    "eviction-minimum-reclaim": joined(values.evictionMinimumReclaim, "="),
    "container-log-max-size": values.containerLogMaxSize,
    "container-log-max-files": values.containerLogMaxFiles,
  };
  const list = Object.entries(flags).map(([name, value]) => `${name}=${value}`);
  return stringify({ "kubelet-arg+": list }, { lineWidth: 0 });
}

function joined(values: KubeletFact["evictionHard"], between: string): string {
  return Object.entries(values ?? {})
    .map(([signal, value]) => `${signal}${between}${value}`)
    .join(",");
}

/** Kubernetes' notation of an amount of bytes. */
function quantity(bytes: number): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}Mi` : String(bytes);
}
