import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * The shell files of `scripts/` as one text, in the order in which they need each other. This is what stands on the
 * host as `/usr/local/sbin/twisterlab-edge`, and what `observe` runs from standard input.
 */
export function scriptBundle(): string {
  const parts = SCRIPTS.map((name) => `# ---- ${name}\n${readScript(name)}`);
  return `#!/bin/bash\n# The entry point of twisterlab-edge on this host. Written by its program: edit it there.\n\n${parts.join("\n")}`;
}

/** The text that installs a bundle following it on standard input (see `scripts/install.sh`). */
export function installScript(): string {
  return readScript("install.sh");
}

/** SHA-256 of a text in UTF-8, as `sha256sum` prints it. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

const SCRIPTS = [
  "lib.sh",
  "confirm.sh",
  "lease.sh",
  "hostFile.sh",
  "logicalVolume.sh",
  "reclaimSpace.sh",
  "mountOptions.sh",
  "hostsEntry.sh",
  "dataRoot.sh",
  "diskBenchmark.sh",
  "timer.sh",
  "journald.sh",
  "logRotation.sh",
  "diskAlert.sh",
  "diskCleanup.sh",
  "hostAccess.sh",
  "kubelet.sh",
  "serviceLb.sh",
  "k3sImage.sh",
  "buildBenchmark.sh",
  "backupFolder.sh",
  "registryFolder.sh",
  "backupLog.sh",
  "k3sBackup.sh",
  "backupCopy.sh",
  "observe.sh",
  "main.sh",
];

function readScript(name: string): string {
  return readFileSync(new URL(`scripts/${name}`, import.meta.url), "utf8");
}
