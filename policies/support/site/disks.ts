import type { Site } from "../../../components/settings/site.ts";

/** The disk of the site file that a path is on: that with the deepest mount point above it; undefined where none has one. */
export function diskOf(path: string, { disks }: Site): string | undefined {
  const holding = Object.entries(disks)
    .flatMap(([name, { mount }]) => (mount !== undefined && isBelow(path, mount) ? [{ name, mount }] : []))
    .sort((one, other) => other.mount.length - one.mount.length);
  return holding[0]?.name;
}

function isBelow(path: string, folder: string): boolean {
  return !path.split("/").includes("..") && (path === folder || path.startsWith(`${folder.replace(/\/$/, "")}/`));
}
