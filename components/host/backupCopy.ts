import * as pulumi from "@pulumi/pulumi";
import { Secret } from "../settings/values/secret.ts";
import { hostItem, type Content, type Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, planRun, type ItemPlan, type Reason } from "./plan.ts";
import { renderBackupCopySettings, type BackupCopySettings } from "./render/backupCopy.ts";
import { scheduleVerb } from "./scheduledVerb.ts";

const FOLDER = "/var/lib/twisterlab-edge/backup-copy";
const SETTINGS = `${FOLDER}/settings`;
const KEY = `${FOLDER}/id_ed25519`;
const PUBLIC_KEY = `${KEY}.pub`;

/** Where the copies go. What nobody knows yet is undefined. */
export type CopyTarget = { /** In restic's form. */ repository: string } & (
  | { /** A server's SFTP. */ ssh: { user: string; host: string; port: number; hostKey: string | undefined } }
  | {
      /** A bucket of S3, with its account. */ bucket: { accessKey: Secret | undefined; secretKey: Secret | undefined };
    }
  | { /** A folder of the host: mount point of its disk. */ mount: string }
);

export interface BackupCopyArgs extends Reason {
  /** Folder of the backups, see `BackupFolder`. */
  path: string;
  /** Kinds that are backed up: `postgres`, `redis`, `k3s`. Without a whole backup of each, no old copy is removed. */
  kinds: readonly string[];
  /** Name by which the copies are known in the repository, which may have those of other hosts too. */
  hostName: string;
  target: CopyTarget;
  /** What the repository is encrypted with; undefined as long as nobody knows it. */
  password: Secret | undefined;
  /** Hour of the day at which a copy is made, in the time of the machine. */
  hour: number;
  /** Seconds for which a copy is kept, counted back from the newest; the last one stays, however old. */
  retention: number;
}

/**
 * A second copy of all backups, in a repository of restic: encrypted, with each state of the folder as a snapshot of its own.
 * Every day the newest backup of each kind is read back from the repository and compared with its manifest, and only then old
 * copies go; every week a thirteenth of the repository is read over. A run leaves a record that the backups' log tells of.
 *
 * **Without the password the copy is worth nothing**, and it is in the site file alone: keep it, and the passphrase that opens
 * the site file, outside the machine. `npx pulumi config get --path twisterlab-edge:secrets.backupCopyPassword -s edge-phase-0`
 * shows it.
 *
 * The repository is made only where there never was one, and never removed. Behind SSH the host has a key pair of its own
 * whose private half never leaves it: the first `up` makes it and stops, with the public half for the target's
 * authorized_keys in its error. Taking the item out removes that pair and the settings from the host, and nothing else.
 *
 * To bring a backup back to the host, `sudo /usr/local/sbin/twisterlab-edge backup-copy list` and `backup-copy fetch NAME`.
 */
export class BackupCopy extends pulumi.ComponentResource {
  /** Public half of the host's key, for the target's authorized_keys; undefined for a target without SSH. */
  readonly publicKey: pulumi.Output<string> | undefined;

