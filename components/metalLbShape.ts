// What MetalLB takes of the machine: what its values say, and what the budget counts.
import { resources } from "./podResources.ts";

/** Its containers, by the names that the chart has for them. Some tens of MiB each with a few services: our choice. */
export const METALLB_CONTAINERS = {
  controller: resources("25m 64Mi", "100m 128Mi"),
  speaker: resources("25m 64Mi", "100m 128Mi"),
} as const;
