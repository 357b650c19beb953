import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findBackend } from "../../../cli/backend.ts";
import { main } from "../../../cli/main.ts";
import { findPassphrase, passphraseFile } from "../../../cli/passphrase.ts";
import { openSite } from "../../../cli/site.ts";

let folder: string;
const said: string[] = [];
const say = (line: string): void => {
  said.push(line);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-cli-"));
  said.length = 0;
  vi.stubEnv("XDG_CONFIG_HOME", join(folder, "config"));
  vi.stubEnv("XDG_DATA_HOME", join(folder, "data"));
  vi.stubEnv("PULUMI_HOME", join(folder, "pulumi"));
  for (const name of ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_BACKEND_URL"]) {
    vi.stubEnv(name, undefined);
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe("a wrong call is one sentence and exit code 2", () => {
  test.each([
    [["preview", "6"], "The plan has the phases 0 to 5."],
    [["preview", "one"], "The plan has the phases 0 to 5."],
    [["preview"], "missing required argument 'phase'"],
    [["previev", "1"], "unknown command 'previev'"],
    [["preview", "5"], "phase 5 is not declared yet; declared: 1 (foundation)"],
    [["up", "1", "--site", "nowhere"], "no site file Pulumi.nowhere.yaml in "],
    [["up", "1", "--site", "../x"], "a site is named with lower-case letters"],
  ])("%j", async (words, sentence) => {
    const written: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    vi.spyOn(console, "error").mockImplementation((text) => {
      written.push(`${String(text)}\n`);
    });
    expect(await main(words)).toBe(2);
    expect(written.join("")).toContain(sentence);
    expect(
      written
        .join("")
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("error:")),
    ).toHaveLength(1);
    expect(written.join("")).not.toMatch(/^\s+at /m);
  });
});

test("help is no mistake", async () => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  expect(await main(["--help"])).toBe(0);
  expect(String(write.mock.calls[0]?.[0])).toContain("preview [options] <phase>");
});

test("the site file of EdgeServer opens", () => {
  expect(openSite("edge").settings.host.address).toBe("192.168.0.30");
});

describe("the passphrase", () => {
  test("is generated once, for the user alone, and said aloud", () => {
    const first = findPassphrase("Pulumi.edge.yaml", false, say);
    expect(first).toEqual({ PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile() });
    expect(said.join()).toContain(`${passphraseFile()}. Keep a copy`);
    expect(statSync(passphraseFile()).mode & 0o777).toBe(0o600);
    const text = readFileSync(passphraseFile(), "utf8");
    expect(Buffer.from(text.trim(), "base64url")).toHaveLength(32);
    expect(said.join()).not.toContain(text.trim());
    said.length = 0;
    expect(findPassphrase("Pulumi.edge.yaml", true, say)).toEqual(first);
    expect(said).toEqual([]);
    expect(readFileSync(passphraseFile(), "utf8")).toBe(text);
  });

  test("is the user's own where one is set", () => {
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "mine");
    expect(findPassphrase("f", true, say)).toEqual({ PULUMI_CONFIG_PASSPHRASE: "mine" });
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", undefined);
    const file = join(folder, "own");
    writeFileSync(file, "mine\n");
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE_FILE", file);
    expect(findPassphrase("f", true, say)).toEqual({ PULUMI_CONFIG_PASSPHRASE_FILE: file });
    expect(said).toEqual([]);
  });

  test("is never empty, and never made up for a file that has secrets already", () => {
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "");
    expect(() => findPassphrase("f", false, say)).toThrow("PULUMI_CONFIG_PASSPHRASE is set but empty");
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", undefined);
    expect(() => findPassphrase("Pulumi.edge.yaml", true, say)).toThrow(
      `Pulumi.edge.yaml is encrypted, and there is no passphrase for it: set PULUMI_CONFIG_PASSPHRASE_FILE`,
    );
    const file = join(folder, "own");
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE_FILE", file);
    expect(() => findPassphrase("f", false, say)).toThrow(`${file} does not exist`);
    writeFileSync(file, "\n");
    expect(() => findPassphrase("f", false, say)).toThrow(`${file} is empty`);
  });
});

describe("the backend", () => {
  test("is a folder of the user's own, closed to others", () => {
    const { url, folder: state } = findBackend();
    expect(url).toBe(`file://${folder}/data/twisterlab-edge/state`);
    expect(statSync(state ?? "").mode & 0o777).toBe(0o700);
  });

  test("is where the user logged in, when the user did", () => {
    vi.stubEnv("PULUMI_HOME", folder);
    writeFileSync(join(folder, "credentials.json"), '{"current": "s3://team-state"}');
    expect(findBackend()).toEqual({ url: "s3://team-state" });
    vi.stubEnv("PULUMI_BACKEND_URL", "postgres://host/db");
    expect(findBackend()).toEqual({ url: "postgres://host/db" });
  });
});
