import type { Site } from "../../../components/settings/site.ts";
import type { Resource } from "../resource.ts";

type Exemption = Site["policies"]["exemptions"][number];

/** Whether an exemption counts today, and for this resource. */
export function matches(exemption: Exemption, resource: Pick<Resource, "name">, now: Date): boolean {
  return isInForce(exemption, now) && glob(exemption.resource).test(resource.name);
}

/** Through the end of its last day, in UTC. */
export function isInForce({ until }: Exemption, now: Date): boolean {
  return now.toISOString().slice(0, 10) <= until;
}

/** All exemptions, for people: those in force, and those that are over. */
export function describeExemptions({ policies, file }: Site, now: Date): string[] {
  return policies.exemptions.map((exemption) => {
    const { rule, resource, reason, until } = exemption;
    return isInForce(exemption, now)
      ? `${rule} lets ${resource} pass until ${until}: ${reason}`
      : `the exemption of ${resource} from ${rule} ended on ${until} and no longer counts: take it out of ${file}, or renew it with a reason`;
  });
}

/** `*` stands for any number of characters, the rest for itself. */
function glob(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
