import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { BACKUP_GROUP } from "../backupGroup.ts";
import { runScript, scriptsVolume } from "./backupScripts.ts";
import type { DatabaseKind } from "./network/jobs.ts";
import { restrictedCronJob, type RestrictedJobArgs } from "./restrictedJob.ts";

/** User and group that the official images run their server as: https://github.com/docker-library, their Dockerfiles. */
const USERS: Record<DatabaseKind, Record<"alpine" | "debian", { uid: number; gid: number }>> = {
  postgres: { alpine: { uid: 70, gid: 70 }, debian: { uid: 999, gid: 999 } },
  redis: { alpine: { uid: 999, gid: 1000 }, debian: { uid: 999, gid: 999 } },
};

/** The user of a database's official image: PostgreSQL starts as nobody who is not in the image's list of users. */
function databaseUser(kind: DatabaseKind, image: string): { uid: number; gid: number } {
  return USERS[kind][/:[^/]*alpine/.test(image) ? "alpine" : "debian"];
}

export interface DatabaseJobArgs extends Pick<
  RestrictedJobArgs,
  "app" | "environment" | "volumes" | "requests" | "limits"
> {
  namespace: string;
  kind: DatabaseKind;
  /** The database's own image: its tools fit its version. */
  image: string;
  /** Cron expression of five fields, in the time of the machine. */
  schedule: string;
  /** Scripts that the pods run, and the one of this job. */
  scripts: kubernetes.core.v1.ConfigMap;
  script: string;
}

/**
 * Seconds after which a run is ended as failed: some GiB on a spinning disk, with room, and the next one is due after a day.
 * Our choice.
 */
const DEADLINE = 2 * 60 * 60;

/** A CronJob that runs one of the scripts in a database's own image, with a part in the folder of the backups. */
export function databaseCronJob(
  name: string,
  { kind, scripts, script, volumes, environment, ...args }: DatabaseJobArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.batch.v1.CronJob {
  return restrictedCronJob(
    name,
    {
      ...args,
      user: databaseUser(kind, args.image),
      volumeGroup: BACKUP_GROUP,
      command: runScript(script),
      environment: [{ name: "BACKUPS", value: "/backups" }, ...environment],
      volumes: [...volumes, scriptsVolume(scripts)],
      deadline: DEADLINE,
    },
    opts,
  );
}
