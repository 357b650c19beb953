import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findBackend, prepareBackend } from "../../../cli/backend.ts";
import { main } from "../../../cli/main.ts";
import { findPassphrase, passphraseFile } from "../../../cli/passphrase.ts";
import { openSite, PROJECT_FOLDER } from "../../../cli/site.ts";
import { addSalt, addSecrets, alone, encryptionSalt } from "../../../cli/siteFile.ts";

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
  for (const name of [
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_BACKEND_URL",
    "PULUMI_ACCESS_TOKEN",
  ]) {
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
    [["up", "1", "edge", "--yes"], '"edge" is no flag, nor the value of one; write npm run up -- 1 [flags]'],
    [["up", "1", "--stack", "other"], "--stack: the phase and --site choose stack and site file"],
    [["preview", "1", "-C", "/tmp"], "-C: the phase and --site choose"],
    [["preview", "1", "--config-file=x.yaml"], "--config-file=x.yaml: the phase and --site choose"],
    [["preview", "1", "--config", "twisterlab-edge:x=1"], "--config: Pulumi would write it into the file"],
    [["charts"], "missing required argument 'what'"],
    [["charts", "install"], "Charts can be rendered."],
    [["review", "9"], "The plan has the phases 0 to 5."],
    [["review", "1", "--stack=other"], "--stack=other: the phase and --site choose stack and site file"],
    [["up", "1", "--plan", "x.json"], "--plan: `npm run review` keeps a plan by its hash"],
    [["destroy", "1", "--strict"], "--strict: `npm run review` keeps a plan by its hash"],
    [
      ["preview", "5"],
      "phase 5 is not declared yet; declared: 0 (stabilise), 1 (foundation), 3 (high availability), 4 (security)",
    ],
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

test("a flag that npm kept to itself is not lost in silence", async () => {
  const error = vi.spyOn(console, "error").mockReturnValue();
  vi.stubEnv("npm_lifecycle_event", "up");
  vi.stubEnv("npm_config_site", "garage");
  vi.stubEnv("npm_config_preview_only", "true");
  expect(await main(["up", "1"])).toBe(2);
  expect(String(error.mock.calls[0]?.[0])).toContain("npm kept --site, --preview-only to itself");
});

test("a folder that cannot be used is named", async () => {
  const error = vi.spyOn(console, "error").mockReturnValue();
  vi.stubEnv("XDG_DATA_HOME", "/dev/null/data");
  vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "x");
  expect(await main(["doctor", "--env"])).toBe(2);
  expect(String(error.mock.calls[0]?.[0])).toMatch(/^error: \/dev\/null\/data\S* cannot be used \(ENOTDIR\)$/);
});

describe("a site file gets lines, and keeps every other byte", () => {
  const text = "# first\nconfig:\n  twisterlab-edge:site: { name: edge } # why\n\n  other: [8000]\n";
  const secrets = { one: { secure: "v1:a:b" } };
  let file: string;
  beforeEach(() => {
    file = join(folder, "Pulumi.edge.yaml");
    writeFileSync(file, text, { mode: 0o600 });
  });

  test("the salt before config, in place of an empty one", () => {
    expect(encryptionSalt(file)).toBeUndefined();
    addSalt(file, "v1:$&:x");
    expect(readFileSync(file, "utf8")).toBe(text.replace("config:", () => "encryptionsalt: v1:$&:x\nconfig:"));
    expect(encryptionSalt(file)).toBe("v1:$&:x");
    writeFileSync(file, `encryptionsalt:\n${text}`);
    expect(encryptionSalt(file)).toBeUndefined();
    addSalt(file, "v1:y");
    expect(readFileSync(file, "utf8").match(/encryptionsalt/g)).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("the secrets in a section at the end, then in that section", () => {
    addSecrets(file, secrets);
    const section = "\n  twisterlab-edge:secrets:\n    one:\n      secure: v1:a:b\n";
    expect(readFileSync(file, "utf8")).toBe(text + section);
    addSecrets(file, { two: { secure: "v1:c:d" } });
    expect(readFileSync(file, "utf8")).toBe(
      text + section.replace("    one:", "    two:\n      secure: v1:c:d\n    one:"),
    );
  });

  test("with the line ends of Windows", () => {
    writeFileSync(file, text.replaceAll("\n", "\r\n"));
    addSalt(file, "v1:x");
    addSecrets(file, secrets);
    expect(readFileSync(file, "utf8").replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("or is left as it is, when lines cannot be added to it", () => {
    const inline = `${text}  twisterlab-edge:secrets: {}\n`;
    writeFileSync(file, inline);
    expect(() => {
      addSecrets(file, secrets);
    }).toThrow("on a line of its own under config");
    expect(readFileSync(file, "utf8")).toBe(inline);
    writeFileSync(file, "nothing: here\n");
    expect(() => {
      addSalt(file, "v1:x");
    }).toThrow('no line "config:"');
  });

  test("by one command at a time", async () => {
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} out`);
    };
    await Promise.all([alone("edge", file, work("a")), alone("edge", file, work("b"))]);
    expect(order).toHaveLength(4);
    expect(order[0]?.replace("in", "out")).toBe(order[1]);
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
    expect(existsSync(state ?? "")).toBe(false);
    prepareBackend({ url, folder: state ?? "" });
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

  test("is Pulumi Cloud with a token alone, and a relative folder is one of the checkout", () => {
    vi.stubEnv("PULUMI_ACCESS_TOKEN", "pul-1");
    expect(findBackend()).toEqual({ url: "https://api.pulumi.com" });
    vi.stubEnv("PULUMI_BACKEND_URL", "file://./state");
    expect(findBackend()).toEqual({ url: pathToFileURL(join(PROJECT_FOLDER, "state")).href });
  });

  test("is not guessed when the login cannot be read", () => {
    mkdirSync(join(folder, "pulumi"));
    const file = join(folder, "pulumi", "credentials.json");
    writeFileSync(file, "null");
    expect(findBackend().folder).toBeDefined();
    writeFileSync(file, "{");
    expect(() => findBackend()).toThrow(`${file} cannot be read as JSON`);
  });
});
