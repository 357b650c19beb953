import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { installScript, scriptBundle, sha256 } from "../../../components/host/bundle.ts";
import { parseFacts } from "../../../components/host/facts.ts";
import { renderParameters, type Parameters } from "../../../components/host/render/parameters.ts";

let folder: string;
let bundle: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-scripts-"));
  bundle = join(folder, "twisterlab-edge");
  writeFileSync(bundle, scriptBundle());
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the entry point with a scratch folder for its records. */
function entryPoint(verb: string, input: string) {
  const done = spawnSync("bash", [bundle, ...verb.split(" ")], {
    input,
    encoding: "utf8",
    env: scratch(),
  });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

function scratch(): NodeJS.ProcessEnv {
  return { ...process.env, TWISTERLAB_EDGE_STATE: join(folder, "state"), TWISTERLAB_EDGE_RUN: folder };
}

/** Runs one function of the bundle, without the entry point's own start. */
function shell(call: string, input: string): string {
  const functions = scriptBundle().replace(/main "\$@"\n$/, "");
  return spawnSync("bash", ["-c", `${functions}\n${call}`], { input, encoding: "utf8" }).stdout;
}

describe("host-file", () => {
  const { uid, gid } = userInfo();
  let path: string;
  beforeEach(() => {
    mkdirSync(join(folder, "etc"));
    path = join(folder, "etc", "daemon.json");
  });

  const input = (content: string, more: Parameters = {}) =>
    renderParameters(
      {
        item: "docker-daemon",
        path,
        mode: "640",
        owner: `${uid}:${gid}`,
        validate: "none",
        activate: "none",
        sha256: sha256(content),
        ...more,
      },
      content,
    );

  test("installs a file with its mode, and brings back that there was none", () => {
    expect(entryPoint("host-file put", input("new\n"))).toEqual({ code: 0, stdout: `installed ${path}\n`, stderr: "" });
    expect(readFileSync(path, "utf8")).toBe("new\n");
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(entryPoint("host-file undo", input("new\n")).stdout).toBe(`brought back ${path}\n`);
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(join(folder, "etc"))).toEqual([]);
  });

  test("brings back the first version byte for byte after many puts, with its mode", () => {
    writeFileSync(path, "by hand, no newline at its end");
    chmodSync(path, 0o604);
    entryPoint("host-file put", input("one\n"));
    entryPoint("host-file put", input("two\n"));
    entryPoint("host-file put", input("three\n"));
    expect(readFileSync(path, "utf8")).toBe("three\n");
    entryPoint("host-file undo", input("three\n"));
    expect(readFileSync(path, "utf8")).toBe("by hand, no newline at its end");
    expect(statSync(path).mode & 0o777).toBe(0o604);
  });

  test("changes nothing the second time, not even the file's times", () => {
    entryPoint("host-file put", input("same\n"));
    const written = () => {
      const { ino, mtimeMs, ctimeMs } = statSync(path);
      return { ino, mtimeMs, ctimeMs };
    };
    const before = written();
    expect(entryPoint("host-file put", input("same\n")).stdout).toBe(`${path} is as wanted\n`);
    expect(written()).toEqual(before);
  });

  test("mends a mode that drifted", () => {
    entryPoint("host-file put", input("same\n"));
    chmodSync(path, 0o666);
    expect(entryPoint("host-file put", input("same\n")).stdout).toBe(`installed ${path}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test.each([
    ["a content that was cut short", () => input("whole\n").slice(0, -3), "arrived incomplete"],
    ["parameters that were cut short", () => "item: docker-daemon\npath: /x", "arrived incomplete"],
    ["a parameter it does not know", () => `surprise: x\n${input("x")}`, "unknown parameter 'surprise'"],
    ["a missing parameter", () => "item: docker-daemon\n\n", "parameter 'path' is missing"],
    ["a relative path", () => input("x", { path: "etc/x" }), "is not an absolute path"],
    ["an item name with a slash", () => input("x", { item: "../x" }), "is not an item name"],
    [
      "a file that its reader does not accept",
      () => input("not a certificate", { validate: "certificate" }),
      "is not readable or has expired",
    ],
  ])("refuses %s, and changes nothing", (_, broken, reason) => {
    writeFileSync(path, "as it was");
    const { code, stderr } = entryPoint("host-file put", broken());
    expect(stderr).toContain(reason);
    expect(stderr).toContain("refused, nothing was changed");
    expect(code).toBe(65);
    expect(readFileSync(path, "utf8")).toBe("as it was");
    expect(readdirSync(join(folder, "etc"))).toEqual(["daemon.json"]);
  });

  test("refuses to write through a symbolic link", () => {
    writeFileSync(join(folder, "target"), "elsewhere");
    symlinkSync(join(folder, "target"), path);
    expect(entryPoint("host-file put", input("x")).stderr).toContain("is a symbolic link");
    expect(readFileSync(join(folder, "target"), "utf8")).toBe("elsewhere");
  });

  test("does not undo over a change by hand, and says where the first version is", () => {
    writeFileSync(path, "first");
    entryPoint("host-file put", input("ours\n"));
    writeFileSync(path, "by hand");
    const { code, stderr } = entryPoint("host-file undo", input("ours\n"));
    expect(code).toBe(65);
    expect(stderr).toContain("was changed by hand since it was installed");
    expect(readFileSync(path, "utf8")).toBe("by hand");
    expect(readFileSync(join(folder, "state/items/docker-daemon/original"), "utf8")).toBe("first");
  });

  test("reads all it is sent, also when it refuses at once, and leaves nothing of it lying about", () => {
    const large = input("x".repeat(4_000_000), { path: "relative" });
    const done = spawnSync("bash", [bundle, "host-file", "put"], { input: large, encoding: "utf8", env: scratch() });
    // A reader that stops early shows as EPIPE here.
    expect(done.error).toBeUndefined();
    expect(done.status).toBe(65);
    expect(readdirSync(folder).filter((name) => name.startsWith("twisterlab-edge."))).toEqual([]);
  });

  test("an undo without a put changes nothing", () => {
    writeFileSync(path, "first");
    expect(entryPoint("host-file undo", input("x")).stdout).toBe(`${path} was never installed by us\n`);
    expect(readFileSync(path, "utf8")).toBe("first");
  });

  test("goes on to the end when nobody reads its output any more", () => {
    const put = `printf '%s' "$1" | bash ${bundle} host-file put | exec true`;
    spawnSync("bash", ["-c", put, "_", input("whole\n")], { env: scratch() });
    expect(readFileSync(path, "utf8")).toBe("whole\n");
    expect(existsSync(join(folder, "state/items/docker-daemon/pending"))).toBe(false);
  });
});

describe("the line of a mount in fstab", () => {
  const fstab = [
    "# / was on /dev/ubuntu-vg/ubuntu-lv during curtin installation",
    "/dev/disk/by-id/dm-uuid-LVM-x   /       ext4\tdefaults\t0 1",
    "/dev/disk/by-uuid/y /boot ext4 defaults 0 1   # keep",
    "",
  ].join("\n");
  const withOptions = (text: string) => shell("with_options / noatime,nodiratime", text);

  test("gets the options, and nothing else changes", () => {
    expect(withOptions(fstab)).toBe(fstab.replace("ext4\tdefaults\t0 1", "ext4\tdefaults,noatime,nodiratime\t0 1"));
  });

  test("stays as it is the second time", () => {
    expect(withOptions(withOptions(fstab))).toBe(withOptions(fstab));
  });

  test("keeps options that look alike apart", () => {
    expect(withOptions("x / ext4 nodiratime,xnoatime 0 1\n")).toBe("x / ext4 nodiratime,xnoatime,noatime 0 1\n");
  });
});

describe("the entry point", () => {
  test("does only what it knows", () => {
    expect(entryPoint("rm -rf", "")).toEqual({
      code: 64,
      stdout: "",
      stderr: "twisterlab-edge: 'rm -rf' is not something this entry point does\n",
    });
  });

  test("observes a host from standard input, as the preview does, and writes nothing", () => {
    const done = spawnSync("bash", ["-s", "--", "observe"], { input: scriptBundle(), encoding: "utf8", cwd: folder });
    expect(done.stderr).toBe("");
    const facts = parseFacts(done.stdout);
    expect(facts.kernel).toMatch(/^\d+\.\d+/);
    expect(facts.threads).toBeGreaterThan(0);
    expect(facts.memory).toBeGreaterThan(2 ** 28);
    expect(readdirSync(folder)).toEqual(["twisterlab-edge"]);
  });

  test("is text that bash reads without fault, and so is its installer", () => {
    for (const text of [scriptBundle(), installScript()]) {
      expect(spawnSync("bash", ["-n"], { input: text, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    }
  });
});
