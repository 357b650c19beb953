import { iecSize } from "./sizes.ts";

/** What phase 0 decides about the logs that filled the disk. */
export interface Rotation {
  /** Paths of the logs. */
  files: readonly string[];
  /** Rotated files that are kept of each. */
  rotate: number;
  /** Bytes at which a log is rotated before its day. */
  maxSize: number;
}

/**
 * The stanza of the logs, between the two lines that our scripts know it by. The options are those of the intervention plan
 * (0.2), and rsyslog is told to open its files anew.
 */
export function renderRotation({ files, rotate, maxSize }: Rotation): string {
  return [
    "# twisterlab-edge begin: what these logs had before is commented out below",
    ...files,
    "{",
    "\tdaily",
    `\trotate ${rotate}`,
    `\tmaxsize ${iecSize(maxSize)}`,
    "\tcompress",
    "\tdelaycompress",
    "\tmissingok",
    "\tnotifempty",
    "\tsharedscripts",
    "\tpostrotate",
    "\t\t/usr/lib/rsyslog/rsyslog-rotate",
    "\tendscript",
    "}",
    "# twisterlab-edge end",
    "",
  ].join("\n");
}

/** Logs that are rotated alike. */
export interface Stanza {
  /** Paths and patterns. */
  logs: string[];
  /** Its lines, without its scripts. */
  options: string[];
}

/** The stanzas of a file of logrotate. */
export function parseStanzas(text: string): Stanza[] {
  const lines = text.split("\n").map((line) => line.trim());
  const stanzas: Stanza[] = [];
  let logs: string[] = [];
  let options: string[] | undefined;
  let script = false;
  for (const line of lines.filter((one) => one !== "" && !one.startsWith("#"))) {
    if (options === undefined) {
      const [names = "", body] = line.split("{", 2);
      // Outside a stanza, what is not a path is an option for all.
      if (logs.length > 0 || /^["'~/]/.test(line)) {
        logs.push(...names.split(/\s+/).map(unquoted).filter(Boolean));
      }
      options = body === undefined ? undefined : body.trim() === "" ? [] : [body.trim()];
    } else if (script) {
      script = line !== "endscript";
    } else if (/^(pre|post)rotate$|^(first|last)action$|^preremove$/.test(line)) {
      script = true;
    } else if (line.startsWith("}")) {
      stanzas.push({ logs, options });
      [logs, options] = [[], undefined];
    } else {
      options.push(line);
    }
  }
  return stanzas;
}

function unquoted(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, "$2");
}

/** Names that logrotate passes over in a folder that it includes (its `tabooext`). */
export function isTaboo(path: string): boolean {
  return /(,v|~|\.(bak|cfsaved|disabled|dpkg-(bak|del|dist|new|old|tmp)|rpm(new|orig|save)|swp|ucf-(dist|new|old)))$/.test(
    path,
  );
}
