import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { neededSecrets, type NeededSecret } from "../components/settings/neededSecrets.ts";
import { generateSecret, secretSpecs } from "../components/settings/secrets.ts";
import { declaredPhases } from "../phases/catalogue.ts";
import { unseen } from "./ask.ts";
import { EXIT, Failure } from "./failure.ts";
import { openStack, say } from "./phase.ts";
import { engine, type Engine } from "./pulumi.ts";
import { openSite, PROJECT, stackName, type Site } from "./site.ts";
import { addSecrets, alone, encryptionSalt, type Encrypted } from "./siteFile.ts";
import { lastLine } from "./stack.ts";

/** A secret, and its value. */
type Chosen = readonly [Pick<NeededSecret, "name" | "purpose">, string];

/**
 * Generates the secrets that the site needs and its file does not have, and writes them into it encrypted. Those that are
 * there stay, and those that somebody else gives are named.
 */
export async function generateSecrets(siteName: string): Promise<number> {
  const before = openSite(siteName);
  const missing = missingSecrets(before);
  const given = missing.filter(({ generated }) => generated === undefined);
  if (given.length < missing.length) {
    await write(before, "generated", async (site) => {
      const chosen = missingSecrets(site).map(async ({ generated, ...spec }): Promise<Chosen[]> =>
        generated === undefined ? [] : [[spec, await generate(generated, site)]],
      );
      return (await Promise.all(chosen)).flat();
    });
  }
  for (const { name, purpose } of given) {
    say(`${basename(before.file)}: secrets.${name} is still to be given: npm run secrets -- --set ${name}. ${purpose}`);
  }
  if (missing.length === 0) {
    const { length } = neededSecrets(before.settings);
    say(`${basename(before.file)} has all secrets (${length}); nothing was changed.`);
  }
  return EXIT.success;
}

/**
 * Writes a value that somebody has into the site file, encrypted: typed on the terminal, where it does not show, or from
 * standard input.
 * @throws Failure when there is no such secret, when it has a value already, or for a value that could not be used.
 */
export async function setSecret(siteName: string, name: string): Promise<number> {
  const before = openSite(siteName);
  const spec = secretSpecs.find((each) => each.name === name);
  if (spec === undefined) {
    throw new Failure(
      `--set "${name}": there is no such secret; choose ${secretSpecs.map((each) => each.name).join(", ")}`,
    );
  }
  refuseAnother(before, spec.name);
  const value = usable(await unseen(spec.purpose));
  await write(before, "wrote", (site) => {
    refuseAnother(site, spec.name);
    return Promise.resolve([[spec, value]]);
  });
  return EXIT.success;
}

async function generate(how: NonNullable<NeededSecret["generated"]>, { settings }: Site): Promise<string> {
  if (!("key" in how)) {
    return generateSecret(how);
  }
  // Only here: its library takes a while to load.
  const { createAuthority, createServerKey, createTokenKey, writeAuthority } =
    await import("../components/certificateAuthority.ts");
  switch (how.key) {
    case "authority":
      return writeAuthority(await createAuthority(settings.site.domain));
    case "server":
      return createServerKey();
    case "token":
      return createTokenKey();
  }
}

function refuseAnother(site: Site, name: NeededSecret["name"]): void {
  if (site.settings.givenSecrets.includes(name)) {
    throw new Failure(`${basename(site.file)} has secrets.${name} already: take it out of the file first`);
  }
}

/** The value, without the line's end that it was sent with. */
function usable(text: string): string {
  const value = text.replace(/\r?\n$/, "");
  if (value === "" || value !== value.trim() || /\p{Cc}/u.test(value)) {
    throw new Failure("the value was not taken: it must be one line, not empty, without blanks around it");
  }
  return value;
}

/** Adds to the site file what `choose` finds for it, when nobody else changes it any more. */
async function write(before: Site, done: string, choose: (site: Site) => Promise<readonly Chosen[]>): Promise<void> {
  // A stack of the site first: the secrets are encrypted with the salt that it shares with the file.
  const [firstPhase = "1"] = Object.keys(declaredPhases);
  const { toolchain, env } = await openStack(before, stackName(before.name, Number(firstPhase)));
  await alone(before.name, before.file, async () => {
    // Another run may have made them while this one waited.
    const site = openSite(before.name);
    const chosen = await choose(site);
    const salt = encryptionSalt(site.file) ?? "";
    addSecrets(site.file, await encrypt(chosen, salt, (extra) => engine(toolchain, { ...env, ...extra })));
    for (const [{ name, purpose }] of chosen) {
      say(`${basename(site.file)}: ${done} secrets.${name}. ${purpose}`);
    }
  });
}

function missingSecrets(site: Site): readonly NeededSecret[] {
  return neededSecrets(site.settings).filter(({ name }) => !site.settings.givenSecrets.includes(name));
}

/** Pulumi encrypts in a scratch stack: its own `config set` on the site's stack would write the whole site file anew. */
async function encrypt(
  chosen: readonly Chosen[],
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
    for (const [{ name }, value] of chosen) {
      const key = `${PROJECT}:secrets.${name}`;
      // By standard input: a command line can be read by everybody on this machine.
      await must(
        pulumi,
        scratch,
        ["config", "set", "--secret", "--path", key, "--stack", "scratch", "--non-interactive"],
        value,
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
