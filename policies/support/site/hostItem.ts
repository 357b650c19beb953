import { Field, Undecided } from "../field.ts";
import type { Resource } from "../resource.ts";

/** A file of the host as the program declares it. */
export interface DeclaredFile {
  readonly resource: Resource;
  readonly path: string;
  /** As a review sees it: secrets in it are `[secret]`. */
  readonly content: string;
}

/** The file that a resource is; undefined for what is none. @throws Undecided for one whose path or content is not known. */
export function declaredFile(resource: Resource, path: string): DeclaredFile | undefined {
  if (resource.type !== "twisterlab:host:HostFile" || resource.inputs.at("path").text() !== path) return undefined;
  const field = resource.inputs.at("content");
  const content = Array.isArray(field.raw)
    ? field
        .list()
        .map((line) => line.text() ?? "")
        .join("\n")
    : field.text();
  if (content === undefined) throw new Undecided("content", "is not shown, so nobody can look at it");
  return { resource, path, content };
}

export const DAEMON_JSON = "/etc/docker/daemon.json";

/** Docker's configuration, if the resource is that; one that is no JSON is undecided. */
export function daemonJson(resource: Resource): Field | undefined {
  const file = declaredFile(resource, DAEMON_JSON);
  if (file === undefined) return undefined;
  try {
    return new Field(JSON.parse(file.content));
  } catch {
    throw new Undecided("content", "is not JSON");
  }
}

/**
 * The parameters of an item: the lines `name: value` that its command is given by standard input. Undefined while they are not
 * known, as those of a secret that nobody has made yet.
 */
export function parametersOf({ inputs }: Resource): Record<string, string> | undefined {
  const stdin = inputs.at("stdin");
  if (stdin.isUnknown) return undefined;
  const [head = ""] = (stdin.text() ?? "").split("\n\n");
  return Object.fromEntries(
    head.split("\n").flatMap((line) => {
      const [, name, value] = /^([a-z][a-z0-9_]*): (.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The verb that a command calls the entry point with, `host-file put`; undefined for another command. */
export function verbOf(text: string): string | undefined {
  return /^sudo -n \/usr\/local\/sbin\/twisterlab-edge ([a-z0-9-]+(?: [a-z-]+)?) --revision \d+$/.exec(text)?.[1];
}
