import { Undecided } from "../field.ts";
import type { Resource } from "../resource.ts";

/** Components that make backups and keep them for a while. */
export const BACKUP_TYPES = [
  "twisterlab:cluster:PostgresBackup",
  "twisterlab:cluster:RedisBackup",
  "twisterlab:host:K3sBackup",
];

/** When a component reads or writes backups, as a cron expression; nothing for another one. */
export function backupRuns(resource: Resource): { resource: Resource; schedule: string }[] {
  const { type, inputs } = resource;
  if (type === "twisterlab:host:K3sBackup")
    return [{ resource, schedule: `0 ${inputs.at("hour").number() ?? ""} * * *` }];
  if (!BACKUP_TYPES.includes(type) && type !== "twisterlab:cluster:RestoreDrill") return [];
  const schedule = inputs.at("schedule").text();
  if (schedule === undefined) throw new Undecided("schedule", "is not set");
  return [{ resource, schedule }];
}
