import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import type { Reason } from "./plan.ts";
import { scheduleVerb } from "./scheduledVerb.ts";

export interface K3sBackupArgs extends Reason {
  /** Folder of the backups, see `BackupFolder`. */
  path: string;
  /** Hour of the day at which it runs, in the time of the machine. */
  hour: number;
  /** Seconds for which a backup is kept; the last one stays, however old. A run removes no more than the two oldest. */
  retention: number;
}

/**
 * A daily backup of K3s itself: its datastore, and what it keeps beside it (the token that opens the datastore, keys,
 * certificates, manifests, /etc/rancher). Checked, read back, and only then under its final name, `k3s/k3s-<UTC time>` in the
 * folder of the backups, which only root can read. K3s runs on. A run that fails is an error in the system log. One run adds a
 * backup and removes two at most, so that a clock that is wrong for a night costs no more than the two oldest.
 *
 * To restore the default datastore, SQLite, on this machine or on a new one with the same name and the same K3s:
 *
 * 1. `k3s-killall.sh`, and `mv /var/lib/rancher/k3s/server /var/lib/rancher/k3s/server.old`: keys that are newer than the
 *    datastore would keep K3s from starting.
 * 2. `tar --extract --gzip --file server.tar.gz --directory /`: token, keys, configuration, and the node's password.
 * 3. `mkdir --mode=700 /var/lib/rancher/k3s/server/db`, and
 *    `gzip --decompress < state.db.gz > /var/lib/rancher/k3s/server/db/state.db`. No `state.db-wal` or `-shm` beside it.
 * 4. `systemctl start k3s`. Pods come back as they were then; volumes are not in this backup.
 *
 * With embedded etcd there is `snapshot.gz` in place of `state.db.gz`: instead of step 3, unpack it to /var/tmp/snapshot, and
 * `k3s server --cluster-reset --cluster-reset-restore-path=/var/tmp/snapshot`, which ends by itself.
 */
export class K3sBackup extends pulumi.ComponentResource {
  /** Folder of the backups of K3s. */
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: K3sBackupArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:K3sBackup", name, args, opts);
    const { path, hour, retention, why } = args;
    const time = `${String(hour).padStart(2, "0")}:00`;
    const timer = scheduleVerb(
      name,
      {
        description: "Backup of K3s' datastore and token",
        verb: "k3s-backup",
        parameters: { path, retention },
        timeout: 60,
        calendar: `*-*-* ${time}:00`,
        effect:
          `at ${time} K3s' datastore, token and configuration are saved to ${path}/k3s, while K3s runs on; those older than ` +
          `${Number((retention / 86_400).toFixed(1))} days are removed, two a run at most, never the last one`,
        why,
      },
      host,
      this,
    );
    this.path = timer.path.apply(() => `${path}/k3s`);
    this.registerOutputs({ path: this.path });
  }
}
