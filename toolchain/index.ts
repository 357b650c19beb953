import { executable, ITEMS, pulumiHome, type Item } from "./items.ts";
import { recorded, type InstallRecord, type Source } from "./record.ts";

/** What `npx pulumi` works with on this machine. */
export interface Toolchain {
  /** Pulumi's home folder, with the engine in `versions/` and the providers in `plugins/`. */
  pulumiHome: string;
  /** Path of the engine's executable. */
  pulumi: string;
  items: ToolchainItem[];
}

export interface ToolchainItem {
  name: string;
  version: string;
  /** "installed" for everything that was in place before this call. */
  source: Source;
  /** One line for a person: how it got there, and why not otherwise. */
  why: string;
}

export interface Options {
  /** Gets a line for each thing that was done, and one at least every 10 seconds of a long one; default: standard error. */
  say?: (line: string) => void;
}

/**
 * Sees to it that the engine, the Node.js language host and the providers are in Pulumi's home in the pinned versions,
 * in this order: what is there, the official download, a build from pinned Go modules. With everything in place it only
 * looks at the files. Safe to interrupt, and to run while another run is at work: it waits for that one.
 * @throws Error, with a sentence for the user, for an item that can be had in no way; the others are installed then.
 */
export async function ensureToolchain({ say = toStandardError }: Options = {}): Promise<Toolchain> {
  const home = pulumiHome();
  const before = ITEMS.map((item) => recorded(home, item));
  if (before.includes(undefined)) {
    const { install } = await import("./install.ts");
    await install(home, say);
  }
  return {
    pulumiHome: home,
    pulumi: executable(home, engine()),
    items: ITEMS.map((item, position) => describe(home, item, before[position])),
  };
}

function describe(home: string, item: Item, before: InstallRecord | undefined): ToolchainItem {
  const record = before ?? recorded(home, item);
  if (record === undefined) {
    throw new Error(
      `The ${item.name} ${item.version} was changed in ${home} while it was being installed: run it again.`,
    );
  }
  const how = record.source === "installed" ? record.why : `${record.source} ${record.why}`;
  return {
    name: item.name,
    version: item.version,
    source: before === undefined ? record.source : "installed",
    why: before === undefined ? how : `in place, ${how}`,
  };
}

function engine(): Item {
  const found = ITEMS.find((item) => item.file === "pulumi");
  if (found === undefined) {
    throw new Error("The table of the toolchain has no engine.");
  }
  return found;
}

function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}
