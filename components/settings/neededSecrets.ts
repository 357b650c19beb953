import { secretSpecs, type SecretName, type SecretSpec, type SecretUse } from "./secrets.ts";
import { ownRegistry } from "./ownRegistry.ts";
import type { Site } from "./site.ts";

/** A secret of a site: a name that there is. */
export type NeededSecret = SecretSpec & { readonly name: SecretName };

const USES: Readonly<Record<SecretUse, (site: Pick<Site, "phase0" | "phase1">) => boolean>> = {
  registry: ({ phase1 }) => phase1.registry !== undefined,
  ownRegistry: ({ phase1 }) => ownRegistry(phase1) !== undefined,
  harbor: ({ phase1 }) => phase1.registry?.option === "harbor",
  replication: ({ phase1 }) => phase1.registry?.option === "harbor" && phase1.registry.replication !== undefined,
  backupCopy: ({ phase0 }) => phase0.backups.copy !== undefined,
  backupCopyInBucket: ({ phase0 }) => phase0.backups.copy?.repository.kind === "s3",
};

/**
 * The secrets that a site needs.
 * @param phase up to which; default: in any.
 */
export function neededSecrets(site: Pick<Site, "phase0" | "phase1">, phase = 5): readonly NeededSecret[] {
  return secretSpecs.filter((spec) => spec.phase <= phase && USES[spec.use](site));
}
