import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { goBuild } from "../../../toolchain/goBuild.ts";
import { ITEMS, type Item } from "../../../toolchain/items.ts";

const [languageHost, engine, kubernetes] = ITEMS as [Item, Item, Item];

let folder: string;
let staging: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "go-"));
  staging = join(folder, "staging");
  mkdirSync(staging);
  vi.stubEnv("PATH", [folder, "/usr/bin", "/bin"].join(delimiter));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Puts a `go` on the PATH that writes its arguments, folder and environment down and then does as told. */
function fakeGo(script: string): void {
  const file = join(folder, "go");
  writeFileSync(
    file,
    `#!/bin/sh\necho "$@" >> ${folder}/calls\npwd >> ${folder}/folders\nenv > ${folder}/environment\n${script}\n`,
  );
  chmodSync(file, 0o755);
}

const written = (name: string): string[] => readFileSync(join(folder, name), "utf8").trim().split("\n");
/** A `go build` that writes the file behind -o. */
const BUILD = `if [ "$1" = build ]; then while [ "$1" != -o ]; do shift; done; echo built > "$2"; fi`;

describe.skipIf(process.platform === "win32")("a build", () => {
  it("uses the pinned module, the version, and none of the user's settings that would change it", async () => {
    vi.stubEnv("GOFLAGS", "-mod=mod -race");
    vi.stubEnv("GOWORK", "/somewhere/go.work");
    vi.stubEnv("GOOS", "plan9");
    vi.stubEnv("CGO_ENABLED", "1");
    vi.stubEnv("GOEXPERIMENT", "arenas");
    vi.stubEnv("GOPROXY", "https://proxy.example.org");
    fakeGo(BUILD);
    const file = await goBuild(engine, staging, () => undefined);
    expect(readFileSync(file, "utf8")).toBe("built\n");
    const [list, build] = written("calls");
    expect(list).toMatch(/^list -deps -trimpath /);
    expect(build).toContain("-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.250.0");
    expect(build).toMatch(/ github\.com\/pulumi\/pulumi\/pkg\/v3\/cmd\/pulumi$/);
    expect(written("folders")[1]).toMatch(/toolchain\/go\/engine$/);
    const environment = written("environment");
    expect(environment).toEqual(
      expect.arrayContaining([
        "GOFLAGS=-mod=readonly",
        "GOWORK=off",
        "CGO_ENABLED=0",
        "GOPROXY=https://proxy.example.org",
      ]),
    );
    expect(environment).not.toContain("GOOS=plan9");
    expect(environment.filter((line) => line.startsWith("GOEXPERIMENT="))).toEqual([]);
  });

  it("counts the packages that are compiled", async () => {
    fakeGo(`if [ "$1" = list ]; then printf 'a\\nb\\nc\\n'; else echo example.org/a >&2; echo example.org/b >&2; fi`);
    const details: string[] = [];
    await goBuild(languageHost, staging, (text) => details.push(text));
    expect(details).toEqual(["1 of at most 3 packages compiled", "2 of at most 3 packages compiled"]);
  });

  it("of the kubernetes provider embeds the module's schema with its version, outside the checkout", async () => {
    const module = join(folder, "module/cmd/pulumi-resource-kubernetes");
    mkdirSync(module, { recursive: true });
    writeFileSync(join(module, "schema.json"), `{\n  "name": "kubernetes",\n  "types": {}\n}\n`);
    writeFileSync(join(module, "terraform-mapping.json"), `{ "a": [ 1 ] }`);
    fakeGo(`if [ "$1" = mod ]; then echo '{"Dir": "${folder}/module"}'; fi\n${BUILD}`);
    await goBuild(kubernetes, staging, () => undefined);
    const copy = join(staging, "module-kubernetes");
    expect(readFileSync(join(copy, "schema.json"), "utf8")).toBe(`{"name":"kubernetes","types":{},"version":"4.25.0"}`);
    expect(readFileSync(join(copy, "terraform-mapping.json"), "utf8")).toBe(`{"a":[1]}`);
    expect(written("folders").slice(-1)).toEqual([copy]);
  });

  it("that fails says what Go said, without the list of packages", async () => {
    const complaint = "go: go.mod requires go >= 1.25.11 (running go 1.21.0; GOTOOLCHAIN=local)";
    fakeGo(`echo example.org/a >&2; echo "go: downloading example.org/b v1.0.0" >&2; echo '${complaint}' >&2; exit 1`);
    const failure = await goBuild(languageHost, staging, () => undefined).catch((error: unknown) => String(error));
    expect(failure).toMatch(/^Error: go list failed in .*languageNodejs:\n/);
    expect(failure).toContain(complaint);
    expect(failure).not.toContain("example.org");
  });

  it("without Go says which version to install", async () => {
    vi.stubEnv("PATH", folder);
    await expect(goBuild(kubernetes, staging, () => undefined)).rejects.toThrow(
      "Go is not on the PATH: install Go 1.25.11 or newer (https://go.dev/dl/) and try again.",
    );
  });

  it("of a module that this checkout does not have says so", async () => {
    const absent: Item = { ...languageHost, build: { ...languageHost.build, module: "absent" } };
    await expect(goBuild(absent, staging, () => undefined)).rejects.toThrow(
      "The Node.js language host cannot be built: toolchain/go/absent has no go.mod in this checkout.",
    );
  });
});
