import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { BACKUP_GROUP } from "../backupGroup.ts";
import { resources } from "../podResources.ts";
import { MANAGED_BY } from "./labels.ts";
import { apiServerNode, HYGIENE, hygieneJob } from "./network/jobs.ts";
import { jobNetworkPolicy } from "./networkPolicy.ts";
import { restrictedCronJob } from "./restrictedJob.ts";

export interface PodHygieneArgs {
  /** Namespace that the job runs in: that of the claim. */
  namespace: string;
  /** Namespaces that it looks at. */
  namespaces: readonly string[];
  /** Cron expression of five fields, in the time of the machine. */
  schedule: string;
  /** Image with `python3`, 3.9 or newer; nothing but its standard library is used. */
  image: string;
  /** Seconds since its end after which a pod goes, and since its beginning after which a leftover does. */
  minimumAge: number;
  /** Old ReplicaSets that a Deployment keeps. */
  historyLimit: number;
  /** Pods that nobody needs any more, as namespace/name: they go even while they run. */
  leftovers: readonly string[];
  /** Claim of the backups' folder, which gets what is saved of a pod before it goes. */
  claim: pulumi.Input<string>;
  /** Where the API server itself listens: what its service's address leads to. */
  apiServer: { address: string; port: number };
  /** Only says what would go, in the log of its pods. Default: false. */
  dryRun?: boolean;
}

const SCRIPT = "podHygiene.py";

/** Nobody in any image: it owns nothing but what it saves. Our choice. */
const USER = { uid: 10_571, gid: BACKUP_GROUP };

/** Days after which what was saved of a pod is removed, and bytes that all of it may take of the backups' disk. Our choice. */
const EVIDENCE_DAYS = 90;
const EVIDENCE_LIMIT = 512 * 2 ** 20;

/** Seconds after which a run is ended as failed: hundreds of pods that a full disk has evicted, with room. Our choice. */
const DEADLINE = 20 * 60;

/** What it may do in each of its namespaces. */
const RULES = [
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "delete"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
  { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get", "list", "delete"] },
];

/** What a run of the job takes. */
export const HYGIENE_POD = resources("20m 64Mi", "500m 192Mi");

/**
 * A job that clears away pods that ended, old ReplicaSets and leftovers, in namespaces that are named. What a pod was and has
 * said last is on the backups' disk before it goes, and a run that could not do all of it is a failed job.
 */
export class PodHygiene extends pulumi.ComponentResource {
  /** Name of the CronJob. */
  readonly cronJob: pulumi.Output<string>;

  /** @throws Error for a leftover in a namespace that is not looked at. */
  constructor(name: string, args: PodHygieneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:cluster:PodHygiene", name, args, opts);
    const { namespace, namespaces, leftovers, apiServer } = args;
    const elsewhere = leftovers.filter((leftover) => !namespaces.includes(leftover.split("/")[0] ?? ""));
    if (elsewhere.length > 0) {
      throw new Error(`${name} does not look at the namespace of ${elsewhere.join(", ")}: add it to its namespaces`);
    }
    const parent = { parent: this };
    const metadata = { name: HYGIENE, namespace, labels: MANAGED_BY };
    const script = new kubernetes.core.v1.ConfigMap(
      `${name}-script`,
      { metadata, data: { [SCRIPT]: readFileSync(join(import.meta.dirname, "scripts", SCRIPT), "utf8") } },
      parent,
    );
    const account = new kubernetes.core.v1.ServiceAccount(
      `${name}-account`,
      // Only the pods that say so get its token.
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const rights = namespaces.flatMap((each) => {
      const there = { name: HYGIENE, namespace: each, labels: MANAGED_BY };
      return [
        new kubernetes.rbac.v1.Role(`${name}-role-${each}`, { metadata: there, rules: RULES }, parent),
        new kubernetes.rbac.v1.RoleBinding(
          `${name}-binding-${each}`,
          {
            metadata: there,
            roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: HYGIENE },
            subjects: [{ kind: "ServiceAccount", name: HYGIENE, namespace }],
          },
          parent,
        ),
      ];
    });
    // A pod is given the API's address as a variable, so it needs no name server.
    const { job: pods, flows } = hygieneJob(namespace, apiServerNode(apiServer));
    const network = jobNetworkPolicy(`${name}-network`, pods, flows, parent);
    const job = restrictedCronJob(
      name,
      {
        namespace,
        app: HYGIENE,
        schedule: args.schedule,
        image: args.image,
        user: USER,
        volumeGroup: BACKUP_GROUP,
        // Unbuffered: what it says and what it complains of stay in order.
        command: ["python3", "-u", `/scripts/${SCRIPT}`],
        environment: Object.entries({
          NAMESPACES: namespaces.join(","),
          MINIMUM_AGE: String(args.minimumAge),
          HISTORY_LIMIT: String(args.historyLimit),
          LEFTOVERS: leftovers.join(","),
          EVIDENCE: "/evidence",
          EVIDENCE_RETENTION: String(EVIDENCE_DAYS * 24 * 60 * 60),
          EVIDENCE_LIMIT: String(EVIDENCE_LIMIT),
          ...(args.dryRun === true ? { DRY_RUN: "1" } : {}),
        }).map(([variable, value]) => ({ name: variable, value })),
        volumes: [
          { name: "script", mountPath: "/scripts", source: { configMap: { name: HYGIENE } }, readOnly: true },
          {
            name: "evidence",
            mountPath: "/evidence",
            source: { persistentVolumeClaim: { claimName: args.claim } },
            subPath: HYGIENE,
          },
        ],
        serviceAccount: HYGIENE,
        deadline: DEADLINE,
        ...HYGIENE_POD,
      },
      { parent: this, dependsOn: [script, account, ...rights, network] },
    );
    this.cronJob = job.metadata.name;
    this.registerOutputs({ cronJob: this.cronJob });
  }
}