  constructor(name: string, args: BackupCopyArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const { path, kinds, hostName, target, hour, retention, why } = args;
    const { repository } = target;
    super("twisterlab:host:BackupCopy", name, { path, kinds, hostName, repository, hour, retention, why }, opts);
    const behindSsh = "ssh" in target;
    const prepared = hostItem(
      `${name}-prepare`,
      {
        plan: planCopyPreparation(`${name}-prepare`, target, host.observation),
        why: behindSsh ? "the copies get to their target by SSH, with a key that can do nothing else" : why,
        apply: "backup-copy prepare",
        undo: "backup-copy forget",
        parameters: { ssh_key: behindSsh ? "yes" : "no" },
      },
      host,
      { parent: this },
    );
    const settings = new HostFile(
      `${name}-settings`,
      {
        path: SETTINGS,
        content: settingsOf(args),
        shown: renderBackupCopySettings(settingsWith(args, () => "[secret]")),
        mode: "600",
        why: "restic needs the repository's password, which is for root alone",
        effect:
          `the repository ${repository} is opened with it, and made where there never was one; ` +
          "when that does not work, up stops here and says why; nothing but the password opens the copy, ever",
        // Opens the repository, so that nothing is installed that could not copy anything.
        validate: "backup-copy",
      },
      host,
      { parent: this, dependsOn: prepared.last },
    );
    const time = `${String(hour).padStart(2, "0")}:00`;
    const timer = scheduleVerb(
      name,
      {
        description: "Copy of the backups, read back",
        verb: "backup-copy",
        parameters: { retention, kinds: kinds.join(" ") },
        // The first one takes all backups over what may be a slow line.
        timeout: 240,
        calendar: `*-*-* ${time}:00`,
        effect:
          `at ${time} ${path} is copied to ${repository}, and the newest backup of ${kinds.join(", ")} read back from there; ` +
          `copies older than ${Number((retention / 86_400).toFixed(1))} days are removed, never the last one`,
        why,
      },
      host,
      this,
      [settings],
    );
    this.publicKey = behindSsh ? pulumi.all([prepared.stdout, timer.path]).apply(([key]) => key.trim()) : undefined;
    this.registerOutputs({ publicKey: this.publicKey });
  }
}

/** The whole settings; undefined as long as something of them is. */
function settingsOf(args: BackupCopyArgs): Content {
  const { target, password } = args;
  const needed =
    "ssh" in target
      ? [target.ssh.hostKey, password]
      : "bucket" in target
        ? [target.bucket.accessKey, target.bucket.secretKey, password]
        : [password];
  return needed.includes(undefined)
    ? undefined
    : new Secret(renderBackupCopySettings(settingsWith(args, (secret) => secret?.reveal() ?? "")));
}

function settingsWith(
  { path, hostName, target, password }: BackupCopyArgs,
  text: (secret: Secret | undefined) => string,
): BackupCopySettings {
  const common = { backups: path, host: hostName, repository: target.repository, password: text(password) };
  if ("ssh" in target) {
    return { ...common, ssh: { ...target.ssh, hostKey: target.ssh.hostKey ?? "unknown" } };
  }
  if ("bucket" in target) {
    const { accessKey, secretKey } = target.bucket;
    return { ...common, bucket: { accessKey: text(accessKey), secretKey: text(secretKey) } };
  }
  return { ...common, mount: target.mount };
}

/** What the preview says of what the host keeps for the copy: its key pair, with the half that the target needs. */
export function planCopyPreparation(name: string, target: CopyTarget, observation: Observation): ItemPlan {
  if (!("ssh" in target)) {
    return planRun(name, `${FOLDER} is made, for root alone; restic must be installed`, observation);
  }
  const { user, host } = target.ssh;
  const letIn = `it goes into the authorized_keys of ${user}@${host}`;
  const wanted = `a key pair for ${user}@${host}`;
  const makes = `a key pair is made in ${FOLDER}, for root alone; restic must be installed. The next item stops up once, and shows the public half: ${letIn}`;
  if ("blind" in observation) {
    return { state: "not measured", sentence: makes, wanted, observed: NOT_READ };
  }
  const { files } = observation.facts;
  const [key, publicKey] = [files[KEY], files[PUBLIC_KEY]];
  if (key === undefined || publicKey === undefined) {
    return { state: "not measured", sentence: makes, wanted, observed: NOT_READ };
  }
  if (key === null || publicKey === null) {
    return { state: "differs", sentence: makes, wanted, observed: "not there yet" };
  }
  const shown = publicKey.content?.trim() ?? PUBLIC_KEY;
  return { state: "in sync", sentence: `the host's key for the copy is ${shown}; ${letIn}`, wanted, observed: "there" };
}
