import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Reason } from "./plan.ts";
import { scheduleVerb } from "./scheduledVerb.ts";

export interface BackupLogArgs extends Reason {
  /** Folder of the backups, see `BackupFolder`. */
  path: string;
  /** Kinds that are backed up, as their backups' names begin: `postgres`, `redis`, `k3s`. */
  kinds: readonly string[];
  /** Seconds that the newest whole backup of a kind may be old. */
  maxAge: number;
  /** Kinds whose backups are restored for a trial. */
  drilled: readonly string[];
  /** Seconds that the newest drill of such a kind may be old. */
  maxDrillAge: number;
  /** Seconds that the newest copy of all backups may be old, see `BackupCopy`. Default: they are not copied. */
  maxCopyAge?: number;
}

/** The log that people look into. */
const LOG = "/var/log/twisterlab-backup.log";

/** A few lines a day, for a year. `/etc/logrotate.conf` says as whom, where others may write to /var/log. */
const ROTATION = `${LOG} {
	monthly
	rotate 12
	compress
	delaycompress
	missingok
	notifempty
	create 0640 root adm
}
`;

/**
 * What became of the backups, for people: each quarter of an hour, a line in /var/log/twisterlab-backup.log for each run and
 * each drill that has ended since. In the system log, under the tag `twisterlab-edge-backup` with the priority err, each one
 * that failed; and once a day that a backup or a drill of a kind, or the copy of all, is missing or too old, or that the disk
 * is not mounted.
 */
export class BackupLog extends pulumi.ComponentResource {
  /** The log. */
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: BackupLogArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:BackupLog", name, args, opts);
    const { path, kinds, maxAge, drilled, maxDrillAge, maxCopyAge, why } = args;
    const timer = scheduleVerb(
      name,
      {
        description: "What became of the backups",
        verb: "backup-log",
        parameters: {
          path,
          kinds: kinds.join(" "),
          max_age: maxAge,
          ...(drilled.length === 0 ? {} : { drilled: drilled.join(" "), max_drill_age: maxDrillAge }),
          ...(maxCopyAge === undefined ? {} : { copy_max_age: maxCopyAge }),
        },
        timeout: 5,
        calendar: "*:0/15",
        effect:
          `every 15 min ${LOG} is told of each backup and drill, and the system log (err) of one that failed, or of ` +
          `${kinds.join(", ")} without a backup for ${hours(maxAge)}${drilled.length === 0 ? "" : `, or ${drilled.join(", ")} without a drill for ${hours(maxDrillAge)}`}` +
          (maxCopyAge === undefined ? "" : `, or of no good copy for ${hours(maxCopyAge)}`),
        why,
      },
      host,
      this,
    );
    const rotation = new HostFile(
      `${name}-rotation`,
      {
        path: "/etc/logrotate.d/twisterlab-edge-backup",
        content: ROTATION,
        why,
        effect: `${LOG} is rotated each month, and kept for a year`,
        validate: "logrotate",
        activate: "logrotate",
      },
      host,
      { parent: this, dependsOn: timer },
    );
    this.path = rotation.path.apply(() => LOG);
    this.registerOutputs({ path: this.path });
  }
}

function hours(seconds: number): string {
  return `${Math.round(seconds / 360) / 10} h`;
}
