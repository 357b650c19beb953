import { loadSettings } from "../../components/settings/index.ts";
import { builders } from "../../phases/index.ts";
import { FROZEN_SITE_FILE, record, siteConfig, type RecordedResource } from "./mocks.ts";

/**
 * What phase 0 asks of the engine for EdgeServer, with `change` in its part of the site file.
 * @returns a resource by its name; undefined when there is none.
 */
export async function phase0With(
  change: Record<string, unknown>,
): Promise<(name: string) => RecordedResource | undefined> {
  const config = siteConfig(FROZEN_SITE_FILE, (all) => {
    Object.assign(all["twisterlab-edge:phase0"] ?? {}, change);
  });
  const { resources } = await record({ stack: "edge-phase-0", config }, () => builders[0]?.(loadSettings()));
  return (name) => resources.find((resource) => resource.name === name);
}
