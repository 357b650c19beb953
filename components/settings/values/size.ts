import bytes from "bytes-iec";

import { type Notation, Refusal } from "./notation.ts";

/** An amount of storage or memory. `text` is the normal form, `150 GiB`; binary and decimal units stay what they are. */
export interface Size {
  readonly bytes: number;
  readonly text: string;
}

const units = ["B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"] as const;
const written = new RegExp(String.raw`^(\d+(?:\.\d+)?) ?(${units.join("|")})$`);

/** A size above zero, like `150 GiB` (1024-based) or `15.6 GB` (1000-based); a bare number or `150G` is refused. */
export const size: Notation<Size> = {
  what: "a size",
  examples: ["150 GiB", "15.6 GB"],
  pattern: String.raw`\d+(\.\d+)? ?(${units.join("|")})`,
  read: (text) => {
    const parsed = readSize(text);
    if (parsed.bytes === 0) throw new Refusal("must be more than zero");
    return parsed;
  },
};

/** As `size`, and `0 GiB` is fine: what is left of something may be nothing. */
export const sizeOrNone: Notation<Size> = { ...size, examples: ["195 GiB", "0 GiB"], read: readSize };

/** For messages: bytes in the largest binary unit that keeps the figure at or above one, two decimals at most. */
export function formatBytes(count: number): string {
  const text = bytes.format(count, { mode: "binary", unitSeparator: " ", decimalPlaces: 2 });
  return (text ?? `${count} B`).replace("kiB", "KiB");
}

function readSize(text: string): Size {
  const match = written.exec(text);
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) throw new Refusal(hint(text));
  const count = bytes.parse(`${amount} ${unit}`);
  if (count === null || !Number.isSafeInteger(Math.round(count)))
    throw new Refusal("is too large to be counted in bytes");
  return { bytes: Math.round(count), text: `${amount} ${unit}` };
}

/** Names the unit that was probably meant. */
function hint(text: string): string {
  const bare = /^(\d+(?:\.\d+)?) *([kmgt]?)(i?)b?$/i.exec(text.trim());
  const [, amount, prefix, binary] = bare ?? [];
  if (amount === undefined || prefix === undefined) return "is not a size; write it like `150 GiB` or `15.6 GB`";
  if (prefix === "")
    return `has no unit; write it like \`${amount} GiB\` (1024-based) or \`${amount} GB\` (1000-based)`;
  const letter = prefix.toUpperCase();
  const decimal = letter === "K" ? "kB" : `${letter}B`;
  if (binary !== "") return `is not spelled as a size; write \`${amount} ${letter}iB\``;
  return `can be read two ways; write \`${amount} ${letter}iB\` (1024-based) or \`${amount} ${decimal}\` (1000-based)`;
}
