/** A database that is backed up. */
export type DatabaseKind = "postgres" | "redis";

/** User and group that the official images run their server as: https://github.com/docker-library, their Dockerfiles. */
const USERS: Record<DatabaseKind, Record<"alpine" | "debian", { uid: number; gid: number }>> = {
  postgres: { alpine: { uid: 70, gid: 70 }, debian: { uid: 999, gid: 999 } },
  redis: { alpine: { uid: 999, gid: 1000 }, debian: { uid: 999, gid: 999 } },
};

/** The user of a database's official image: PostgreSQL starts as nobody who is not in the image's list of users. */
export function databaseUser(kind: DatabaseKind, image: string): { uid: number; gid: number } {
  return USERS[kind][/:[^/]*alpine/.test(image) ? "alpine" : "debian"];
}
