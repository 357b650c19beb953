import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderChart, type RenderedChart } from "../../../cli/charts.ts";
import { openSite } from "../../../cli/site.ts";
import type { ChartValues } from "../../../components/cluster/helmChart.ts";

// A small chart of ours, by the engine and the Helm in its plugin: those of others cannot be had everywhere.

const SAMPLE = join(import.meta.dirname, "sample");
const PASSWORD = "n0thing-that-is-used";

function render(values: ChartValues = {}, more: { chart?: string; repository?: string } = {}): Promise<RenderedChart> {
  const standIns = { password: PASSWORD };
  const chart = { phase: 1, name: "sample", namespace: "harbor", chart: SAMPLE, version: "1.2.3", values, standIns };
  return renderChart(openSite("edge"), { ...chart, ...more });
}

const rulesOf = ({ policies }: RenderedChart): string[] =>
  [...new Set(policies.refused.map(({ rule }) => rule))].sort();

describe("a chart that is rendered", () => {
  test("shows its objects, with our values over its own; all rules were asked, and none objects", async () => {
    const rendered = await render({ replicas: 1 });
    expect(rendered.objects).toEqual([
      "apps/v1:Deployment harbor/sample-store",
      "core/v1:Secret harbor/sample-password",
    ]);
    expect(rendered.policies).toEqual({ packs: [expect.stringMatching(/^twisterlab-edge /)], refused: [], advice: [] });
    expect(JSON.stringify(rendered)).not.toContain(PASSWORD);
  });

  test("is refused for an object that is unsafe", async () => {
    const rendered = await render({ image: "registry.example/store:latest", rootAllowed: true });
    expect(rulesOf(rendered)).toEqual([
      "policy image-registry-allowed",
      "policy image-tag-pinned",
      "policy pod-runs-as-non-root",
    ]);
    expect(rendered.objects).toHaveLength(2);
  });

  test("does not take a value that its schema has not", async () => {
    await expect(render({ replicas: "two" })).rejects.toThrow(
      /^chart sample 1\.2\.3: values don't meet the specifications of the schema.*at '\/replicas': got string, want integer/s,
    );
  });

  test("does not do without a value that it wants", async () => {
    await expect(render({ password: "" })).rejects.toThrow(/^chart sample 1\.2\.3: .*a password is wanted/s);
  });
});

describe("a chart of a repository", () => {
  let folder: string;
  let server: Server;
  let repository: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-charts-"));
    const archive = join(folder, "sample-1.2.3.tgz");
    execFileSync("tar", ["--create", "--gzip", "--file", archive, "--directory", join(SAMPLE, ".."), "sample"]);
    server = createServer(({ url }, response) => {
      if (url === "/index.yaml") {
        const entry = { apiVersion: "v2", name: "sample", version: "1.2.3", urls: ["sample-1.2.3.tgz"] };
        response.end(JSON.stringify({ apiVersion: "v1", entries: { sample: [entry] } }));
      } else if (url === "/sample-1.2.3.tgz") {
        response.end(readFileSync(archive));
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    repository = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is fetched in the version that is wanted", async () => {
    expect((await render({}, { chart: "sample", repository })).objects).toHaveLength(2);
  });

  test("that is not there, or cannot be reached, is an error that says so", async () => {
    await expect(render({}, { chart: "another", repository })).rejects.toThrow(
      /^chart sample 1\.2\.3: .*another.* not found/s,
    );
    await expect(render({}, { chart: "sample", repository: "http://127.0.0.1:1" })).rejects.toThrow(
      /^chart sample 1\.2\.3: .*cannot be reached/s,
    );
  });
});
