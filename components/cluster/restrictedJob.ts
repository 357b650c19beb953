import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { jobLabels } from "./labels.ts";

type EnvVar = kubernetes.types.input.core.v1.EnvVar;

/** A volume of a job's pod and where its container sees it. */
export interface JobVolume {
  name: string;
  mountPath: string;
  source: Omit<kubernetes.types.input.core.v1.Volume, "name">;
  /** Path within the volume; default: all of it. */
  subPath?: string;
  readOnly?: boolean;
}

export interface RestrictedJobArgs {
  namespace: pulumi.Input<string>;
  /** Value of the pods' label `app.kubernetes.io/name`, by which network policies find them. */
  app: string;
  /** Cron expression of five fields, in the time of the machine. */
  schedule: string;
  image: string;
  /** User and group that the container runs as. */
  user: { uid: number; gid: number };
  /** Group that its volumes belong to. */
  volumeGroup?: number;
  command: string[];
  environment: EnvVar[];
  volumes: JobVolume[];
  /** Service account; none: the pod gets no access to the API. */
  serviceAccount?: pulumi.Input<string>;
  /** Seconds after which a run is ended as failed. */
  deadline: number;
  /** Kubernetes quantities: what the container is promised, and may use at most. */
  requests: { cpu: string; memory: string };
  limits: { cpu: string; memory: string };
}

/**
 * A CronJob whose pods keep to the restricted level of the Pod Security Standards, with a file system that cannot be written
 * and no rights on the cluster. Two of its runs never overlap; one that is late by more than an hour is left out and counts as
 * missed; a failed one is tried once more.
 */
export function restrictedCronJob(
  name: string,
  args: RestrictedJobArgs,
  opts: pulumi.CustomResourceOptions,
): kubernetes.batch.v1.CronJob {
  const { volumeGroup, serviceAccount, user } = args;
  const temporary: JobVolume = { name: "tmp", mountPath: "/tmp", source: { emptyDir: { sizeLimit: "64Mi" } } };
  const volumes = [...args.volumes, temporary];
  const unique = new Map(volumes.map(({ name: volume, source }) => [volume, { name: volume, ...source }]));
  return new kubernetes.batch.v1.CronJob(
    name,
    {
      metadata: { name: args.app, namespace: args.namespace, labels: jobLabels(args.app) },
      spec: {
        schedule: args.schedule,
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: 3600,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 3,
        jobTemplate: {
          metadata: { labels: jobLabels(args.app) },
          spec: {
            backoffLimit: 1,
            activeDeadlineSeconds: args.deadline,
            template: {
              metadata: { labels: jobLabels(args.app) },
              spec: {
                restartPolicy: "Never",
                automountServiceAccountToken: serviceAccount !== undefined,
                ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
                securityContext: {
                  runAsNonRoot: true,
                  runAsUser: user.uid,
                  runAsGroup: user.gid,
                  ...(volumeGroup === undefined ? {} : { fsGroup: volumeGroup, fsGroupChangePolicy: "OnRootMismatch" }),
                  seccompProfile: { type: "RuntimeDefault" },
                },
                containers: [
                  {
                    name: args.app,
                    image: args.image,
                    command: args.command,
                    env: args.environment,
                    resources: { requests: args.requests, limits: args.limits },
                    securityContext: {
                      allowPrivilegeEscalation: false,
                      readOnlyRootFilesystem: true,
                      capabilities: { drop: ["ALL"] },
                    },
                    volumeMounts: volumes.map(({ name: volume, mountPath, subPath, readOnly }) => ({
                      name: volume,
                      mountPath,
                      ...(subPath === undefined ? {} : { subPath }),
                      ...(readOnly === undefined ? {} : { readOnly }),
                    })),
                  },
                ],
                volumes: [...unique.values()],
              },
            },
          },
        },
      },
    },
    opts,
  );
}
