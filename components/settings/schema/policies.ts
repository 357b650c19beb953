import { RULE_NAMES } from "../../../policies/catalogue.ts";
import { nearest } from "../faults.ts";
import { duration } from "../values/duration.ts";
import { calendarDay, imagePrefix, line, resourcePattern, timeZone } from "../values/name.ts";
import { cpu, memory } from "../values/quantity.ts";
import { type Notation, Refusal } from "../values/notation.ts";
import { fact, list, object, text, textOrNumber } from "./build.ts";

const rule: Notation<string> = {
  what: "a rule of the policy pack",
  examples: ["image-by-digest"],
  pattern: RULE_NAMES.join("|"),
  read: (given) => {
    if (!(RULE_NAMES as readonly string[]).includes(given)) {
      const near = nearest(given, RULE_NAMES);
      throw new Refusal(`is no rule; ${near.startsWith("known here") ? "docs/policies.md has them all" : near}`);
    }
    return given;
  },
};

export const policies = object("What the policy pack goes by (docs/policies.md has its rules).", {
  allowedRegistries: list(
    "Registries, or paths in them, that images may come from, beside the site's own, `phase1.registry.host`.",
    text(imagePrefix, "Registry, with a path perhaps."),
  ).default(["docker.io/library", "docker.io/twisterlab"]),
  timeZone: fact(timeZone, "Time zone of the machine, by which schedules are checked.").default("unknown"),
  backupSpacing: text(duration, "Least time between the beginnings of two backups or trials.").prefault("15 min"),
  minimumRetention: text(duration, "Least time for which backups are kept.").prefault("7 days"),
  reserve: object("What pods may not request, because the system's own pods, K3s and the kernel need it.", {
    cpu: textOrNumber(cpu, "Processor share."),
    memory: text(memory, "Memory."),
  }).prefault({ cpu: "200m", memory: "2Gi" }),
  exemptions: list(
    "Resources that a rule lets pass, for a while.",
    object("An exemption.", {
      rule: text(rule, "Rule, by its name."),
      resource: text(resourcePattern, "Resource, by its name in Pulumi; `*` stands for anything."),
      reason: text(line, "Why, for whoever reviews."),
      until: text(calendarDay, "Last day on which it counts."),
    }),
    0,
  ).default([]),
}).prefault({});
