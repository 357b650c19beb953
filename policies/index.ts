import { resolve } from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { packSite } from "../components/settings/packSite.ts";
import { RULES } from "./rules/index.ts";
import { keepLevels } from "./support/levels.ts";
import { policiesOf } from "./support/site/pack.ts";

keepLevels(RULES);
new PolicyPack("twisterlab-edge", {
  policies: policiesOf(RULES, { site: packSite(resolve(import.meta.dirname, "..")), now: new Date() }),
  enforcementLevel: "mandatory",
});
