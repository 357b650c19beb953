import type { BadChange, GoodChange } from "../plans.ts";
import * as backups from "./backups.ts";
import * as data from "./data.ts";
import * as host from "./host.ts";
import * as network from "./network.ts";
import * as registries from "./registries.ts";
import * as versions from "./versions.ts";

export { HIDDEN_CHANGES } from "./hidden.ts";

const SUBJECTS = [data, network, registries, backups, versions, host];

/** Changes of which every one would cost something that does not come back by itself. */
export const BAD_CHANGES: readonly BadChange[] = SUBJECTS.flatMap(({ bad }) => bad);

/** Changes that people make every week, and that no rule may object to. */
export const GOOD_CHANGES: readonly GoodChange[] = SUBJECTS.flatMap(({ good }) => good);
