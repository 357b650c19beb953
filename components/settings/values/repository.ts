import { hostName, hostPath } from "./name.ts";
import { type Notation, Refusal } from "./notation.ts";

/** Where restic keeps a copy of the backups. `text` is as written, in restic's own form. */
export type BackupRepository =
  | { readonly kind: "sftp"; readonly text: string; readonly user: string; readonly host: string }
  | { readonly kind: "s3"; readonly text: string }
  | { readonly kind: "folder"; readonly text: string };

const forms = "`sftp:user@host:/path`, `s3:https://host/bucket` or `/path`";

/**
 * A folder behind an SSH server, a bucket that is reached by https, or a folder of the machine: restic knows more, but those
 * either need a password in the name or send what they send in clear.
 */
export const backupRepository: Notation<BackupRepository> = {
  what: "a repository of restic",
  examples: ["sftp:edge@nas.twisterlab.local:/backups/edge", "s3:https://s3.example.org/bucket/edge"],
  pattern: String.raw`sftp:[^@\s]+@[^:\s]+:/\S*|s3:https://\S+|/\S+`,
  read: (text) => {
    // Before anything that repeats the value.
    if (/:\/\/[^/]*@/.test(text)) {
      throw new Refusal(`has a user in its URL, and perhaps a password; write it like ${forms}`, { withhold: true });
    }
    if (text.startsWith("sftp:")) return readSftp(text);
    if (text.startsWith("s3:")) return readS3(text);
    if (text.startsWith("/")) return readFolder(text);
    throw new Refusal(`is not a repository that a copy goes to; write it like ${forms}`);
  },
};

function readSftp(text: string): BackupRepository {
  if (text.startsWith("sftp://"))
    throw new Refusal(`is a URL; write \`sftp:user@host:/path\`, and its port as \`port\``);
  const [, user, host, path] = /^sftp:([A-Za-z_][\w.-]*)@([^:@]+):(.*)$/.exec(text) ?? [];
  if (user === undefined || host === undefined || path === undefined) {
    throw new Refusal("is not complete; write it like `sftp:user@host:/path`");
  }
  if (!/^[\d.]+$/.test(host)) part("host", () => hostName.read(host));
  part("path", () => hostPath.read(path));
  return { kind: "sftp", text, user, host };
}

function readS3(text: string): BackupRepository {
  const url = URL.canParse(text.slice(3)) ? new URL(text.slice(3)) : undefined;
  if (url?.protocol === "http:")
    throw new Refusal("would send the account's requests in clear; begin it with `s3:https://`");
  const plain = url?.protocol === "https:" && `s3:${url.origin}${url.pathname}` === text;
  if (!plain || !/^\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.@+-]+)*$/.test(url.pathname)) {
    throw new Refusal("is not a bucket; write it like `s3:https://host/bucket`, or `s3:https://host/bucket/path`");
  }
  return { kind: "s3", text };
}

function readFolder(text: string): BackupRepository {
  hostPath.read(text);
  return { kind: "folder", text };
}

function part(what: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(`has a ${what} that ${error.message}`);
  }
}

/** The disk whose file system a path is on, among those that the site file says the mount of. */
export function diskHolding(
  path: string,
  disks: Readonly<Record<string, { readonly mount?: string }>>,
): { name: string; mount: string } | undefined {
  return Object.entries(disks)
    .flatMap(([name, { mount }]) => (mount !== undefined && path.startsWith(`${mount}/`) ? [{ name, mount }] : []))
    .reduce<{ name: string; mount: string } | undefined>(
      (deepest, disk) => (disk.mount.length > (deepest?.mount.length ?? 0) ? disk : deepest),
      undefined,
    );
}
