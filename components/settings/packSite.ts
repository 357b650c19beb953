import { isMapping } from "./draft.ts";
import { SettingsError } from "./faults.ts";
import { project } from "./schema/index.ts";
import { parseSite, type Site } from "./site.ts";
import { readSiteFile } from "./siteFile.ts";
import { parseStackName } from "./stackName.ts";
import { resolve } from "node:path";

/**
 * The site file as a policy pack sees it: the configuration of the stack that is looked at, which the language host hands over;
 * without one, as for a state in a file, the site file that PULUMI_OPTION_CONFIG_FILE names, from `folder`. Secrets are not in it.
 *
 * @throws SettingsError with every fault, also when there is neither: rules that do not know the site cannot decide.
 */
export function packSite(folder: string): Site {
  const file = process.env["PULUMI_OPTION_CONFIG_FILE"];
  const config = configuration();
  if (Object.keys(config).some((key) => key.startsWith(`${project}:`))) {
    const { site } = parseStackName(process.env["PULUMI_NODEJS_STACK"] ?? "");
    return parseSite(config, { file: file ?? `Pulumi.${site}.yaml`, site });
  }
  if (file === undefined || file === "") {
    const reason =
      "has no configuration of the site: put PULUMI_OPTION_CONFIG_FILE=Pulumi.<site>.yaml into the environment";
    throw new SettingsError("Policy pack", [{ key: "configuration", reason }]);
  }
  return readSiteFile(resolve(folder, file));
}

/** What Pulumi hands over as JSON texts; all that it decrypted is veiled. */
function configuration(): Record<string, unknown> {
  const given: unknown = JSON.parse(process.env["PULUMI_CONFIG"] ?? "{}");
  if (!isMapping(given)) return {};
  return Object.fromEntries(
    Object.entries(given).map(([key, text]) => {
      const value = structured(String(text));
      return [key, key === `${project}:secrets` && isMapping(value) ? veiled(value) : value];
    }),
  );
}

/** Pulumi hands a structured value over as its JSON text. */
function structured(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function veiled(secrets: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(secrets).map((name) => [name, { secure: "(decrypted)" }]));
}
