import { Command, CommanderError, InvalidArgumentError } from "commander";
import type { DatabaseKind } from "./clusterJob.ts";
import { EXIT, Failure } from "./failure.ts";
import type { RestoreOptions } from "./restore.ts";
import type { PhaseOptions } from "./phase.ts";
import type { ReviewOptions } from "./review.ts";

const SITE = ["--site <name>", "site file to use: Pulumi.<name>.yaml", "edge"] as const;
const SHARED_STATE = ["--shared-state", "only with a state that is shared and has the stack; for CI"] as const;

/**
 * The commands people learn. Those about a phase take it as argument, and all of them `--site`; of preview, up and destroy,
 * flags that are not ours go to Pulumi as they are.
 * @returns the exit code: Pulumi's own where Pulumi ran, 2 for a wrong call or a wrong site file.
 */
export async function main(words: string[]): Promise<number> {
  let exitCode: number = EXIT.success;
  const program = new Command("twisterlab-edge")
    .description("EdgeServer as code: one Pulumi stack for each phase of the intervention plan.")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  for (const [verb, description] of [
    ["preview", "show what a phase will do to the host and the cluster; changes nothing there"],
    ["up", "review a phase, and apply exactly that; 30: refused as unsafe, 31: not ready"],
    ["destroy", "review, and bring back what was there before a phase; 30: refused as unsafe"],
  ] as const) {
    const command = program.command(verb);
    if (verb === "up") {
      command.option("--reviewed <hash>", "apply what `npm run review` has shown, while nothing has changed since");
    }
    command
      .description(description)
      .argument("<phase>", "number of the phase, 0 to 5", parsePhase)
      .argument("[pulumi flags...]", "handed to Pulumi: --diff, --json, --yes, --target ...")
      .option(...SITE)
      .option(...SHARED_STATE)
      .allowUnknownOption()
      .addHelpText("after", `\nPulumi's own flags: npx pulumi ${verb} --help`)
      .action(async (phase: number, flags: string[], options: PhaseOptions & { reviewed?: string }) => {
        refuseSwallowedFlags(verb);
        const { runPhase } = await import("./phase.ts");
        exitCode = await runPhase(verb, phase, flags, options);
      });
  }

  program
    .command("review")
    .description("one page: what a phase will change and risk; 0: may be applied, 30: refused as unsafe, 31: not ready")
    .argument("<phase>", "number of the phase, 0 to 5", parsePhase)
    .argument("[pulumi flags...]", "those that `up` is to have as well")
    .option(...SITE)
    .option("--markdown <file>", "write the page into a file too, for a pull request")
    .option("--json", "print what was found as JSON")
    .option("--destroy", "review what a destroy would do")
    .option(...SHARED_STATE)
    .allowUnknownOption()
    .action(async (phase: number, flags: string[], options: ReviewOptions) => {
      refuseSwallowedFlags("review");
      const { review } = await import("./review.ts");
      exitCode = await review(phase, flags, options);
    });

  program
    .command("drift")
    .description("compare every host item of a phase with the host; 0: in sync, 20: differs, 21: not measured")
    .argument("<phase>", "number of the phase, 0 to 5", parsePhase)
    .option(...SITE)
    .option("--json", "print the items as JSON")
    .option(...SHARED_STATE)
    .action(async (phase: number, options: PhaseOptions & { json?: boolean }) => {
      refuseSwallowedFlags("drift");
      const { drift } = await import("./drift.ts");
      exitCode = await drift(phase, options);
    });

  program
    .command("drill")
    .description("restore the newest backups into servers of their own, compare, and print the evidence")
    .argument("[database]", "postgres or redis; default: both", parseDatabase)
    .option(...SITE)
    .action(async (kind: DatabaseKind | undefined, options: { site: string }) => {
      refuseSwallowedFlags("drill");
      const { drill } = await import("./drill.ts");
      exitCode = await drill(kind, options.site);
    });

  program
    .command("restore")
    .description("restore a backup into the database itself; asks on a terminal")
    .argument("<database>", "postgres or redis", parseDatabase)
    .option("--from <backup>", "which one, or newest; without it, lists them")
    .option("--overwrite", "also where there is data already, which is kept under another name")
    .option("--yes", "do not ask")
    .option(...SITE)
    .action(async (kind: DatabaseKind, { site, ...options }: { site: string } & RestoreOptions) => {
      refuseSwallowedFlags("restore");
      const { restore } = await import("./restore.ts");
      exitCode = await restore(kind, site, options);
    });

  program
    .command("secrets")
    .description("generate the secrets that are missing and write them encrypted into the site file")
    .option("--set <name>", "take the value of this one, from the terminal or from standard input")
    .option(...SITE)
    .action(async ({ site, set }: { site: string; set?: string }) => {
      refuseSwallowedFlags("secrets");
      const { generateSecrets, setSecret } = await import("./secrets.ts");
      exitCode = set === undefined ? await generateSecrets(site) : await setSecret(site, set);
    });

  program
    .command("authority")
    .description("print the certificate of the site's authority, for clients of the registry to trust")
    .option("--site <name>", "site file to use: Pulumi.<name>.yaml", "edge")
    .action(async ({ site }: { site: string }) => {
      refuseSwallowedFlags("authority");
      const { printAuthority } = await import("./authority.ts");
      exitCode = await printAuthority(site);
    });

  program
    .command("charts")
    .description(
      "render: make of the charts what Helm would, by their own schemas and our policies; 30: refused as unsafe",
    )
    .argument("<what>", "render", parseChartsVerb)
    .option(...SITE)
    .action(async (_: "render", { site }: { site: string }) => {
      refuseSwallowedFlags("charts");
      const { renderCharts } = await import("./charts.ts");
      exitCode = await renderCharts(site);
    });

  program
    .command("doctor")
    .description(
      "check this machine, and read from the host what the site file does not know yet; but for --break-lease changes nothing",
    )
    .option(...SITE)
    .option("--env", "print only the environment with which plain `pulumi` works as these commands do")
    .option("--break-lease", "take the host away from a run that is gone; names it, and asks on a terminal")
    .action(async (options: { site: string; env?: boolean; breakLease?: boolean }) => {
      refuseSwallowedFlags("doctor");
      const { doctor, breakHostLease } = await import("./doctor.ts");
      exitCode =
        options.breakLease === true
          ? await breakHostLease(options.site)
          : await doctor(options.site, options.env === true);
    });

  try {
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error);
  }
}

