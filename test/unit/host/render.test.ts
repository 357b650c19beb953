import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderDaemonJson, type DaemonOptions } from "../../../components/host/render/daemonJson.ts";
import { renderParameters } from "../../../components/host/render/parameters.ts";
import { renderRegistriesYaml } from "../../../components/host/render/registriesYaml.ts";

const phase1Report: DaemonOptions = {
  storageDriver: "overlay2",
  liveRestore: true,
  logMaxSize: 10e6,
  logMaxFiles: 3,
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 3,
  openFiles: 64000,
};

describe("daemon.json", () => {
  test("is the final configuration of the phase 1 report, plus live-restore", () => {
    expect(JSON.parse(renderDaemonJson(phase1Report))).toEqual({
      "storage-driver": "overlay2",
      "log-driver": "json-file",
      "log-opts": { "max-size": "10m", "max-file": "3" },
      "max-concurrent-downloads": 3,
      "max-concurrent-uploads": 3,
      "default-ulimits": { nofile: { Name: "nofile", Hard: 64000, Soft: 64000 } },
      "live-restore": true,
    });
  });

  test("keeps further keys, and never lets them win over a decided one", () => {
    const extra = { "insecure-registries": ["192.168.0.30:8090"], "live-restore": false };
    const daemon = JSON.parse(renderDaemonJson({ ...phase1Report, extra })) as Record<string, unknown>;
    expect(daemon["insecure-registries"]).toEqual(["192.168.0.30:8090"]);
    expect(daemon["live-restore"]).toBe(true);
  });

  test.each([
    [10e6, "10m"],
    [2e9, "2g"],
    [1500e3, "1500k"],
    [1234, "1234b"],
  ])("writes a log size of %d bytes as %s", (logMaxSize, text) => {
    const daemon = JSON.parse(renderDaemonJson({ ...phase1Report, logMaxSize })) as { "log-opts": object };
    expect(daemon["log-opts"]).toMatchObject({ "max-size": text });
  });

  test("gives equal bytes for equal options, whatever the order of their keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const reversed = Object.fromEntries(Object.entries(extra).reverse());
        expect(renderDaemonJson({ ...phase1Report, extra: reversed })).toBe(
          renderDaemonJson({ ...phase1Report, extra }),
        );
      }),
    );
  });
});

describe("registries.yaml", () => {
  const registry = { host: "harbor.twisterlab.local", user: "robot$k3s", password: "p" };

  test("speaks TLS, verifies it, and names the authority's file where there is one", () => {
    expect(renderRegistriesYaml({ ...registry, caFile: "/etc/rancher/k3s/registry-ca.crt" })).toMatchInlineSnapshot(`
      "mirrors:
        harbor.twisterlab.local:
          endpoint:
            - https://harbor.twisterlab.local
      configs:
        harbor.twisterlab.local:
          auth:
            username: robot$k3s
            password: p
          tls:
            ca_file: /etc/rancher/k3s/registry-ca.crt
      "
    `);
    expect(renderRegistriesYaml(registry)).not.toContain("tls");
  });

  test("reads back every user and password as they were, quotes and colons included", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (user, password) => {
        const read = parse(renderRegistriesYaml({ ...registry, user, password })) as {
          configs: Record<string, { auth: object }>;
        };
        expect(read.configs["harbor.twisterlab.local"]?.auth).toEqual({ username: user, password });
      }),
    );
  });
});

describe("parameters of the entry point", () => {
  test("are lines, an empty line, and the content byte for byte", () => {
    expect(renderParameters({ item: "x", size_bytes: 5, images: true }, "a\n\nb")).toBe(
      "item: x\nsize_bytes: 5\nimages: true\n\na\n\nb",
    );
  });

  test.each([
    [{ item: "two\nlines" }, "parameter item"],
    [{ item: "" }, "parameter item"],
    [{ "size-bytes": 1 }, 'parameter name "size-bytes"'],
  ])("refuse what the host could not read back: %j", (parameters, message) => {
    expect(() => renderParameters(parameters as Record<string, string>)).toThrow(message);
  });
});
