/** Flags that leave out a part of the plan, or a check. Those that Pulumi gets in a later version are among them. */
const FLAGS: Readonly<Record<string, string>> = {
  "--target": "-t",
  "--target-dependents": "",
  "--target-replace": "",
  "--exclude": "",
  "--exclude-dependents": "",
  "--replace": "",
  "--ignore-protect": "",
  "--continue-on-error": "",
  "--run-program": "",
  "--skip-config-validation": "",
  "--import-pending-creates": "",
  "--skip-pending-creates": "",
  "--clear-pending-creates": "",
  "--remote": "",
  "--policy-pack-config": "",
};

/** Variables of the environment that do the same (sdk/go/common/env of 3.250.0, and the SDK for Node.js). */
const VARIABLES = [
  "PULUMI_CONTINUE_ON_ERROR",
  "PULUMI_RUN_PROGRAM",
  "PULUMI_SKIP_CHECKPOINTS",
  "PULUMI_DISABLE_PROVIDER_PREVIEW",
  "PULUMI_DISABLE_VALIDATION",
  "PULUMI_ENABLE_LEGACY_DIFF",
  "PULUMI_ENABLE_LEGACY_REFRESH_DIFF",
  // Without the inputs of components most rules have nothing to look at.
  "PULUMI_NODEJS_SKIP_COMPONENT_INPUTS",
];

/** Variables of flags that do not choose what is applied. */
const HARMLESS =
  /^PULUMI_OPTION_(CONFIG_FILE|COLOR|EMOJI|VERBOSE|LOGTOSTDERR|LOGFLOW|NON_INTERACTIVE|DISABLE_INTEGRITY_CHECKING|SUPPRESS_\w+|SHOW_\w+|DIFF|MESSAGE|PARALLEL|REFRESH|YES)$/;

/**
 * What would let a run go round the gate: flags as they were written, and variables as `NAME`. A value is a part of the flag,
 * so that an approval names what is left out.
 */
export function bypassesIn(
  flags: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const written = flags.flatMap((flag, index): string[] => {
    const [name = "", value] = flag.split(/=(.*)/s, 2);
    const long = Object.entries(FLAGS).find(
      ([each, short]) => each === name || (short !== "" && isShort(flag, short)),
    )?.[0];
    if (long === undefined || value === "false") {
      return [];
    }
    const next = flags[index + 1];
    const given = value ?? (next === undefined || next.startsWith("-") ? undefined : next);
    return [given === undefined || given === "true" ? long : `${long}=${given}`];
  });
  const variables = Object.entries(environment)
    .filter(([name, value]) => {
      const counts = VARIABLES.includes(name) || (name.startsWith("PULUMI_OPTION_") && !HARMLESS.test(name));
      return counts && value !== undefined && !["", "0", "false"].includes(value.toLowerCase());
    })
    .map(([name]) => name);
  return [...written, ...variables.sort()];
}

/** `-t`, `-turn:...`, or among others in one word, `-yt`. */
function isShort(flag: string, short: string): boolean {
  return /^-[a-zA-Z]/.test(flag) && (flag.startsWith(short) || new RegExp(`^-[a-zA-Z]*${short.slice(1)}$`).test(flag));
}
