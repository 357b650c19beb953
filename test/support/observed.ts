import { createHmac } from "node:crypto";
import { parseFacts, type FileFact, type HostFacts } from "../../components/host/facts.ts";

/** An observation of a host that could not be read. */
export const blind = { blind: "the host was not asked" };

const HASH_KEY = "00112233";

/** An observation of a host that answered, and of which nothing is known but `facts`. */
export function seen(facts: Partial<HostFacts>): { facts: HostFacts } {
  return { facts: { ...parseFacts("== end\n", HASH_KEY), ...facts } };
}

/** A file as `observe` tells of it: of root, mode 644, its content shown, unless `more` says otherwise. */
export function fileFact(content: string, more: Partial<FileFact> = {}): FileFact {
  return { mode: "644", owner: "root:root", keyedHash: keyedHash(content), content, ...more };
}

/** A file whose content `observe` does not show. */
export function closedFileFact(content: string): FileFact {
  return { mode: "600", owner: "root:root", keyedHash: keyedHash(content) };
}

function keyedHash(content: string): string {
  return createHmac("sha256", Buffer.from(HASH_KEY, "hex")).update(content, "utf8").digest("hex");
}
