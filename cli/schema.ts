// Writes site.schema.json, which gives editors completion in site files, from the schema that the program reads them
// with. `--check` writes nothing and fails when the file is stale.
import { readFileSync, writeFileSync } from "node:fs";

import { siteJsonSchema } from "../components/settings/jsonSchema.ts";

const file = new URL("../site.schema.json", import.meta.url);
const wanted = `${JSON.stringify(siteJsonSchema(), undefined, 2)}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(file, wanted);
} else if (current() !== wanted) {
  console.error("site.schema.json does not match components/settings/schema; run `node cli/schema.ts` and commit it");
  process.exitCode = 1;
}

function current(): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
