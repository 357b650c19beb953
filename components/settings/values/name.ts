import semver from "semver";

import { type Notation, Refusal, word } from "./notation.ts";

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/** One part of a host name, and the name of most Kubernetes objects (RFC 1123): lower case, digits, dashes. */
export const dnsLabel = word("a name of lower-case letters, digits and dashes", ["ai-storage"], label, { longest: 63 });

/** A site's name: what stands between `Pulumi.` and `.yaml`, and before `-phase-1` in a stack's name. */
export const siteName = word(
  "a site's name of lower-case letters, digits and dashes",
  ["edge"],
  "[a-z]([a-z0-9-]*[a-z0-9])?",
  {
    longest: 40,
    hint: (text) =>
      /-phase-\d+$/.test(text) ? "ends like a stack's name; a site's name has no `-phase-<n>`" : undefined,
  },
);

/** A host or domain name of one or more labels (RFC 1123). */
export const hostName = word("a host name", ["harbor.twisterlab.local"], String.raw`${label}(\.${label})*`, {
  hint: (text) => {
    if (/^[a-z]+:\/\//.test(text)) return "is a URL; write the host name alone, like `harbor.twisterlab.local`";
    return /^[\d.]+$/.test(text)
      ? "is an address, not a host name; write it like `harbor.twisterlab.local`"
      : undefined;
  },
});

/** A key of a Kubernetes label, and a value of one. */
export const labelKey = word(
  "a label's key",
  ["app"],
  String.raw`([a-z0-9.-]+\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?`,
);
export const labelValue = word("a label's value", ["twisterlab"], String.raw`[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?`, {
  longest: 63,
});

/** A label's value, or `*` for any. */
export const labelOrAny = word(
  "a label's value, or `*`",
  ["twisterlab", "*"],
  String.raw`\*|${labelValue.pattern ?? ""}`,
  {
    longest: 63,
  },
);

/** A Kubernetes object with its namespace, `twisterlab/builder`. */
export const namespacedName = word("a namespace and a name", ["twisterlab/builder"], `${label}/${label}`);

/** A Kubernetes object with its kind, `Deployment twisterlab/mcp-unified`; of the whole cluster: without a namespace. */
export const kindAndName = word(
  "a kind and a name",
  ["Deployment twisterlab/mcp-unified"],
  String.raw`[A-Z][A-Za-z]+ (${label}\/)?${label}(\.${label})*`,
);

/** A key of a Kubernetes Secret or ConfigMap. */
export const dataKey = word("a key of a Secret or ConfigMap", ["POSTGRES_PASSWORD"], String.raw`[\w.-]+`, {
  longest: 253,
});

/** A user of the host, as useradd accepts it. */
export const userName = word("a user's name", ["twister"], "[a-z_][a-z0-9_-]{0,31}");

/** A user of the registry; Harbor's robot accounts begin with `robot$`. */
export const registryUser = word("a registry user's name", ["robot$k3s"], String.raw`[A-Za-z0-9][\w.+$@-]*`);

/** Another registry, by https: scheme and host, perhaps a port, nothing else. */
export const registryUrl: Notation<string> = {
  what: "the URL of a registry",
  examples: ["https://registry.example.org"],
  pattern: String.raw`https://[^/\s@]+`,
  read: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== "https:" || url.origin !== text) {
      throw new Refusal("is not the URL of a registry; write it like `https://registry.example.org`, without a user", {
        withhold: true,
      });
    }
    return text;
  },
};

/** An LVM volume group or logical volume. */
export const lvmName = word("a volume's name", ["ubuntu-vg"], String.raw`[A-Za-z0-9_+.][\w+.-]*`, { longest: 127 });

/** A block device or partition as the kernel names it, without `/dev/`. */
export const deviceName = word("a device's name", ["sdb", "nvme0n1p1"], String.raw`[a-z][a-z0-9]*`, {
  hint: (text) =>
    text.startsWith("/dev/") ? `is a path; write the device's name alone, like \`${text.slice(5)}\`` : undefined,
});

/** What the disk itself says: `lsblk -o NAME,SERIAL`. */
export const serialNumber = word("a disk's serial number", ["WD-WCC6Y7XXXXXX"], String.raw`[\w.-]+`);

/** 32 hexadecimal digits, the content of /etc/machine-id. */
export const machineId = word("a machine ID", ["0123456789abcdef0123456789abcdef"], "[0-9a-f]{32}");

/** A path on the host, from its root, with nothing to resolve in it. */
export const hostPath = word("an absolute path", ["/var/log/syslog"], String.raw`\/|(\/[\w.@+-]+)+`, {
  longest: 4096,
  hint: (text) => (/(^|\/)\.\.?(\/|$)/.test(text) ? "has `.` or `..` in it; write the path itself" : undefined),
});

/** A path on the host from a folder that is named elsewhere, with nothing to resolve in it. */
export const relativePath = word(
  "a path below the folder",
  ["deploy/docker/Dockerfile"],
  String.raw`[\w.@+-]+(\/[\w.@+-]+)*`,
  {
    longest: 4096,
    hint: (text) => {
      if (text.startsWith("/")) return "is an absolute path; write it from the folder, like `deploy/docker/Dockerfile`";
      return /(^|\/)\.\.?(\/|$)/.test(text) ? "has `.` or `..` in it; write the path itself" : undefined;
    },
  },
);

