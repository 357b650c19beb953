/** What phase 1 decides about the Docker daemon. */
export interface DaemonOptions {
  /** Storage driver, `overlay2` by the phase 1 report. */
  storageDriver: string;
  /** Containers outlive a restart of the daemon. Not in the seeds; the restart that applies this file needs it. */
  liveRestore: boolean;
  /** Bytes at which a container's log file is turned; 10 MB in the phase 1 report. */
  logMaxSize: number;
  /** Log files kept for a container. Seed: phase 1 report. */
  logMaxFiles: number;
  /** Layers fetched and sent at a time: few, for a spinning disk. Seed: phase 1 report. */
  maxConcurrentDownloads: number;
  maxConcurrentUploads: number;
  /** Open files a container may have, soft and hard. Seed: phase 1 report. */
  openFiles: number;
  /** Further keys that stand on the host and must stay. */
  extra?: Readonly<Record<string, unknown>>;
}

/** `/etc/docker/daemon.json` with sorted keys, so that equal options give equal bytes. */
export function renderDaemonJson(options: DaemonOptions): string {
  const daemon: Record<string, unknown> = {
    ...options.extra,
    "storage-driver": options.storageDriver,
    "live-restore": options.liveRestore,
    "log-driver": "json-file",
    // Docker takes log options as strings only.
    "log-opts": { "max-file": String(options.logMaxFiles), "max-size": dockerSize(options.logMaxSize) },
    "max-concurrent-downloads": options.maxConcurrentDownloads,
    "max-concurrent-uploads": options.maxConcurrentUploads,
    "default-ulimits": { nofile: { Hard: options.openFiles, Name: "nofile", Soft: options.openFiles } },
  };
  return `${JSON.stringify(sortKeys(daemon), null, 2)}\n`;
}

/** Docker's notation of a log size, which counts in powers of 1000: `10m`. */
function dockerSize(bytes: number): string {
  const unit = (["g", "m", "k"] as const).find((one) => bytes % FACTOR[one] === 0);
  return unit === undefined ? `${bytes}b` : `${bytes / FACTOR[unit]}${unit}`;
}

const FACTOR = { k: 1e3, m: 1e6, g: 1e9 } as const;

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sortKeys);
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
  }
  return value;
}