function parsePhase(word: string): number {
  if (!/^[0-5]$/.test(word)) {
    throw new InvalidArgumentError("The plan has the phases 0 to 5.");
  }
  return Number(word);
}

function parseDatabase(word: string): DatabaseKind {
  if (word !== "postgres" && word !== "redis") {
    throw new InvalidArgumentError("Backups are made of postgres and of redis.");
  }
  return word;
}

function parseChartsVerb(word: string): "render" {
  if (word !== "render") {
    throw new InvalidArgumentError("Charts can be rendered.");
  }
  return word;
}

/** Flags that change what is applied, or where. npm takes them for its own when `--` is forgotten, and says nothing. */
const WEIGHTY = [
  "site",
  "target",
  "target_dependents",
  "exclude",
  "replace",
  "target_replace",
  "preview_only",
  "diff",
  "break_lease",
  "from",
  "overwrite",
  "set",
  "reviewed",
  "markdown",
  "destroy",
  "shared_state",
];

function refuseSwallowedFlags(verb: string): void {
  const taken = WEIGHTY.filter((name) => process.env[`npm_config_${name}`] !== undefined);
  if (process.env["npm_lifecycle_event"] === verb && taken.length > 0) {
    throw new Failure(
      `npm kept --${taken.join(", --").replaceAll("_", "-")} to itself; write two dashes before what is ours: npm run ${verb} -- ...`,
    );
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its sentence; help asked for is no mistake.
    return error.exitCode === 0 ? EXIT.success : EXIT.configuration;
  }
  if (error instanceof Failure) {
    console.error(`error: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof Error && "syscall" in error && "code" in error) {
    console.error(`error: ${"path" in error ? String(error.path) : "a file"} cannot be used (${String(error.code)})`);
    return EXIT.configuration;
  }
  // Not foreseen, or the toolchain's own sentence. The stack trace is for whoever mends this program.
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env["TWISTERLAB_DEBUG"] !== undefined) {
    console.error(error);
  }
  return EXIT.error;
}
