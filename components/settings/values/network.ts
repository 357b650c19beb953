import type { Port } from "../../cluster/network/flows.ts";
import { type Notation, Refusal, word } from "./notation.ts";

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/** One end of a flow: `namespace/workload`, `namespace/*`, a word of our own (`dns`), or the name of a network. */
export const endpoint = word(
  "an endpoint",
  ["twisterlab/postgres", "monitoring/*", "dns"],
  String.raw`${label}(\/(${label}|\*))?`,
);

/** A port and its protocol: `5432` is TCP, `53/UDP` is not. */
export const port: Notation<Port> = {
  what: "a port",
  examples: ["5432", "53/UDP"],
  pattern: String.raw`\d{1,5}(/(TCP|UDP))?`,
  read: (text) => {
    const [, digits, protocol = "TCP"] = /^(\d{1,5})(?:\/(TCP|UDP))?$/.exec(text) ?? [];
    const number = Number(digits);
    if (digits === undefined || number < 1 || number > 65535) {
      throw new Refusal("is not a port from 1 to 65535; write it like `5432`, or `53/UDP`");
    }
    return { protocol: protocol as Port["protocol"], port: number };
  },
};
