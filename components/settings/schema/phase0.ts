import { duration } from "../values/duration.ts";
import { dnsLabel, hostPath, namespacedName } from "../values/name.ts";
import { cronSchedule } from "../values/schedule.ts";
import { size } from "../values/size.ts";
import { count, list, object, text } from "./build.ts";

const backup = (what: string) =>
  object(`Backup of ${what}.`, {
    namespace: text(dnsLabel, "Namespace of the workload."),
    workload: text(dnsLabel, "Workload, by its name under `workloads`."),
    schedule: text(cronSchedule, "When it runs, in the time of the machine."),
  });

export const phase0 = object("Phase 0, stabilise.", {
  journald: object("Limits of the system journal.", {
    maxUse: text(size, "Most that the journal takes on disk."),
    retention: text(duration, "Oldest entry that is kept."),
  }),
  logRotation: object("Rotation of the logs that filled the disk.", {
    files: list("Log files.", text(hostPath, "Log file.")),
    rotate: count("Rotated files that are kept.", 1, 365),
    maxSize: text(size, "Size at which a log is rotated before its day."),
  }),
  diskAlert: object("Warning in the system log when / fills up.", {
    threshold: count("Percent of / in use above which it warns.", 1, 99),
  }),
  backups: object("Backups of the databases.", {
    disk: text(dnsLabel, "Disk that the backups are kept on, by its name under `disks`."),
    retention: text(duration, "How long a backup is kept."),
    postgres: backup("PostgreSQL"),
    redis: backup("Redis"),
  }),
  podHygiene: object("What is cleared away on the cluster.", {
    leftovers: list(
      "Workloads that nobody needs any more, as namespace/name.",
      text(namespacedName, "Namespace/name."),
      0,
    ),
    revisionHistoryLimit: count("Old ReplicaSets that a Deployment keeps.", 0, 100),
  }),
});
