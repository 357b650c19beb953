import { diskOf } from "../../support/site/disks.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Which argument says where the backups go. */
const PATHS: Readonly<Record<string, string>> = {
  "twisterlab:host:BackupFolder": "path",
  "twisterlab:host:K3sBackup": "path",
  "twisterlab:cluster:BackupVolume": "path",
  "twisterlab:host:LogicalVolume": "metadataBackup",
};

/** Backups are on another disk than the data. */
export const backupOnAnotherDisk: SiteRule = {
  name: "backup-on-another-disk",
  audience: "site",
  level: "mandatory",
  reason: "a disk that dies takes its data and the backup with it.",
  source: "Kasten 3-2-1; no public linter has it",
  fix: "choose a folder on a disk under `disks` that has a mount of its own and is not `rootVolume.disk`.",
  example: { refused: "path: /var/backups", accepted: "path: /twisterlab/data-warehouse/twisterlab-edge/backups" },
  *check({ type, inputs }, { site }) {
    const key = PATHS[type];
    if (key === undefined) return;
    const path = inputs.at(key).text() ?? "";
    const disk = diskOf(path, site);
    if (disk === undefined)
      yield { what: `${key} ${path || "is not set, and"} is on no disk of its own under \`disks\`` };
    else if (disk === site.rootVolume.disk) yield { what: `${key} ${path} is on \`${disk}\`, the disk of the data` };
  },
};
