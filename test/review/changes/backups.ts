import {
  changed,
  cronJob,
  object,
  pods,
  type BadChange,
  type GoodChange,
  type Inputs,
  type Written,
} from "../plans.ts";

const BACKUP = "twisterlab:cluster:PostgresBackup";
const CRON_JOB = "batch/v1:CronJob";
const LOG = "twisterlab:host:BackupLog";
const job = (name: string, spec: Inputs): Inputs => object("CronJob", name, { spec });
const keeping = (env: Inputs, image = "backup:1"): Inputs => job("pg-dump", cronJob("0 2 * * *", image, env));
const DAY = 86_400;
const watch = (more: Inputs = {}): Inputs => ({
  ...{ kinds: ["k3s", "redis"], drilled: ["redis"] },
  ...{ maxAge: DAY, maxDrillAge: 8 * DAY, maxCopyAge: 2 * DAY },
  ...more,
});

/** Where each type says how much of the past it keeps. */
const KEPT: Readonly<Record<string, string[]>> = {
  "twisterlab:host:K3sBackup": ["retention"],
  "twisterlab:host:BackupCopy": ["retention"],
  "twisterlab:cluster:RedisBackup": ["retention"],
  "twisterlab:host:JournaldLimit": ["maxUse", "retention"],
  "twisterlab:host:LogRotation": ["rotate", "maxSize"],
  "twisterlab:host:KubeletGarbageCollection": ["containerLogs.maxSize", "containerLogs.maxFiles"],
  "twisterlab:host:DockerDaemon": ["logMaxSize", "logMaxFiles"],
  "twisterlab:cluster:PodHygiene": ["minimumAge"],
  "twisterlab:cluster:RevisionHistory": ["limit"],
  "apps/v1:Deployment": ["spec.revisionHistoryLimit"],
  "apps/v1:DaemonSet": ["spec.revisionHistoryLimit"],
  [CRON_JOB]: ["spec.successfulJobsHistoryLimit", "spec.failedJobsHistoryLimit"],
};

function inputsWith(path: string, value: unknown): Inputs {
  return path.split(".").reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) as Inputs;
}

/** Each of these numbers, once as it was and once otherwise. */
function kept(next: number): { name: string; steps: Written[] }[] {
  return Object.entries(KEPT).flatMap(([type, fields]) =>
    fields.map((field) => ({
      name: `${field} of ${type} goes from 5 to ${next}`,
      steps: [changed(type, inputsWith(field, 5), inputsWith(field, next))],
    })),
  );
}

