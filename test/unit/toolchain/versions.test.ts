import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ITEMS, moduleFolder } from "../../../toolchain/items.ts";
import { sourcesHash } from "../../../toolchain/record.ts";
import { COMMAND_VERSION, KUBERNETES_VERSION, PULUMI_VERSION } from "../../../toolchain/versions.ts";

const root = join(import.meta.dirname, "../../..");
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
};

describe("the pinned versions", () => {
  it("are those of the npm packages that talk to them", () => {
    expect(dependencies).toMatchObject({
      pulumi: PULUMI_VERSION,
      "@pulumi/pulumi": PULUMI_VERSION,
      "@pulumi/kubernetes": KUBERNETES_VERSION,
      "@pulumi/command": COMMAND_VERSION,
    });
  });

  it("are those of the Go modules that are built where nothing can be downloaded", () => {
    const pin = (module: string, path: string): string | undefined =>
      new RegExp(`^\\s*(?:require )?${path} (\\S+)`, "m").exec(
        readFileSync(join(root, "toolchain/go", module, "go.mod"), "utf8"),
      )?.[1];
    expect(pin("engine", "github.com/pulumi/pulumi/pkg/v3")).toBe(`v${PULUMI_VERSION}`);
    expect(pin("engine", "github.com/pulumi/pulumi/sdk/v3")).toBe(`v${PULUMI_VERSION}`);
    expect(pin("languageNodejs", "github.com/pulumi/pulumi/sdk/v3")).toBe(`v${PULUMI_VERSION}`);
    // The commit that the tag v4.25.0 of pulumi-kubernetes names: the module has no tag of its own.
    expect(pin("kubernetes", "github.com/pulumi/pulumi-kubernetes/provider/v4")).toBe(
      "v4.0.0-20260115033456-f47bc2d6f199",
    );
  });
});

describe("each item", () => {
  it.each(ITEMS.map((item) => [item.name, item] as const))(
    "%s names its version in its place and its release",
    (_, item) => {
      expect(item.directory).toContain(item.version);
      expect(item.release.tag).toBe(`v${item.version}`);
      expect(item.release.archive).toContain(`v${item.version}-`);
      expect(Object.values(item.build.variables).every((value) => value === `v${item.version}`)).toBe(true);
    },
  );

  it.each(ITEMS.map((item) => [item.name, item] as const))("%s has a module with a hash of its own", (_, item) => {
    expect(moduleFolder(item)).toContain(item.build.module);
    expect(sourcesHash(item)).toMatch(/^[0-9a-f]{64}$/);
    expect(sourcesHash(item)).toBe(sourcesHash(item));
    expect(sourcesHash({ ...item, build: { ...item.build, variables: { other: "x" } } })).not.toBe(sourcesHash(item));
  });
});
