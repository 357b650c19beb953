import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, parseDocument } from "yaml";
import { generateSecret, secretSpecs } from "../components/settings/secrets.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import { EXIT, Failure } from "./failure.ts";
import { say, sessionEnvironment } from "./phase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { openSite, PROJECT } from "./site.ts";
import { addSalt, encryptionSalt, lastLine } from "./stack.ts";

/**
 * Generates the secrets that the site file does not have, and writes them into it encrypted. Those that are there stay.
 * Pulumi encrypts them in a scratch stack, because its own `config set` would write the whole site file anew.
 */
export async function generateSecrets(siteName: string): Promise<number> {
  const site = openSite(siteName);
  const missing = secretSpecs.filter(({ name }) => !site.settings.givenSecrets.includes(name));
  if (missing.length === 0) {
    say(`${basename(site.file)} has all ${secretSpecs.length} secrets; nothing was changed.`);
    return EXIT.success;
  }
  const environment = sessionEnvironment(site);
  const toolchain = await ensureToolchain({ say });
  const scratch = mkdtempSync(join(tmpdir(), "twisterlab-edge-"));
  try {
    mkdirSync(join(scratch, "state"));
    const backend = { PULUMI_BACKEND_URL: pathToFileURL(join(scratch, "state")).href };
    const pulumi = engine(toolchain, { ...environment, ...backend, PULUMI_OPTION_CONFIG_FILE: "" });
    writeFileSync(join(scratch, "Pulumi.yaml"), `name: ${PROJECT}\nruntime: nodejs\n`);
    const salt = encryptionSalt(site.file);
    const stackFile = join(scratch, "Pulumi.scratch.yaml");
    if (salt !== undefined) {
      writeFileSync(stackFile, `encryptionsalt: ${salt}\n`);
    }
    await must(pulumi, scratch, ["stack", "init", "scratch", "--non-interactive"]);
    for (const spec of missing) {
      const key = `${PROJECT}:secrets.${spec.name}`;
      // By standard input: a command line can be read by everybody on this machine.
      await must(
        pulumi,
        scratch,
        ["config", "set", "--secret", "--path", key, "--stack", "scratch", "--non-interactive"],
        generateSecret(spec),
      );
    }
    if (salt === undefined) {
      addSalt(site.file, encryptionSalt(stackFile) ?? "");
    }
    addSecrets(site.file, encryptedSecrets(stackFile));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const { name, purpose } of missing) {
    say(`${basename(site.file)}: generated secrets.${name}. ${purpose}`);
  }
  return EXIT.success;
}

async function must(pulumi: Engine, folder: string, words: string[], input?: string): Promise<void> {
  const done = await pulumi.ask(words, folder, input);
  if (done.code !== 0) {
    throw new Failure(`the secrets were not written, the site file is as it was: ${lastLine(done.stderr)}`, done.code);
  }
}

type Encrypted = Record<string, { secure: string }>;

function encryptedSecrets(stackFile: string): Encrypted {
  const file = parse(readFileSync(stackFile, "utf8")) as { config?: Record<string, Encrypted> };
  return file.config?.[`${PROJECT}:secrets`] ?? {};
}

/** Adds the entries and leaves comments and order as they are; the old file is there until the new one is whole. */
function addSecrets(file: string, entries: Encrypted): void {
  const document = parseDocument(readFileSync(file, "utf8"));
  for (const [name, value] of Object.entries(entries)) {
    document.setIn(["config", `${PROJECT}:secrets`, name], document.createNode(value));
  }
  const staged = `${file}.new`;
  writeFileSync(staged, document.toString({ lineWidth: 0 }));
  renameSync(staged, file);
}
