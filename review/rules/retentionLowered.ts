import { type Change, isAltered } from "../plan.ts";
import { containersOf } from "../pods.ts";
import { worsened, fieldOf, finding, toNumber, undecided, type Finding, type Limit, type Rule } from "../rule.ts";
import { shownReading } from "../values.ts";

const BACKUPS = { worse: "backups are kept for less time", wayOut: "leave it: what is removed is in no other place" };
const LOGS = { worse: "logs are kept for less", wayOut: "see first that nobody needs what goes" };
const REVISIONS = { worse: "fewer old versions are kept to go back to", wayOut: "leave it" };

/** Fields that say how much of the past is kept, by the type of the component, or by the kind of the object. */
const FIELDS: readonly { type: RegExp; limits: readonly Limit[] }[] = [
  {
    type: /^twisterlab:(host:K3sBackup|host:BackupCopy|cluster:(Postgres|Redis)Backup)$/,
    limits: [{ path: "retention", ...BACKUPS }],
  },
  { type: /^twisterlab:host:JournaldLimit$/, limits: paths(LOGS, "maxUse", "retention") },
  { type: /^twisterlab:host:LogRotation$/, limits: paths(LOGS, "rotate", "maxSize") },
  {
    type: /^twisterlab:host:KubeletGarbageCollection$/,
    limits: paths(LOGS, "containerLogs.maxSize", "containerLogs.maxFiles"),
  },
  { type: /^twisterlab:host:DockerDaemon$/, limits: paths(LOGS, "logMaxSize", "logMaxFiles") },
  { type: /^twisterlab:cluster:PodHygiene$/, limits: paths(LOGS, "minimumAge") },
  { type: /^twisterlab:cluster:RevisionHistory$/, limits: paths(REVISIONS, "limit") },
  {
    type: /^kubernetes:apps\/v1:(Deployment|StatefulSet|DaemonSet)$/,
    limits: paths(REVISIONS, "spec.revisionHistoryLimit"),
  },
  {
    type: /^kubernetes:batch\/v1:CronJob$/,
    limits: paths(LOGS, "spec.successfulJobsHistoryLimit", "spec.failedJobsHistoryLimit"),
  },
];

/** Environment variables of jobs and servers that make backups, which say the same, of ours and of the usual images. */
const VARIABLES = /^(RETENTION|EVIDENCE_RETENTION|BACKUP_KEEP_(MINS|DAYS|WEEKS|MONTHS)|KEEP_(DAYS|LAST))$/;

export const retentionLowered: Rule = {
  name: "retention-lowered",
  refuses: "backups, logs or old versions that are kept for less",
  reason: "the next run deletes what is above the new limit, for good, and long before anybody reads the change",
  source: "the components' own words; Kasten's minimum retention; research C18",
  example: {
    refused: "phase0.backups.retention goes from 7 days to 3 days",
    accepted: "it goes from 7 days to 14 days",
  },
  check: ({ changes }) =>
    changes.flatMap((change) => [
      ...FIELDS.filter(({ type }) => type.test(change.type)).flatMap(({ limits }) => worsened(change, limits)),
      ...variables(change),
    ]),
};

function paths(words: Omit<Limit, "path">, ...fields: string[]): Limit[] {
  return fields.map((path) => ({ path, ...words }));
}

/** Of workloads whose component does not say it in a field of its own. */
function variables(change: Change): Finding[] {
  const inOurs = change.within.some((type) => FIELDS.some((each) => each.type.test(type)));
  if (!isAltered(change) || inOurs) {
    return [];
  }
  const [before, after] = [containersOf(change, "old"), containersOf(change, "new")];
  return (before ?? []).flatMap(({ name, environment }) =>
    [...environment].flatMap(([variable, old]) => {
      const container = after?.find((each) => each.name === name);
      if (!VARIABLES.test(variable) || container === undefined) {
        return [];
      }
      const field = `env.${variable}`;
      // Without the variable the image's own default counts, which nobody sees here.
      const next = container.environment.get(variable) ?? { is: "absent" };
      const [was, will] = [toNumber(old), toNumber(next)];
      if (was === undefined || (will === undefined && next.is !== "absent")) {
        return old.is === "value" && shownReading(old) === shownReading(next)
          ? []
          : [undecided(change, field, BACKUPS.worse)];
      }
      return will === undefined || will < was
        ? [finding(change, { ...fieldOf(field, { old, new: next }), why: BACKUPS.worse, wayOut: BACKUPS.wayOut })]
        : [];
    }),
  );
}
