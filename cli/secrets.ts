import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { generateSecret, secretSpecs, type SecretSpec } from "../components/settings/secrets.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import { EXIT, Failure } from "./failure.ts";
import { openStack, say } from "./phase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { openSite, PROJECT, stackName, type Site } from "./site.ts";
import { addSecrets, alone, encryptionSalt, type Encrypted } from "./siteFile.ts";
import { lastLine } from "./stack.ts";

/**
 * Generates the secrets that the site file does not have, and writes them into it encrypted. Those that are there stay.
 */
export async function generateSecrets(siteName: string): Promise<number> {
  const before = openSite(siteName);
  if (missingSecrets(before).length > 0) {
    // A stack of the site first: the secrets are encrypted with the salt that it shares with the file.
    const [firstPhase = "1"] = Object.keys(declaredPhases);
    const { toolchain, env } = await openStack(before, stackName(before.name, Number(firstPhase)));
    await alone(before.name, before.file, async () => {
      // Another run may have made them while this one waited.
      const site = openSite(siteName);
      const missing = missingSecrets(site);
      addSecrets(
        site.file,
        await encrypt(missing, encryptionSalt(site.file) ?? "", (extra) => engine(toolchain, { ...env, ...extra })),
      );
      for (const { name, purpose } of missing) {
        say(`${basename(site.file)}: generated secrets.${name}. ${purpose}`);
      }
    });
    return EXIT.success;
  }
  say(`${basename(before.file)} has all secrets (${secretSpecs.length}); nothing was changed.`);
  return EXIT.success;
}

function missingSecrets(site: Site): SecretSpec[] {
  return secretSpecs.filter(({ name }) => !site.settings.givenSecrets.includes(name));
}

/** Pulumi encrypts in a scratch stack: its own `config set` on the site's stack would write the whole site file anew. */
async function encrypt(
  specs: SecretSpec[],
  salt: string,
  engineWith: (extra: Record<string, string>) => Engine,
): Promise<Encrypted> {
  const scratch = mkdtempSync(join(tmpdir(), "twisterlab-edge-"));
  try {
    mkdirSync(join(scratch, "state"));
    writeFileSync(join(scratch, "Pulumi.yaml"), `name: ${PROJECT}\nruntime: nodejs\n`);
    const stackFile = join(scratch, "Pulumi.scratch.yaml");
    writeFileSync(stackFile, `encryptionsalt: ${salt}\n`);
    const pulumi = engineWith({
      PULUMI_BACKEND_URL: pathToFileURL(join(scratch, "state")).href,
      PULUMI_OPTION_CONFIG_FILE: "",
    });
    await must(pulumi, scratch, ["stack", "init", "scratch", "--no-select", "--non-interactive"]);
    for (const spec of specs) {
      const key = `${PROJECT}:secrets.${spec.name}`;
      // By standard input: a command line can be read by everybody on this machine.
      await must(
        pulumi,
        scratch,
        ["config", "set", "--secret", "--path", key, "--stack", "scratch", "--non-interactive"],
        generateSecret(spec),
      );
    }
    const { config } = parse(readFileSync(stackFile, "utf8")) as { config?: Record<string, Encrypted> };
    return config?.[`${PROJECT}:secrets`] ?? {};
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function must(pulumi: Engine, folder: string, words: string[], input?: string): Promise<void> {
  const done = await pulumi.ask(words, folder, input);
  if (done.code !== 0) {
    throw new Failure(`the secrets were not written, the site file is as it was: ${lastLine(done.stderr)}`, done.code);
  }
}