/** Bad changes of backups, their trials, and what is kept. */
export const bad: BadChange[] = [
  {
    name: "the nightly backup of PostgreSQL is taken out",
    rules: ["stateful-destroy", "rpo-worsened"],
    steps: [
      { type: BACKUP, name: "postgres-backup", old: { schedule: "0 2 * * *", retention: 604800 } },
      {
        type: "batch/v1:CronJob",
        name: "postgres-backup",
        within: [BACKUP],
        old: object("CronJob", "postgres-backup", { spec: cronJob("0 2 * * *") }),
      },
    ],
  },
  {
    name: "backups are kept for three days and not for seven",
    rules: ["retention-lowered"],
    steps: [{ type: BACKUP, name: "postgres-backup", old: { retention: 604800 }, new: { retention: 259200 } }],
  },
  {
    name: "a backup job of another program keeps less, by its environment",
    rules: ["retention-lowered"],
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "dump",
        old: object("CronJob", "pg-dump", { spec: cronJob("0 2 * * *", "backup:1", { BACKUP_KEEP_DAYS: "7" }) }),
        new: object("CronJob", "pg-dump", { spec: cronJob("0 2 * * *", "backup:1", { BACKUP_KEEP_DAYS: "3" }) }),
      },
    ],
  },
  {
    name: "the journal is kept for less",
    rules: ["retention-lowered"],
    steps: [
      {
        type: "twisterlab:host:JournaldLimit",
        name: "journald-limit",
        old: { maxUse: 524288000, retention: 259200 },
        new: { maxUse: 104857600, retention: 259200 },
      },
    ],
  },
  {
    name: "a backup is suspended",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "postgres-backup",
        old: object("CronJob", "postgres-backup", { spec: cronJob("0 2 * * *") }),
        new: object("CronJob", "postgres-backup", { spec: { ...cronJob("0 2 * * *"), suspend: true } }),
      },
    ],
  },
  {
    name: "the backup is made once a week",
    rules: ["rpo-worsened"],
    steps: [{ type: BACKUP, name: "postgres-backup", old: { schedule: "0 2 * * *" }, new: { schedule: "0 2 * * 0" } }],
  },
  {
    name: "the trial restore is taken out",
    rules: ["rpo-worsened"],
    steps: [
      { type: "twisterlab:cluster:RestoreDrill", name: "redis-drill", old: { kind: "redis", schedule: "30 4 * * 0" } },
    ],
  },
  {
    name: "nobody is told of Redis' backups any more",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "twisterlab:host:BackupLog",
        name: "backup-log",
        old: { kinds: ["postgres", "redis", "k3s"], drilled: ["postgres"], maxAge: 93600, maxDrillAge: 691200 },
        new: { kinds: ["postgres", "k3s"], drilled: ["postgres"], maxAge: 93600, maxDrillAge: 691200 },
      },
    ],
  },
  {
    name: "a late backup is told a week later",
    rules: ["rpo-worsened"],
    steps: [
      {
        type: "twisterlab:host:BackupLog",
        name: "backup-log",
        old: { kinds: ["k3s"], drilled: [], maxAge: 93600 },
        new: { kinds: ["k3s"], drilled: [], maxAge: 604800 },
      },
    ],
  },
  ...kept(4).map((each): BadChange => ({ ...each, rules: ["retention-lowered"] })),
  {
    name: "nobody says any more how long a backup is kept",
    rules: ["retention-lowered"],
    steps: [changed("twisterlab:host:K3sBackup", { hour: 1, retention: 7 }, { hour: 1 })],
  },
  ...(
    [
      ["RETENTION", "604800", "86400"],
      ["EVIDENCE_RETENTION", "604800", "86400"],
      ["BACKUP_KEEP_MINS", "1440", "60"],
      ["BACKUP_KEEP_WEEKS", "4", "0"],
      ["BACKUP_KEEP_MONTHS", "6", undefined],
      ["KEEP_DAYS", "7d", "3d"],
      ["KEEP_LAST", "10", "ten"],
    ] as [string, string, string | undefined][]
  ).map(([variable, old, next]): BadChange => ({
    name: `the variable ${variable} of a job goes from ${old} to ${next ?? "nothing"}`,
    rules: ["retention-lowered"],
    steps: [changed(CRON_JOB, keeping({ [variable]: old }), keeping(next === undefined ? {} : { [variable]: next }))],
  })),
  {
    name: "a job whose retention stands elsewhere is changed",
    rules: ["retention-lowered"],
    steps: [changed(CRON_JOB, keeping({ KEEP_DAYS: undefined }), keeping({ KEEP_DAYS: undefined }, "backup:2"))],
  },
  {
    name: "a server that makes the backups keeps them for less",
    rules: ["retention-lowered"],
    steps: [
      changed(
        "apps/v1:Deployment",
        object("Deployment", "backup", { spec: pods("backup:1", { app: "x" }, { BACKUP_KEEP_DAYS: "7" }) }),
        object("Deployment", "backup", { spec: pods("backup:1", { app: "x" }, { BACKUP_KEEP_DAYS: "1" }) }),
      ),
    ],
  },
  {
    name: "backups are kept for less, and their job is told so",
    rules: ["retention-lowered"],
    steps: [
      changed(BACKUP, { retention: 7 * DAY }, { retention: DAY }),
      {
        ...changed(CRON_JOB, keeping({ RETENTION: "604800" }), keeping({ RETENTION: "86400" })),
        within: ["twisterlab:cluster:Databases", BACKUP],
      },
    ],
  },
  ...["twisterlab:host:K3sBackup", "twisterlab:cluster:RedisBackup", LOG, "twisterlab:host:BackupCopy"].map(
    (type): BadChange => ({
      name: `${type} is taken out`,
      rules: ["rpo-worsened"],
      steps: [{ type, name: "x", old: watch() }],
    }),
  ),
  ...(
    [
      ["trials are not looked after any more", { drilled: [] }],
      ["nothing says any more which backups there are", { kinds: undefined }],
      ["a trial that is missing is told later", { maxDrillAge: 9 * DAY }],
      ["a copy that is missing is told later", { maxCopyAge: 3 * DAY }],
      ["a copy that is missing is not told at all", { maxCopyAge: undefined }],
    ] as [string, Inputs][]
  ).map(([name, more]): BadChange => ({ name, rules: ["rpo-worsened"], steps: [changed(LOG, watch(), watch(more))] })),
  {
    name: "fewer backups are copied to the other place",
    rules: ["rpo-worsened"],
    steps: [changed("twisterlab:host:BackupCopy", { kinds: ["k3s", "redis"] }, { kinds: ["k3s"] })],
  },
  ...(
    [
      ["a job of another program saves once a week", "0 2 * * *", "0 2 * * 0"],
      ["a job of another program saves once a month", "0 2 * * 0", "0 2 1 * *"],
      ["a job of another program pauses at night", "*/15 * * * *", "* 8-20 * * *"],
      ["a job of another program gets a schedule that nobody reads", "0 2 * * *", "nightly"],
      ["a job of another program is due on no day at all", "0 2 * * *", "0 0 30 2 *"],
    ] as [string, string, string][]
  ).map(([name, old, next]): BadChange => ({
    name,
    rules: ["rpo-worsened"],
    steps: [changed(CRON_JOB, job("pg-dump", cronJob(old)), job("pg-dump", cronJob(next)))],
  })),
  {
    name: "nobody says any more when a backup is made",
    rules: ["rpo-worsened"],
    steps: [changed(BACKUP, { schedule: "0 2 * * *" }, {})],
  },
  {
    name: "the backup is made once a week, its job too, and that one is suspended",
    rules: ["rpo-worsened"],
    steps: [
      changed(BACKUP, { schedule: "0 2 * * *" }, { schedule: "0 2 * * 0" }),
      {
        ...changed(
          CRON_JOB,
          job("postgres-backup", { ...cronJob("0 2 * * *"), suspend: false }),
          job("postgres-backup", { ...cronJob("0 2 * * 0"), suspend: true }),
        ),
        within: ["twisterlab:cluster:Databases", BACKUP],
      },
    ],
  },
];

