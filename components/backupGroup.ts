/** Group that the backups' folder belongs to, and that every pod with a part in them has. No account of the host is in it. */
export const BACKUP_GROUP = 10_570;
