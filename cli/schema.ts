// Writes site.schema.json, which gives editors completion in site files, from the schema that the program reads them
// with. `--check` writes nothing and fails when the file is stale.
import { siteJsonSchema } from "../components/settings/jsonSchema.ts";
import { writeOrCheck } from "./generatedFile.ts";

const file = new URL("../site.schema.json", import.meta.url);
const wanted = `${JSON.stringify(siteJsonSchema(), undefined, 2)}\n`;

writeOrCheck(
  file,
  wanted,
  "site.schema.json does not match components/settings/schema; run `node cli/schema.ts` and commit it",
);