/** A path of an HTTP request, `/health`. */
export const urlPath = word("a path of a URL", ["/health"], String.raw`(\/[\w.~-]*)+`);

/** Plain words of one line: names of systems and versions that only people read. */
export const line = word("a line of text", ["Ubuntu 24.04.3 LTS"], String.raw`\S(.*\S)?`, { longest: 200 });

/** The beginning of an image's whole name: a registry, with a path perhaps, `docker.io/library`. */
export const imagePrefix = word(
  "a registry, with a path perhaps",
  ["docker.io/library", "harbor.twisterlab.local"],
  String.raw`[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?(\/[a-z0-9._-]+)*`,
  {
    hint: (text) => (/^[a-z]+:\/\//.test(text) ? "is a URL; write it without, like `docker.io/library`" : undefined),
  },
);

/** Names of Pulumi resources, with `*` for any number of characters. */
export const resourcePattern = word("a resource's name", ["postgres-backup", "speaker-*"], String.raw`[\w./*-]+`, {
  hint: (text) => {
    if (text.startsWith("urn:"))
      return `is a whole URN; write the name at its end, \`${text.split("::").at(-1) ?? ""}\``;
    return /^[*./-]+$/.test(text) ? "would take every resource; write names" : undefined;
  },
});

/** A day, `2027-03-31`. Pulumi takes one without quotes for a time, and hands over `2027-03-31 00:00:00 +0000 UTC`. */
export const calendarDay: Notation<string> = {
  what: "a day, year first",
  examples: ["2027-03-31"],
  pattern: String.raw`\d{4}-\d{2}-\d{2}( 00:00:00 \+0000 UTC)?`,
  read: (text) => {
    const [, written] = /^(\d{4}-\d{2}-\d{2})(?: 00:00:00 \+0000 UTC)?$/.exec(text) ?? [];
    const day = written === undefined ? undefined : new Date(`${written}T00:00:00Z`);
    // 30 February is read as a day of March.
    if (written === undefined || Number.isNaN(day?.getTime()) || day?.toISOString().slice(0, 10) !== written) {
      throw new Refusal("is no day; write it like `2027-03-31`");
    }
    return written;
  },
};

/** A time zone by its IANA name. */
export const timeZone: Notation<string> = {
  what: "a time zone",
  examples: ["Europe/Paris", "UTC"],
  pattern: String.raw`[A-Za-z]+(/[A-Za-z0-9_+-]+)*`,
  read: (text) => {
    try {
      new Intl.DateTimeFormat("en", { timeZone: text });
    } catch {
      throw new Refusal("is no time zone; `timedatectl` on the machine prints it, like `Europe/Paris`");
    }
    if (!/^[A-Za-z]/.test(text)) throw new Refusal("is no time zone's name; write it like `Europe/Paris`");
    return text;
  },
};

/**
 * A file on this machine: absolute, or from the home folder with `~/`.
 *
 * `~/` stays: the same settings then give the same plan for everybody, and whoever opens the file looks it up.
 */
export const localPath: Notation<string> = {
  what: "a path on this machine",
  examples: ["~/.kube/twisterlab-edge.yaml"],
  pattern: String.raw`(~[\/\\]|\/|[A-Za-z]:[\/\\]).+`,
  read: (text) => {
    // Both kinds of absolute path, so that a site file reads the same on Windows and Linux.
    if (/^(~[/\\]|\/|[A-Za-z]:[/\\]).+$/.test(text)) return text;
    throw new Refusal("is not an absolute path; begin it with `/` or with `~/` for your home folder");
  },
};

/** A private key file, or `agent` for the keys that the running ssh-agent holds. */
export const keyFile: Notation<string> = {
  ...localPath,
  what: "a private key file, or `agent`",
  examples: ["~/.ssh/id_ed25519", "agent"],
  pattern: String.raw`agent|${localPath.pattern ?? ""}`,
  read: (text) => (text === "agent" ? text : localPath.read(text)),
};

/** A version of K3s, `v1.33.6+k3s1`. */
export const k3sVersion: Notation<string> = {
  what: "a version of K3s",
  examples: ["v1.33.6+k3s1"],
  pattern: String.raw`v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?\+k3s\d+`,
  read: (text) => {
    const version = semver.parse(text);
    const build = version?.build.join(".") ?? "";
    if (version === null || !/^k3s\d+$/.test(build) || text !== `v${version.version}+${build}`) {
      throw new Refusal("is not a version of K3s; write it like `v1.33.6+k3s1`");
    }
    return text;
  },
};

/** The Kubernetes API of the cluster: https, a host, perhaps a port, nothing else. */
export const apiServer: Notation<string> = {
  what: "the URL of a Kubernetes API server",
  examples: ["https://192.168.0.30:6443"],
  pattern: String.raw`https://[^/\s]+`,
  read: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== "https:" || url.origin !== text.replace(/:443$/, "")) {
      throw new Refusal("is not the URL of a Kubernetes API server; write it like `https://192.168.0.30:6443`");
    }
    return text;
  },
};
