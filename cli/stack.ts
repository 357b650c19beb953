import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { stateFile, type Backend } from "./backend.ts";
import { Failure } from "./failure.ts";
import type { Engine } from "./pulumi.ts";
import { PROJECT_FOLDER, type Site } from "./site.ts";
import { addSalt, alone, encryptionSalt } from "./siteFile.ts";

/**
 * Makes sure that the stack exists and that the site file carries the encryption salt that all stacks of the site
 * share. `pulumi stack init` knows no site file and would leave a `Pulumi.<stack>.yaml` in the checkout, so it runs in
 * a folder of its own and only the salt comes back, as one line.
 */
export async function ensureStack(
  pulumi: Engine,
  backend: Backend,
  site: Site,
  stack: string,
  say: (line: string) => void,
): Promise<void> {
  const there = async (): Promise<boolean> =>
    encryptionSalt(site.file) !== undefined && (await exists(pulumi, backend, stack));
  if (await there()) {
    return;
  }
  await alone(site.name, site.file, async () => {
    if (!(await there())) {
      await createStack(pulumi, site, stack, say);
    }
  });
}

/**
 * What a machine that is nobody's own goes by: compared with a state of its own, which is empty, every change looks like a
 * first `up`.
 * @throws Failure when the state is not the one that the site's people share, or has no such stack. Makes nothing.
 */
export async function requireSharedStack(pulumi: Engine, backend: Backend, site: Site, stack: string): Promise<void> {
  if (backend.folder !== undefined) {
    throw new Failure(
      "--shared-state: no backend is chosen, so the state would be this machine's own; " +
        "set PULUMI_BACKEND_URL, or backend.url in Pulumi.yaml (docs/ci.md)",
    );
  }
  if (encryptionSalt(site.file) === undefined) {
    throw new Failure(
      `--shared-state: ${basename(site.file)} has no encryptionsalt, so no stack of this site was ever made; ` +
        "where its state is shared run `npm run secrets`, and commit the file",
    );
  }
  if (!(await exists(pulumi, backend, stack))) {
    throw new Failure(
      `--shared-state: ${backend.url} has no stack ${stack}; is that the backend that the site is applied with? ` +
        `A phase that is new is made there by \`npm run preview\` without this flag`,
    );
  }
}

/** The last line of what Pulumi said, without its `error:`. */
export function lastLine(text: string): string {
  const last = text
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^error: /, "");
  return last === undefined || last === "" ? "no reason given" : last;
}

async function createStack(pulumi: Engine, site: Site, stack: string, say: (line: string) => void): Promise<void> {
  const salt = encryptionSalt(site.file);
  if (salt === undefined && site.settings.givenSecrets.length > 0) {
    throw new Failure(
      `${site.file} has encrypted secrets and no encryptionsalt line: restore that line ` +
        `(git log -p ${basename(site.file)}), or take the secrets out and run \`npm run secrets\``,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-"));
  try {
    copyFileSync(join(PROJECT_FOLDER, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    const stackFile = join(folder, `Pulumi.${stack}.yaml`);
    if (salt !== undefined) {
      writeFileSync(stackFile, `encryptionsalt: ${salt}\n`);
    }
    const made = await pulumi.ask(["stack", "init", stack, "--no-select", "--non-interactive"], folder);
    if (made.code !== 0 && !made.stderr.includes("already exists")) {
      throw new Failure(`stack ${stack} could not be created: ${lastLine(made.stderr)}`, made.code);
    }
    if (salt === undefined) {
      const fresh = made.code === 0 ? encryptionSalt(stackFile) : await saltOfState(pulumi, stack, folder);
      if (fresh !== undefined) {
        addSalt(site.file, fresh);
        say(`${basename(site.file)} got its encryptionsalt, which all phases share: commit it with the file.`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function exists(pulumi: Engine, backend: Backend, stack: string): Promise<boolean> {
  if (backend.folder !== undefined) {
    return existsSync(stateFile(backend.folder, stack));
  }
  const listed = await pulumi.ask(["stack", "ls", "--json", "--non-interactive"]);
  if (listed.code !== 0) {
    throw new Failure(`the backend ${backend.url} does not answer: ${lastLine(listed.stderr)}`, listed.code);
  }
  const stacks = JSON.parse(listed.stdout) as { name: string }[];
  return stacks.some(({ name }) => name === stack || name.endsWith(`/${stack}`));
}

async function saltOfState(pulumi: Engine, stack: string, folder: string): Promise<string | undefined> {
  const state = JSON.parse(await exportedState(pulumi, stack, folder)) as {
    deployment?: { secrets_providers?: { state?: { salt?: string } } };
  };
  return state.deployment?.secrets_providers?.state?.salt;
}

/** A stack's state as JSON, its secrets encrypted. @throws Failure when it cannot be read. */
export async function exportedState(pulumi: Engine, stack: string, folder?: string): Promise<string> {
  const exported = await pulumi.ask(["stack", "export", "--stack", stack, "--non-interactive"], folder);
  if (exported.code !== 0) {
    throw new Failure(`the state of ${stack} cannot be read: ${lastLine(exported.stderr)}`, exported.code);
  }
  return exported.stdout;
}
