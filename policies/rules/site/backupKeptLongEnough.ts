import { BACKUP_TYPES } from "../../support/site/backups.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Backups are kept for a while. */
export const backupKeptLongEnough: SiteRule = {
  name: "backup-kept-long-enough",
  audience: "site",
  level: "mandatory",
  reason: "what was damaged a week ago is noticed today, and by then only damaged backups are left.",
  source: "Barman minimum_redundancy, Velero; the site's own floor",
  fix: "raise the retention to `policies.minimumRetention` at least.",
  example: { refused: "retention: 86400", accepted: "retention: 604800" },
  *check({ type, inputs }, { site }) {
    if (!BACKUP_TYPES.includes(type)) return;
    const retention = inputs.at("retention").number() ?? 0;
    const { seconds, text } = site.policies.minimumRetention;
    if (retention < seconds) yield { what: `its backups are kept for ${retention} s, less than ${text}` };
  },
};
