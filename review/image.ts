/** The parts of an image's name. */
export interface Image {
  /** Host of the registry; Docker Hub where none is named. */
  registry: string;
  path: string;
  tag?: string;
  digest?: string;
}

/** `harbor.example/library/redis:7@sha256:...`, in its parts. */
export function parseImage(text: string): Image {
  const [name = "", digest] = text.split("@", 2);
  const [, base = name, tag] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? [];
  const [first = "", ...rest] = base.split("/");
  const named = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return {
    registry: named ? first : "docker.io",
    path: named ? rest.join("/") : base.replace(/^library\//, ""),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Numbers from the major one down: 1, 33, 6. */
export type Version = readonly [number, ...number[]];

/** The numbers that a tag begins with: `16-alpine` is 16, `v1.33.6+k3s1` is 1, 33, 6. Undefined of a tag without. */
export function versionOf(tag: string | undefined): Version | undefined {
  const [numbers] = /^\d+(\.\d+)*/.exec(tag?.replace(/^v/i, "") ?? "") ?? [];
  const [major, ...rest] = numbers?.split(".").map(Number) ?? [];
  return major === undefined ? undefined : [major, ...rest];
}

/** Below 0: `one` is older. Only the numbers that both have count. */
export function compareVersions(one: Version, other: Version): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
