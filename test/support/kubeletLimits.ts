import type { KubeletLimits } from "../../components/host/render/kubeletConfig.ts";

/** Limits as the site file has them by default. */
export const limits: KubeletLimits = {
  imageGc: { high: 80, low: 70 },
  evictBelow: { memory: 300 * 2 ** 20, disk: 10, imageDisk: 10, inodes: 5, imageInodes: 5 },
  reclaim: { disk: 5, imageDisk: 5 },
  containerLogs: { maxSize: 20 * 2 ** 20, maxFiles: 3 },
};
