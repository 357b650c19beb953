import { run } from "./run.ts";

/** URL of a Debian archive, for computers whose apt has none. */
const MIRROR_VARIABLE = "TWISTERLAB_DEBIAN_MIRROR";

/** The Debian archive that apt on this computer is set up with. @throws Error that says how to name one. */
export async function debianMirror(): Promise<string> {
  const named = process.env[MIRROR_VARIABLE];
  if (named !== undefined) {
    return named;
  }
  const format = "$(LABEL)\t$(REPO_URI)";
  const targets = await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const mirror = /^Debian\t(\S+)$/m.exec(targets)?.[1];
  if (mirror === undefined) {
    throw new Error(`apt on this computer uses no Debian archive: name one by ${MIRROR_VARIABLE}.`);
  }
  return mirror;
}
