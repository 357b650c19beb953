import bytes from "bytes-iec";

import { type Notation, Refusal } from "./notation.ts";

/** An amount as Kubernetes writes it. `value` is cores for a processor share, bytes for memory and storage. */
export interface Quantity {
  readonly value: number;
  readonly text: string;
}

/** Processor share: `500m` (thousandths of a core) or cores, `2` or `1.5`. */
export const cpu: Notation<Quantity> = {
  what: "a processor share",
  examples: ["500m", "2"],
  pattern: String.raw`\d+m|\d+(\.\d{1,3})?`,
  read: (text) => {
    if (!/^(\d+m|\d+(\.\d{1,3})?)$/.test(text)) {
      throw new Refusal("is not a processor share; write thousandths of a core like `500m`, or cores like `2`");
    }
    return { value: positive(text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text)), text };
  },
};

/** Memory or storage: `512Mi`, `20Gi` (1024-based) or `500M` (1000-based). */
export const memory: Notation<Quantity> = {
  what: "an amount of memory or storage",
  examples: ["512Mi", "20Gi"],
  pattern: String.raw`\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)`,
  read: (text) => {
    if (/^\d+m$/.test(text)) {
      throw new Refusal(`means thousandths of a byte to Kubernetes; write \`${text.slice(0, -1)}Mi\``);
    }
    if (/^\d+(\.\d+)?$/.test(text)) throw new Refusal(`has no unit; write it like \`${text}Mi\``);
    if (!/^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)$/.test(text)) {
      throw new Refusal("is not an amount as Kubernetes writes it; write it like `512Mi` or `20Gi`");
    }
    // Kubernetes drops the B from the same units.
    return { value: positive(bytes.parse(`${text}B`) ?? Number.NaN), text };
  },
};

function positive(value: number): number {
  if (!(value > 0)) throw new Refusal("must be more than zero");
  return value;
}
