import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { MANAGED_BY } from "./labels.ts";
import type { JobVolume } from "./restrictedJob.ts";

const FOLDER = join(import.meta.dirname, "scripts");

/** Where a pod has the scripts. */
const MOUNT = "/scripts";

/** The scripts of backups and drills, as files for pods of a namespace: they run in the database's own image. */
export function backupScripts(
  name: string,
  namespace: string,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.ConfigMap {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".sh"));
  const data = Object.fromEntries(files.map((file) => [file, readFileSync(join(FOLDER, file), "utf8")]));
  return new kubernetes.core.v1.ConfigMap(name, { metadata: { name, namespace, labels: MANAGED_BY }, data }, opts);
}

/** The scripts, as a pod mounts them. */
export function scriptsVolume(scripts: kubernetes.core.v1.ConfigMap): JobVolume {
  return { name: "scripts", mountPath: MOUNT, source: { configMap: { name: scripts.metadata.name } }, readOnly: true };
}

/** Command that runs one of them. The shell of Debian's images has no pipefail, bash has; Alpine's has. */
export function runScript(file: string): string[] {
  return [
    "sh",
    "-c",
    `if command -v bash > /dev/null; then exec bash ${MOUNT}/${file}; else exec sh ${MOUNT}/${file}; fi`,
  ];
}
