import Table from "cli-table3";
import { EVERYTHING, type Connection } from "./connectivity.ts";

/** What it says of a pair that may not connect, and of one that nobody has looked at. */
const NOTHING = "nothing";
const NOT_KNOWN = "not known";

/** Columns of the page: names of endpoints are long, and wrap at their commas. */
const WIDTHS = [62, 32, 14, 14];

/**
 * The connectivity before and after, as a table: a row for all that may reach the same after the change, and may before. What
 * could reach everything and may reach nothing is one sentence below it.
 * @param before undefined: nobody knows.
 */
export function matrix(before: readonly Connection[] | undefined, after: readonly Connection[]): string {
  const pairs = new Map<string, { from: string; to: string; before: string; after: string }>();
  for (const [when, connections] of [
    ["before", before ?? []],
    ["after", after],
  ] as const) {
    for (const { from, to, ports } of connections) {
      const key = `${from} ${to}`;
      pairs.set(key, {
        before: before === undefined ? NOT_KNOWN : NOTHING,
        after: NOTHING,
        ...pairs.get(key),
        from,
        to,
        [when]: ports,
      });
    }
  }
  const all = [...pairs.values()];
  const closed = all.filter((pair) => pair.before === EVERYTHING && pair.after === NOTHING);
  const rows = Map.groupBy(
    all.filter((pair) => !closed.includes(pair)),
    (pair) => `${pair.to} ${pair.before} ${pair.after}`,
  );
  const table = new Table({
    head: ["from", "to", "before", "after"],
    colWidths: WIDTHS,
    wordWrap: true,
    style: { head: [], border: [] },
    // No lines between the rows.
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const [first, ...rest] of [...rows.values()].sort(([one], [other]) =>
    (one?.to ?? "").localeCompare(other?.to ?? ""),
  )) {
    if (first === undefined) continue;
    const from = [first, ...rest].map((pair) => pair.from).sort();
    table.push([from.join(", "), first.to, first.before, first.after]);
  }
  const besides =
    closed.length === 0
      ? ""
      : `\nBesides these, ${closed.length} pairs could reach each other on every port before, and cannot any more.`;
  return `${table.toString()}${besides}`;
}

/** Connections by whom they lead to, for a stack to keep: `monitoring/prometheus: 8001; harbor/trivy, harbor/exporter: 8080`. */
export function kept(connections: readonly Connection[]): Record<string, string> {
  const byTarget = Map.groupBy(connections, ({ to }) => to);
  return Object.fromEntries(
    [...byTarget]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([to, all]) => {
        const byPorts = Map.groupBy(all, ({ ports }) => ports);
        return [
          to,
          [...byPorts].map(([ports, same]) => `${same.map(({ from }) => from).join(", ")}: ${ports}`).join("; "),
        ];
      }),
  );
}

/** What `kept` has written. */
export function readKept(written: Readonly<Record<string, string>>): Connection[] {
  return Object.entries(written).flatMap(([to, text]) =>
    text.split("; ").flatMap((part) => {
      const [from = "", ports = ""] = part.split(": ");
      return from.split(", ").map((each) => ({ from: each, to, ports }));
    }),
  );
}
