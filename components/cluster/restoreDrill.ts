import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { resources } from "../podResources.ts";
import { databaseCronJob } from "./databaseJob.ts";
import { type DatabaseKind, jobPods } from "./network/jobs.ts";
import { jobNetworkPolicy } from "./networkPolicy.ts";

export interface RestoreDrillArgs {
  namespace: string;
  kind: DatabaseKind;
  /** The database's own image. */
  image: string;
  /** Cron expression of five fields, in the time of the machine. */
  schedule: string;
  /** Claim of the backups' folder. */
  claim: pulumi.Input<string>;
  /** Scripts that the pods run. */
  scripts: kubernetes.core.v1.ConfigMap;
  /** Kubernetes quantity: room on the node's disk for what is restored. */
  scratch: string;
}

/** What a trial of restoring takes: a server of its own, and what compares. */
export const DRILL_POD = resources("50m 128Mi", "1 1Gi");

/**
 * The proof that the newest backup is one: it is restored into a server of its own, which nobody else can reach and which is
 * gone afterwards, and what that server has is compared with what was saved. The evidence (age, size, time that the restore
 * took) stays with the backups; a drill that fails is a failed job.
 */
export class RestoreDrill extends pulumi.ComponentResource {
  /** Name of the CronJob. */
  readonly cronJob: pulumi.Output<string>;

  constructor(name: string, args: RestoreDrillArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:RestoreDrill", name, { ...args, scripts: undefined }, opts);
    const app = `${args.kind}-drill`;
    jobNetworkPolicy(`${name}-network`, jobPods(args.namespace, app), [], { parent: this });
    const source = { persistentVolumeClaim: { claimName: args.claim } };
    const job = databaseCronJob(
      name,
      {
        namespace: args.namespace,
        app,
        kind: args.kind,
        schedule: args.schedule,
        image: args.image,
        scripts: args.scripts,
        script: `${args.kind}Drill.sh`,
        environment: [
          { name: "RECORDS", value: "/evidence" },
          { name: "SCRATCH", value: "/scratch" },
        ],
        volumes: [
          { name: "backups", mountPath: "/backups", source, readOnly: true },
          { name: "backups", mountPath: "/evidence", source, subPath: "drills" },
          { name: "scratch", mountPath: "/scratch", source: { emptyDir: { sizeLimit: args.scratch } } },
        ],
        ...DRILL_POD,
      },
      { parent: this },
    );
    this.cronJob = job.metadata.name;
    this.registerOutputs({ cronJob: this.cronJob });
  }
}
