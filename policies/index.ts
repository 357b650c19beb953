import { resolve } from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { RunError } from "@pulumi/pulumi/errors.js";
import { SettingsError } from "../components/settings/faults.ts";
import { packSite } from "../components/settings/packSite.ts";
import { RULES } from "./rules/index.ts";
import { keepLevels } from "./support/levels.ts";
import { policiesOf } from "./support/site/pack.ts";

keepLevels(RULES);
try {
  const site = packSite(resolve(import.meta.dirname, ".."));
  new PolicyPack("twisterlab-edge", {
    policies: policiesOf(RULES, { site, now: new Date() }),
    enforcementLevel: "mandatory",
  });
} catch (error) {
  // A fault of the site file is one clear sentence, without a stack trace.
  throw error instanceof SettingsError ? new RunError(error.message) : error;
}
