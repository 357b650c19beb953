import { basename } from "node:path";
import { readAuthority } from "../components/certificateAuthority.ts";
import { EXIT, Failure } from "./failure.ts";
import { openStack } from "./phase.ts";
import { openSite, PROJECT, stackName } from "./site.ts";
import { lastLine } from "./stack.ts";

/** The phase whose stack the secrets are read by: that of the registry. */
const PHASE = 1;

/**
 * Prints the certificate of the site's authority, for the clients that are to trust it. Its private key stays where it is.
 * @throws Failure when the site has none yet, or its secrets cannot be read.
 */
export async function printAuthority(siteName: string): Promise<number> {
  const site = openSite(siteName);
  if (!site.settings.givenSecrets.includes("siteAuthority")) {
    throw new Failure(
      `${basename(site.file)} has no certificate authority: \`npm run secrets\` makes one for \`phase1.registry.option\` harbor or distribution`,
    );
  }
  const stack = stackName(site.name, PHASE);
  const { pulumi } = await openStack(site, stack);
  const words = ["config", "get", "--path", `${PROJECT}:secrets.siteAuthority`, "--stack", stack, "--non-interactive"];
  const done = await pulumi.ask(words);
  if (done.code !== 0) {
    throw new Failure(`the certificate authority could not be read: ${lastLine(done.stderr)}`, done.code);
  }
  process.stdout.write(readAuthority(done.stdout).certificate);
  return EXIT.success;
}
