import type { ConfigFile } from "../facts.ts";
import { iecSize, timeSpan } from "./sizes.ts";

/** What phase 0 decides about the journal. */
export interface JournalLimit {
  /** Bytes that the journal takes on disk at most. */
  maxUse: number;
  /** Seconds that an entry is kept at most. */
  retention: number;
}

/** The drop-in for journald. */
export function renderJournald({ maxUse, retention }: JournalLimit): string {
  return [
    "# Written by twisterlab-edge; change it there.",
    "[Journal]",
    `SystemMaxUse=${iecSize(maxUse)}`,
    `MaxRetentionSec=${timeSpan(retention)}`,
    "# Only whole files are deleted, and by their oldest entry: one that spanned a month, as by default, would take the entries",
    "# of today with it.",
    `MaxFileSec=${timeSpan(Math.floor(retention / 3))}`,
    "",
  ].join("\n");
}

/** One line of a configuration of systemd's kind. */
export interface Assignment {
  file: string;
  key: string;
  value: string;
}

/** What is set in the section [Journal] of files, in their order. */
export function journaldAssignments(files: readonly ConfigFile[]): Assignment[] {
  return files.flatMap(({ path: file, content }) => {
    let section = "";
    return content.split("\n").flatMap((line) => {
      section = /^\[.*\]$/.exec(line.trim())?.[0] ?? section;
      const [, key, value] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return section === "[Journal]" && key !== undefined && value !== undefined ? [{ file, key, value }] : [];
    });
  });
}
