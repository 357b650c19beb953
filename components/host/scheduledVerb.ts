import type * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { HostFile, planHostFile, type WantedFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import type { ItemPlan, Reason } from "./plan.ts";
import { renderService, renderTimer, type Service } from "./render/units.ts";

export interface ScheduledVerbArgs extends Service, Reason {
  /** When it runs, as systemd.time(7) writes it. */
  calendar: string;
  /** What it does, for a reviewer, as it is read after a semicolon. */
  effect: string;
}

/**
 * Has systemd run a verb of the entry point: a service, and a timer that is switched on with it, and off when it is removed.
 * @param after what the verb cannot do without. Default: nothing.
 * @returns the timer's file, the last of the two.
 */
export function scheduleVerb(
  name: string,
  args: ScheduledVerbArgs,
  host: Host,
  parent: pulumi.Resource,
  after: pulumi.Resource[] = [],
): HostFile {
  const { calendar, effect, why, ...service } = args;
  const unit = `twisterlab-edge-${service.verb}`;
  const serviceFile = new HostFile(
    `${name}-service`,
    {
      path: `${UNITS}/${unit}.service`,
      content: renderService(service),
      why,
      effect: "the timer below runs it",
      validate: "unit",
      activate: "unit",
    },
    host,
    { parent, dependsOn: after },
  );
  const timer = { path: `${UNITS}/${unit}.timer`, content: renderTimer({ ...service, calendar }) };
  return new HostFile(
    `${name}-timer`,
    {
      ...timer,
      why,
      plan: planTimer(timer, `${unit}.timer`, host.observation, effect),
      validate: "unit",
      activate: "timer",
    },
    host,
    { parent, dependsOn: serviceFile },
  );
}

const UNITS = "/etc/systemd/system";

/** How a timer's file compares with the host; a timer that somebody switched off is not as wanted, whatever its file says. */
export function planTimer(file: WantedFile, unit: string, observation: Observation, effect: string): ItemPlan {
  const plan = planHostFile(file, observation, effect);
  const fact = "facts" in observation ? observation.facts.units[unit] : undefined;
  if (plan.state !== "in sync" || fact === undefined || (fact.enabled === "enabled" && fact.active === "active")) {
    return plan;
  }
  const observed = `${unit} is ${fact.enabled || "not known to systemd"} and ${fact.active}`;
  return { ...plan, state: "differs", sentence: `${file.path} is as wanted, yet ${observed}; ${effect}`, observed };
}
