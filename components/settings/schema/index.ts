import * as z from "zod";

import { secrets } from "../secrets.ts";
import { cluster, network, workloads } from "./cluster.ts";
import { disks, rootVolume } from "./disks.ts";
import { host, safety, site } from "./host.ts";
import { phase0 } from "./phase0.ts";
import { phase1 } from "./phase1.ts";
import { phase3 } from "./phase3.ts";
import { phase4 } from "./phase4.ts";
import { policies } from "./policies.ts";

/** The project's name, which Pulumi puts before each of its keys. */
export const project = "twisterlab-edge";

/** What each key of the project holds; `site` stands in the file as `twisterlab-edge:site`. */
export const sections = {
  site,
  host,
  safety,
  cluster,
  network,
  disks,
  rootVolume,
  workloads,
  phase0,
  phase1,
  phase3,
  phase4,
  policies,
  secrets: secrets.default({}),
};

export type SectionName = keyof typeof sections;
export type Sections = { [K in SectionName]: z.output<(typeof sections)[K]> };

const disableDefaultProviders = 'must be `["*"]`: every object goes through the one provider that settings name';

/** Keys of Pulumi's own that may stand in a site file. */
export const pulumiKeys = {
  "pulumi:disable-default-providers": z
    .tuple([z.literal("*", { error: disableDefaultProviders })], { error: disableDefaultProviders })
    .meta({ description: 'Always `["*"]`: no object is created through a provider that nobody configured.' }),
};
