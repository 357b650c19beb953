import { defaultCredential } from "../../support/defaultCredentials.ts";
import type { AnyRule } from "../../support/rule.ts";

/** No password from a manual, in whatever encoding. */
export const noDefaultCredentials: AnyRule = {
  name: "no-default-credentials",
  audience: "any",
  level: "mandatory",
  reason: "it is in the manual, and the first thing that anybody tries.",
  source: "CIS Docker; the seeds: Harbor12345 stood in registries.yaml",
  fix: "have it generated (`npm run secrets`) and hand it over as a secret.",
  example: { refused: "harborAdminPassword: Harbor12345", accepted: "harborAdminPassword from a Secret" },
  *check({ inputs }) {
    for (const { raw, path } of inputs.everyText()) {
      const found = defaultCredential(raw);
      if (found !== undefined) yield { what: `${path} has ${found}` };
    }
  },
};
