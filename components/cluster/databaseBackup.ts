import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { resources } from "../podResources.ts";
import { databaseCronJob } from "./databaseJob.ts";
import { MANAGED_BY } from "./labels.ts";
import { DATABASES, databaseJobs, type DatabaseKind } from "./network/jobs.ts";
import { jobNetworkPolicy } from "./networkPolicy.ts";

/** A value of an object that is there already, by its name. */
export interface KeyOf {
  /** Kind of the object. */
  kind: "Secret" | "ConfigMap";
  name: string;
  key: string;
}

export interface DatabaseBackupArgs {
  namespace: string;
  /** Labels of the database's pods, from the site file. */
  labels: Readonly<Record<string, string>>;
  /** The database's own image: its tools fit its version. */
  image: string;
  /** Cron expression of five fields, in the time of the machine. */
  schedule: string;
  /** Seconds for which a backup is kept; the last one stays, however old. A run removes no more than the two oldest. */
  retention: number;
  /** Claim of the backups' folder. */
  claim: pulumi.Input<string>;
  /** Scripts that the pods run. */
  scripts: kubernetes.core.v1.ConfigMap;
  /** User of PostgreSQL who may read everything. */
  user?: KeyOf;
  /** Password; none for a Redis without one. */
  password?: KeyOf;
}

interface Kind {
  kind: DatabaseKind;
  /** Environment of the script. */
  environment: (host: string, args: DatabaseBackupArgs) => kubernetes.types.input.core.v1.EnvVar[];
}

/** What a run of a backup takes. */
export const BACKUP_POD = resources("50m 64Mi", "1 512Mi");

/**
 * A daily backup of a database: whole, checked, read back, and only then under its final name. Fails when any step fails,
 * and leaves a line for each run; for one that was killed, the next one leaves it.
 *
 * Runs of a database come one after the other, whoever starts them; a restore is refused while one is under way. A backup's
 * name is the time in UTC at which it was begun. A run adds one and removes two at most, so that a clock that is wrong costs no
 * more than the two oldest; one that says that it is of a time to come is not taken for the newest.
 */
class DatabaseBackup extends pulumi.ComponentResource {
  /** Name of the CronJob. */
  readonly cronJob: pulumi.Output<string>;

  constructor(
    type: string,
    name: string,
    kind: Kind,
    args: DatabaseBackupArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(type, name, { ...args, scripts: undefined }, opts);
    const { backup, restore, flows } = databaseJobs(kind.kind, { ...args, name: kind.kind });
    const app = backup.name;
    const database = new kubernetes.core.v1.Service(
      `${name}-database`,
      {
        metadata: {
          name: app,
          namespace: args.namespace,
          labels: MANAGED_BY,
          // A database that is down is no reason to be without its backup's objects, nor without what comes after them.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: { selector: { ...args.labels }, ports: [{ name: kind.kind, port: DATABASES[kind.kind].port }] },
      },
      { parent: this },
    );
    jobNetworkPolicy(`${name}-network`, backup, flows, { parent: this });
    // For the pods that `npm run restore` makes of the job below: no object does, and one that selects nothing is refused.
    const madeBy = { "twisterlab-edge/pods-made-by": "npm run restore" };
    jobNetworkPolicy(`${name}-restore-network`, restore, flows, { parent: this }, madeBy);
    const source = { persistentVolumeClaim: { claimName: args.claim } };
    const job = databaseCronJob(
      name,
      {
        namespace: args.namespace,
        app,
        kind: kind.kind,
        schedule: args.schedule,
        image: args.image,
        scripts: args.scripts,
        script: `${kind.kind}Backup.sh`,
        environment: [
          { name: "RETENTION", value: String(args.retention) },
          // By the variable that Kubernetes makes for each service: the pod needs no name server.
          ...kind.environment(`$(${kind.kind.toUpperCase()}_BACKUP_SERVICE_HOST)`, args),
        ],
        volumes: [{ name: "backups", mountPath: "/backups", source }],
        ...BACKUP_POD,
      },
      { parent: this, dependsOn: [database] },
    );
    this.cronJob = job.metadata.name;
    this.registerOutputs({ cronJob: this.cronJob });
  }
}

/** The daily backup of all databases and roles of a PostgreSQL server, by `pg_dumpall`. */
export class PostgresBackup extends DatabaseBackup {
  constructor(name: string, args: DatabaseBackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:PostgresBackup", name, POSTGRES, args, opts);
  }
}

/** The daily backup of a Redis server, as an RDB file. */
export class RedisBackup extends DatabaseBackup {
  constructor(name: string, args: DatabaseBackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:RedisBackup", name, REDIS, args, opts);
  }
}

const POSTGRES: Kind = {
  kind: "postgres",
  environment: (host, { user, password }) => [
    { name: "PGHOST", value: host },
    user === undefined ? { name: "PGUSER", value: "postgres" } : valueOf("PGUSER", user),
    ...(password === undefined ? [] : [valueOf("PGPASSWORD", password)]),
  ],
};

const REDIS: Kind = {
  kind: "redis",
  environment: (host, { password }) => [
    { name: "HOST", value: host },
    ...(password === undefined ? [] : [valueOf("REDISCLI_AUTH", password)]),
  ],
};

/** An environment variable with the value of a key of an object. */
function valueOf(name: string, { kind, ...key }: KeyOf): kubernetes.types.input.core.v1.EnvVar {
  return { name, valueFrom: kind === "Secret" ? { secretKeyRef: key } : { configMapKeyRef: key } };
}
