import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { COMMAND_VERSION, KUBERNETES_VERSION, PULUMI_VERSION } from "./versions.ts";

/** One executable of the toolchain: where Pulumi looks for it, where it is published, how it is built. */
export interface Item {
  /** As a person calls it. */
  name: string;
  version: string;
  /** Folder, relative to Pulumi's home. */
  directory: string;
  /** The executable, without `.exe`. */
  file: string;
  /** Arguments that make it print its version; undefined where only the folder's name says it. */
  versionArguments?: readonly string[];
  release: Release;
  build: Build;
}

/** A published archive. Several items may be in one. */
export interface Release {
  /** owner/name on GitHub. */
  repository: string;
  tag: string;
  archive: string;
  /** File of the same release with the archive's checksum, as `sha256sum` or `sha512sum` prints it. */
  checksums: string;
  algorithm: "sha256" | "sha512";
  /** Folder inside the archive. */
  folder: string;
}

/** A build with Go, from a module folder of toolchain/go. */
export interface Build {
  module: string;
  package: string;
  /** Go variables that the linker sets. */
  variables: Readonly<Record<string, string>>;
  /** Ours, instead of an official plugin that is not published as a Go module. */
  standIn: boolean;
  /** Files that the main package embeds, made from files of a module; see goBuild.ts. */
  embed?: { module: string; files: Readonly<Record<string, string>>; set: Readonly<Record<string, unknown>> };
}

const OPERATING_SYSTEMS: Partial<Record<NodeJS.Platform, string>> = {
  linux: "linux",
  darwin: "darwin",
  win32: "windows",
};
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/** Go's names for this machine, which Pulumi's archives use too; anything else has no release and is built. */
export const GOOS = OPERATING_SYSTEMS[process.platform] ?? process.platform;
export const GOARCH = ARCHITECTURES[process.arch] ?? process.arch;

const WINDOWS = GOOS === "windows";
const SDK_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const ENGINE_RELEASE: Release = {
  repository: "pulumi/pulumi",
  tag: `v${PULUMI_VERSION}`,
  archive: `pulumi-v${PULUMI_VERSION}-${GOOS}-${GOARCH === "amd64" ? "x64" : GOARCH}.${WINDOWS ? "zip" : "tar.gz"}`,
  checksums: "SHA512SUMS",
  algorithm: "sha512",
  folder: WINDOWS ? "pulumi/bin" : "pulumi",
};

/** In the order in which they are installed: the engine comes after the language host that it looks for beside itself. */
export const ITEMS: readonly Item[] = [
  {
    name: "Node.js language host",
    version: PULUMI_VERSION,
    directory: `versions/${PULUMI_VERSION}/bin`,
    file: "pulumi-language-nodejs",
    versionArguments: ["-version"],
    release: ENGINE_RELEASE,
    build: {
      module: "languageNodejs",
      package: ".",
      variables: { [SDK_VERSION]: `v${PULUMI_VERSION}` },
      standIn: true,
    },
  },
  {
    name: "Pulumi engine",
    version: PULUMI_VERSION,
    directory: `versions/${PULUMI_VERSION}/bin`,
    file: "pulumi",
    versionArguments: ["version"],
    release: ENGINE_RELEASE,
    build: {
      module: "engine",
      package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
      variables: { [SDK_VERSION]: `v${PULUMI_VERSION}` },
      standIn: false,
    },
  },
  {
    name: "kubernetes provider",
    version: KUBERNETES_VERSION,
    directory: `plugins/resource-kubernetes-v${KUBERNETES_VERSION}`,
    file: "pulumi-resource-kubernetes",
    release: pluginRelease("kubernetes", KUBERNETES_VERSION),
    build: {
      module: "kubernetes",
      package: ".",
      variables: {
        "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": `v${KUBERNETES_VERSION}`,
      },
      standIn: false,
      embed: {
        module: "github.com/pulumi/pulumi-kubernetes/provider/v4",
        files: {
          "schema.json": "cmd/pulumi-resource-kubernetes/schema.json",
          "terraform-mapping.json": "cmd/pulumi-resource-kubernetes/terraform-mapping.json",
        },
        // The module's schema carries no version; the official build writes it in.
        set: { "schema.json": { version: KUBERNETES_VERSION } },
      },
    },
  },
  {
    name: "command provider",
    version: COMMAND_VERSION,
    directory: `plugins/resource-command-v${COMMAND_VERSION}`,
    file: "pulumi-resource-command",
    release: pluginRelease("command", COMMAND_VERSION),
    build: { module: "command", package: ".", variables: {}, standIn: true },
  },
];

/** Pulumi's home folder: PULUMI_HOME, else `.pulumi` in the user's home. */
export function pulumiHome(): string {
  const own = process.env["PULUMI_HOME"];
  return own !== undefined && own !== "" ? own : join(homedir(), ".pulumi");
}

export function executable(home: string, item: Item): string {
  return join(home, item.directory, executableName(item.file));
}

export function executableName(file: string): string {
  return WINDOWS ? `${file}.exe` : file;
}

/** The folder with an item's Go module; an Error when this checkout has none. */
export function moduleFolder(item: Item): string {
  const folder = join(import.meta.dirname, "go", item.build.module);
  if (!existsSync(join(folder, "go.mod"))) {
    throw new Error(
      `The ${item.name} cannot be built: toolchain/go/${item.build.module} has no go.mod in this checkout.`,
    );
  }
  return folder;
}

function pluginRelease(name: string, version: string): Release {
  return {
    repository: `pulumi/pulumi-${name}`,
    tag: `v${version}`,
    archive: `pulumi-resource-${name}-v${version}-${GOOS}-${GOARCH}.tar.gz`,
    checksums: `pulumi-${name}_${version}_checksums.txt`,
    algorithm: "sha256",
    folder: ".",
  };
}
