import { expect, test } from "vitest";
import { phase0With } from "../../support/phase0.ts";

test("phase 0 registers it last, and only where the site file has one", async () => {
  const named = await phase0With({
    buildBenchmark: { context: "/home/twister/Twisterlab", dockerfile: "deploy/docker/Dockerfile.mcp-fast" },
  });
  expect(named("build-benchmark-apply")?.inputs["stdin"]).toBe(
    "item: build-benchmark\ncontext: /home/twister/Twisterlab\ndockerfile: deploy/docker/Dockerfile.mcp-fast\nfull_below: 3600\ncached_below: 3\n\n",
  );
  expect(named("build-benchmark")?.dependsOn).toContain("backup-log-timer-apply");
  expect((await phase0With({}))("build-benchmark")).toBeUndefined();
});
