import type { Rule } from "../rule.ts";

export const bypass: Rule = {
  name: "bypass",
  refuses: "flags, and variables of the environment, that leave out a part of the plan or a check of the engine's",
  reason: "a part of a plan was never reviewed as a whole: what it leaves out may be what it needs",
  source: "engine 3.250.0: every flag is a variable PULUMI_OPTION_<FLAG> too (cmd/pulumi/pulumi.go); research C04",
  example: { refused: "npm run up -- 1 --target=urn:...", accepted: "npm run up -- 1" },
  check: ({ bypasses }) =>
    bypasses.map((flag) => ({
      resource: flag,
      called: flag,
      why: "goes round the gate",
      wayOut: "leave it out; to apply a part, take the rest out of the site file, or approve the flag",
    })),
};