/** Good ones. */
export const good: GoodChange[] = [
  {
    name: "backups are kept longer, and made more often",
    steps: [
      {
        type: "twisterlab:cluster:PostgresBackup",
        name: "postgres-backup",
        old: { schedule: "0 2 * * *", retention: 604800, image: "postgres:16-alpine" },
        new: { schedule: "0 2,14 * * *", retention: 1209600, image: "postgres:16-alpine" },
      },
    ],
  },
  {
    name: "a backup is made at another hour",
    steps: [
      {
        type: "twisterlab:cluster:RedisBackup",
        name: "redis-backup",
        old: { schedule: "15 2 * * *", retention: 604800 },
        new: { schedule: "45 3 * * *", retention: 604800 },
      },
    ],
  },
  {
    name: "a job that has nothing to do with backups comes less often",
    steps: [
      {
        type: "batch/v1:CronJob",
        name: "pod-hygiene",
        old: object("CronJob", "pod-hygiene", { spec: cronJob("30 * * * *", "python:3.12-slim") }),
        new: object("CronJob", "pod-hygiene", { spec: cronJob("30 4 * * *", "python:3.12-slim") }),
      },
    ],
  },
  ...kept(6),
  {
    name: "what was not kept before is kept",
    steps: [changed("twisterlab:host:K3sBackup", { hour: 1 }, { hour: 1, retention: 7 })],
  },
  {
    name: "a backup job gets another image, and keeps as much, by a text that is no number too",
    steps: [
      changed(
        CRON_JOB,
        keeping({ KEEP_DAYS: "7", KEEP_LAST: "7d" }),
        keeping({ KEEP_DAYS: "7", KEEP_LAST: "7d" }, "backup:2"),
      ),
    ],
  },
  {
    name: "a backup job keeps more, speaks to a lower port, and is told less",
    steps: [
      changed(
        CRON_JOB,
        keeping({ KEEP_DAYS: "7", PGPORT: "5433", VERBOSE: "1" }),
        keeping({ KEEP_DAYS: "14", PGPORT: "5432" }),
      ),
    ],
  },
  {
    name: "a job whose retention stands elsewhere stays the same",
    steps: [
      {
        type: CRON_JOB,
        name: "x",
        op: "same",
        old: keeping({ KEEP_DAYS: "[secret]" }),
        new: keeping({ KEEP_DAYS: "[secret]" }),
      },
    ],
  },
  {
    name: "a backup job that does not run runs again; another one still does not",
    steps: [
      changed(
        CRON_JOB,
        job("pg-dump", { ...cronJob("0 2 * * *"), suspend: true }),
        job("pg-dump", { ...cronJob("0 2 * * *"), suspend: false }),
      ),
      {
        ...changed(
          CRON_JOB,
          job("redis-dump", { ...cronJob("0 2 * * *"), suspend: true }),
          job("redis-dump", { ...cronJob("0 1 * * *"), suspend: true }),
        ),
        name: "redis",
      },
    ],
  },
  {
    name: "another program saves each quarter of an hour, and not at night alone",
    steps: [changed(CRON_JOB, job("pg-dump", cronJob("* 1-8 * * *")), job("pg-dump", cronJob("*/15 * * * *")))],
  },
  {
    name: "a schedule that nobody reads stays as it is",
    steps: [changed(BACKUP, { schedule: "nightly", retention: 1 }, { schedule: "nightly", retention: 2 })],
  },
  {
    name: "one more backup is watched, and what is missing is told earlier",
    steps: [changed(LOG, watch(), watch({ kinds: ["k3s", "redis", "postgres"], maxAge: DAY / 2, maxDrillAge: DAY }))],
  },
  {
    name: "what is watched is secret, and stays the same",
    steps: [
      { type: LOG, name: "x", op: "same", old: watch({ kinds: "[secret]" }), new: watch({ kinds: "[secret]" }) },
      { type: BACKUP, name: "y", op: "same", old: { schedule: "[secret]" }, new: { schedule: "[secret]" } },
    ],
  },
];
