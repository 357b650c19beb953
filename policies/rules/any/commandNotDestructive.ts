import type { Field } from "../../support/field.ts";
import { commandTexts, isCommand, type Resource } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

const PENDING = "is not known yet; it is looked at in up, before it runs";

const TRIPWIRES: readonly [RegExp, string][] = [
  [
    /\b(lvreduce|lvremove|vgremove|vgreduce|pvremove|pvcreate|vgcfgrestore)\b/,
    "an LVM command that takes volumes away",
  ],
  [/\blvresize\b.*(-L|--size)[= ]*-/, "an LVM command that shrinks a volume"],
  [
    /\b(wipefs|mkfs(\.\w+)?|mke2fs|mkswap|blkdiscard|shred|sgdisk|sfdisk|parted|fdisk)\b/,
    "a command that overwrites a disk",
  ],
  [/\bdd\b.*\bof=\/dev\/(?!null\b|stdout\b)/, "dd to a device"],
  [/>\s*\/dev\/(sd|nvme|vd|hd|mapper|dm-|disk|mmcblk)/, "a redirection to a disk"],
  [/\be2fsck\b.*\s-\w*D|\btune2fs\b.*\s-\w*O|\bresize2fs\b.*\s-M/, "a change of a file system's structure"],
  [
    /\brm\s+(-[\w-]+\s+)*(\/|\/\*|~|\$HOME|\/(etc|var|home|usr|boot|root|opt|srv|var\/lib)(\/\*?)?)(\s|;|&|$)/,
    "rm of a whole tree",
  ],
  [/\bfind\b.*\s-delete\b/, "find -delete"],
  [/\bdocker\s+(system|volume)\s+prune\b/, "a prune of Docker that takes volumes along"],
  [/\bk3s-uninstall\.sh\b|\bk3s\s+server\b.*--cluster-reset/, "a command that takes K3s down"],
  [
    /\bkubectl\s+delete\b.*\s(--all\b|-A\b|ns\b|namespaces?\b|pvc?\b|persistentvolume)/,
    "a kubectl delete of many objects, or of data",
  ],
  [/\b(drop\s+(database|table|schema)|truncate\s+table|flushall|flushdb)\b/i, "a database command that deletes data"],
];

/** No command takes down disks, trees or databases. */
export const commandNotDestructive: AnyRule = {
  name: "command-not-destructive",
  audience: "any",
  level: "mandatory",
  reason:
    "it destroys data, in a moment and for good, when it meets another disk or folder than the one that was meant.",
  source:
    "our own tripwire; the seeds' reports have pvcreate /dev/sdb, e2fsck -D on a mounted /, docker system prune --volumes",
  fix: "use what looks before it acts: the host items of components/host, or a script with its own checks.",
  example: {
    refused: "create: 'wipefs -a /dev/sdb'",
    accepted: "create: 'sudo -n /usr/local/sbin/twisterlab-edge logical-volume grow'",
  },
  *check(resource) {
    if (!isCommand(resource)) return;
    for (const field of textsThatRun(resource)) {
      if (field.isUnknown) yield { what: `${field.path} ${PENDING}`, pending: true };
      else for (const what of destructive(field.text() ?? "")) yield { what: `${field.path} has ${what}` };
    }
  },
};

/** The command's texts; and what a shell reads from standard input, unless its checksum stands in the command. */
function textsThatRun(resource: Resource): Field[] {
  const texts = commandTexts(resource);
  const stdin = resource.inputs.at("stdin");
  const isRead = texts.some(
    (field) =>
      !field.isUnknown &&
      /\b(ba|da|z|k)?sh\b(\s+-[a-z]+)*(\s+(--|-)|\s*$|\s*[;|&])/.test(field.text() ?? "") &&
      !/\b[0-9a-f]{64}\b/.test(field.text() ?? ""),
  );
  return isRead && !stdin.isAbsent ? [...texts, stdin] : texts;
}

function destructive(text: string): string[] {
  // As the shell reads it: quotes and line ends do not hide a word.
  const plain = text.replaceAll(/\\\n/g, " ").replaceAll(/["'\\]/g, "");
  return TRIPWIRES.filter(([pattern]) => plain.split("\n").some((line) => pattern.test(line))).map(([, what]) => what);
}
