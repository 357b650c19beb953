import { renderParameters } from "./parameters.ts";

/** What the host is told of the copy of its backups. */
export interface BackupCopySettings {
  /** Folder of the backups. */
  backups: string;
  /** Name by which the copies in the repository are known. */
  host: string;
  /** In restic's form. */
  repository: string;
  password: string;
  /** Of a repository behind SSH. */
  ssh?: { user: string; host: string; port: number; hostKey: string };
  /** Of one in a bucket. */
  bucket?: { accessKey: string; secretKey: string };
  /** Of a folder of this host: mount point of its disk. */
  mount?: string;
}

/** The file that `scripts/backupCopy.sh` reads: `name: value` lines, as it reads parameters. */
export function renderBackupCopySettings(settings: BackupCopySettings): string {
  const { backups, host, repository, password, ssh, bucket, mount } = settings;
  return renderParameters({
    backups,
    host,
    repository,
    password,
    ...(ssh && { ssh_user: ssh.user, ssh_host: ssh.host, ssh_port: ssh.port, host_key: ssh.hostKey }),
    ...(bucket && { access_key: bucket.accessKey, secret_key: bucket.secretKey }),
    ...(mount === undefined ? {} : { mount }),
  });
}
