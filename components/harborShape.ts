// What Harbor takes of the machine: what its values say, what the budget counts, and what the site file is checked by.
import { resources, shareOf, sum, type Share } from "./podResources.ts";

/**
 * Harbor's containers, by the names that its chart has for them. Idle it takes 1 to 1.5 GB; Trivy takes its limit while it
 * scans, one image at a time. Sized for four threads and 15.6 GB that others have a part of: our choice.
 */
export const HARBOR_CONTAINERS = {
  portal: resources("10m 32Mi", "100m 128Mi"),
  core: resources("100m 256Mi", "700m 512Mi"),
  jobservice: resources("50m 128Mi", "300m 256Mi"),
  registry: resources("100m 256Mi", "600m 384Mi"),
  registryctl: resources("20m 64Mi", "100m 128Mi"),
  trivy: resources("100m 512Mi", "800m 1Gi"),
  database: resources("100m 256Mi", "600m 512Mi"),
  redis: resources("50m 64Mi", "200m 128Mi"),
  exporter: resources("10m 32Mi", "100m 128Mi"),
} as const;

/** What the job that installs a chart takes: the defaults of the namespace, see registryNamespace.ts. */
export const CHART_JOB = resources("50m 128Mi", "300m 384Mi");

/** The only container of a plain registry. */
export const DISTRIBUTION_CONTAINER = resources("50m 64Mi", "500m 256Mi");

/**
 * Harbor's volumes beside that of the images: path below the registry's folder, and Kubernetes quantity. The database of some
 * ten thousand images, and Trivy's databases of vulnerabilities (1 GiB, and as much while they are renewed), with room.
 */
export const HARBOR_VOLUMES = {
  database: { folder: "database", size: "5Gi" },
  redis: { folder: "redis", size: "1Gi" },
  jobservice: { folder: "jobservice", size: "1Gi" },
  trivy: { folder: "trivy", size: "5Gi" },
} as const;

/** What Harbor is promised and may use at most. */
export function harborTakes(): { requests: Share; limits: Share } {
  const all = Object.values(HARBOR_CONTAINERS);
  return {
    requests: sum(all.map(({ requests }) => shareOf(requests))),
    limits: sum(all.map(({ limits }) => shareOf(limits))),
  };
}
