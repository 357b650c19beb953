import { spawnSync } from "node:child_process";
import { existsSync, symlinkSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { installScript, scriptBundle, sha256 } from "../../components/host/bundle.ts";
import { parseFacts } from "../../components/host/facts.ts";
import { planHostFile } from "../../components/host/hostFile.ts";
import type { Parameters } from "../../components/host/render/parameters.ts";
import { Secret } from "../../components/settings/values/secret.ts";
import { fileInput, OWNER, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: 120_000 });

let host: ScratchHost;

beforeEach(() => {
  host = scratchHost();
});

afterEach(() => {
  host.remove();
});

describe("host-file", () => {
  let path: string;
  beforeEach(() => {
    path = host.at("etc/thing.conf");
    host.call("mkdir -p -- $RUN/etc");
  });

  const input = (content: string, more: Parameters = {}) => fileInput(path, content, more);
  const put = (content: string, more: Parameters = {}) => host.run("host-file put", input(content, more));
  const undo = () => host.run("host-file undo", input("of no matter"));

  test("installs a file with its mode, and brings back that there was none", () => {
    expect(put("new\n")).toEqual({ code: 0, stdout: `installed ${path}\n`, stderr: "" });
    expect(host.read("etc/thing.conf")).toBe("new\n");
    expect(host.mode("etc/thing.conf")).toBe("640");
    expect(undo()).toEqual({ code: 0, stdout: `brought back ${path}\n`, stderr: "" });
    expect(host.list("etc")).toEqual([]);
    expect(undo().stdout).toBe(`${path} was never installed by us\n`);
  });

  test("makes the folder of a file, open to all who may go there", () => {
    path = host.at("etc/thing.conf.d/50.conf");
    expect(put("new\n").code).toBe(0);
    expect(host.mode("etc/thing.conf.d")).toBe("755");
  });

  test("brings back the first version byte for byte after many puts, with its mode", () => {
    host.write("etc/thing.conf", "by hand, no newline at its end", 0o604);
    for (const content of ["one\n", "two\n", "three\n"]) {
      put(content);
    }
    expect(host.read("etc/thing.conf")).toBe("three\n");
    undo();
    expect(host.read("etc/thing.conf")).toBe("by hand, no newline at its end");
    expect(host.mode("etc/thing.conf")).toBe("604");
  });

  test("changes nothing the second time, not even the file's times", () => {
    put("same\n");
    const written = () => {
      const { ino, mtimeMs, ctimeMs } = statSync(path);
      return { ino, mtimeMs, ctimeMs };
    };
    const before = written();
    expect(put("same\n").stdout).toBe(`${path} is as wanted\n`);
    expect(written()).toEqual(before);
  });

  test("mends a mode that drifted", () => {
    put("same\n");
    host.write("etc/thing.conf", "same\n", 0o666);
    expect(put("same\n").stdout).toBe(`installed ${path}\n`);
    expect(host.mode("etc/thing.conf")).toBe("640");
  });

  test("knows what to bring back of a file that was as wanted before us", () => {
    host.write("etc/thing.conf", "same\n", 0o640);
    expect(put("same\n").stdout).toBe(`${path} is as wanted\n`);
    put("other\n");
    undo();
    expect(host.read("etc/thing.conf")).toBe("same\n");
  });

  test("brings back, the second time it is applied, what was there by then", () => {
    host.write("etc/thing.conf", "first");
    put("ours\n");
    undo();
    host.write("etc/thing.conf", "later");
    put("ours\n");
    undo();
    expect(host.read("etc/thing.conf")).toBe("later");
  });

  test("brings back a file that somebody has deleted since", () => {
    host.write("etc/thing.conf", "first");
    put("ours\n");
    host.call("rm -- $RUN/etc/thing.conf");
    expect(undo().code).toBe(0);
    expect(host.read("etc/thing.conf")).toBe("first");
  });

  test.each([
    ["a content that was cut short", () => input("whole\n").slice(0, -3), "arrived incomplete"],
    ["parameters that were cut short", () => "item: file\npath: /x", "arrived incomplete"],
    ["a parameter it does not know", () => `surprise: x\n${input("x")}`, "unknown parameter 'surprise'"],
    ["a missing parameter", () => "item: file\n\n", "parameter 'path' is missing"],
    ["a relative path", () => input("x", { path: "etc/x" }), "is not an absolute path"],
    ["an item name with a slash", () => input("x", { item: "../x" }), "is not an item name"],
    [
      "a file that its reader does not accept",
      () => input("not a certificate", { validate: "certificate" }),
      "is not readable or has expired",
    ],
  ])("refuses %s, and changes nothing", (_, broken, reason) => {
    host.write("etc/thing.conf", "as it was");
    const { code, stderr } = host.run("host-file put", broken());
    expect(stderr).toContain(reason);
    expect(stderr).toContain("refused, nothing was changed");
    expect(code).toBe(65);
    expect(host.read("etc/thing.conf")).toBe("as it was");
    expect(host.list("etc")).toEqual(["thing.conf"]);
  });

  test("refuses to write through a symbolic link", () => {
    host.write("target", "elsewhere");
    symlinkSync(host.at("target"), path);
    expect(put("x").stderr).toContain("is a symbolic link");
    expect(host.read("target")).toBe("elsewhere");
  });

  test("keeps to its path: the same item under another one is refused", () => {
    put("ours\n");
    const { code, stderr } = host.run("host-file put", fileInput(host.at("etc/other.conf"), "x"));
    expect(code).toBe(65);
    expect(stderr).toContain("undo that one first");
  });

  test("does not undo over a change by hand, and says where the first version is", () => {
    host.write("etc/thing.conf", "first");
    put("ours\n");
    host.write("etc/thing.conf", "by hand");
    const { code, stderr } = undo();
    expect(code).toBe(65);
    expect(stderr).toContain("was changed by hand since it was installed");
    expect(stderr).toContain("state/items/file/original");
    expect(host.read("etc/thing.conf")).toBe("by hand");
    expect(host.read("state/items/file/original")).toBe("first");
  });

  test("an undo without a put changes nothing", () => {
    host.write("etc/thing.conf", "first");
    expect(undo().stdout).toBe(`${path} was never installed by us\n`);
    expect(host.read("etc/thing.conf")).toBe("first");
  });

  test("keeps what is secret from others: the content, and every copy of it", () => {
    host.write("etc/thing.conf", "old secret", 0o600);
    put("secret\n", { mode: "600" });
    expect(host.mode("etc/thing.conf")).toBe("600");
    const open = host.call("find $STATE -perm /077");
    expect(open).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("a verb and its connection", () => {
  const input = () => fileInput(host.at("thing.conf"), "whole\n");

  test("reads all it is sent, also when it refuses at once, and leaves nothing of it lying about", () => {
    const large = fileInput("relative", "x".repeat(4_000_000));
    const env = { ...process.env, TWISTERLAB_EDGE_STATE: host.at("state"), TWISTERLAB_EDGE_RUN: host.folder };
    const done = spawnSync("bash", [host.at("twisterlab-edge"), "host-file", "put"], { input: large, env });
    // A reader that stops early shows as EPIPE here.
    expect(done.error).toBeUndefined();
    expect(done.status).toBe(65);
    expect(host.list(".").filter((name) => name.startsWith("twisterlab-edge."))).toEqual([]);
  });

  test("goes on to its end when nobody reads its output any more", () => {
    host.write("input", input());
    host.call("bash $RUN/twisterlab-edge host-file put < $RUN/input | exec true");
    expect(host.read("thing.conf")).toBe("whole\n");
    expect(host.list("state/armed")).toEqual([]);
  });

  test("goes on to its end when the session hangs up", () => {
    host.stub('validate_none() { kill -HUP "$PPID" $$; }');
    expect(host.run("host-file put", input()).code).toBe(0);
    expect(host.read("thing.conf")).toBe("whole\n");
  });

  test("waits its turn, and gives up after two minutes", () => {
    host.stub("flock() { [[ $1 == --wait && $2 == 120 ]] && return 1; }");
    const { code, stderr } = host.run("host-file put", input());
    expect(code).toBe(65);
    expect(stderr).toContain("another change has been running on this host for 120 s");
    expect(host.read("thing.conf")).toBeUndefined();
  });
});

describe("the revision", () => {
  const put = (words: string, content = "x") =>
    host.run(`attached host-file put${words}`, fileInput(host.at("thing.conf"), content));

  test("is recorded once the item is applied, also when there was nothing to do", () => {
    put(" --revision 3");
    expect(host.read("state/items/file/revision")).toBe("3\n");
    put(" --revision 4");
    expect(host.read("state/items/file/revision")).toBe("4\n");
  });

  test("stays as it was when the item could not be applied", () => {
    put(" --revision 3");
    host.stub("activate_none() { false; }");
    expect(put(" --revision 4", "y").code).not.toBe(0);
    expect(host.read("state/items/file/revision")).toBe("3\n");
  });

  test("is gone with the item", () => {
    put(" --revision 3");
    host.run("attached host-file undo", fileInput(host.at("thing.conf"), "x"));
    expect(host.list("state/items")).toEqual([]);
  });

  test("is refused when it is no number", () => {
    expect(put(" --revision x")).toMatchObject({
      code: 65,
      stderr: expect.stringContaining("'x' is not a revision") as string,
    });
    expect(host.read("thing.conf")).toBeUndefined();
  });
});

describe("daemon.json", () => {
  const wanted = '{"storage-driver": "overlay2", "log-opts": {"max-size": "10m"}}';
  beforeEach(() => {
    host.stub('timeout() { shift; "$@"; }; docker() { echo overlay2; }; dockerd() { :; }');
    host.write("staged", wanted);
    host.call("mkdir -- $RUN/record");
  });
  const validate = (there: string) => {
    host.write("daemon.json", there);
    return host.call("validate_docker_daemon $RUN/staged $RUN/daemon.json $RUN/record");
  };

  test.each(["{}", "", '{"log-opts": {"max-size": "1m"}}', "{broken"])("over %j is accepted", (there) => {
    expect(validate(there)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("over keys that nobody declared is refused, those inside others included", () => {
    const { code, stderr } = validate('{"dns": ["1.1.1.1"], "log-opts": {"max-size": "1m", "labels": "x"}}');
    expect(code).toBe(65);
    expect(stderr).toContain("does not declare (dns log-opts.labels)");
  });

  test("over our own last version is accepted, whatever it had", () => {
    const ours = '{"dns": ["1.1.1.1"]}';
    host.write("record/installed", `${sha256(ours)}\n`);
    expect(validate(ours).code).toBe(0);
  });

  test("with another storage driver than the one that runs is refused", () => {
    host.stub("docker() { echo btrfs; }");
    expect(validate("{}").stderr).toContain("in the storage driver btrfs: with the one of the new");
  });

  test("that dockerd does not accept is refused, with its reason", () => {
    host.stub('dockerd() { echo "unknown option: live-restor" >&2; return 1; }');
    const { code, stderr } = validate("{}");
    expect(code).toBe(65);
    expect(stderr).toContain("unknown option: live-restor");
  });
});

describe("registries.yaml", () => {
  beforeEach(() => {
    host.stub("need_commands() { :; }");
    host.write(
      "staged",
      'mirrors:\n  docker.io: {endpoint: ["https://mirror"]}\nconfigs:\n  mirror: {auth: {password: mine}}\n',
    );
    host.call("mkdir -- $RUN/record");
  });
  const validate = (there: string) => {
    host.write("registries.yaml", there);
    return host.call("validate_k3s_registries $RUN/staged $RUN/registries.yaml $RUN/record");
  };

  test.each(["", "mirrors:", "mirrors: {docker.io: {}}", "password: [a-secret\nmirrors: [", "[]", "mirrors: 1"])(
    "over %j is accepted, and no word of it is said",
    (there) => {
      expect(validate(there)).toEqual({ code: 0, stdout: "", stderr: "" });
    },
  );

  test("over a registry that nobody declared is refused", () => {
    const { code, stderr } = validate("mirrors: {quay.io: {}}\nconfigs: {other: {auth: {password: theirs}}}");
    expect(code).toBe(65);
    expect(stderr).toContain("does not declare (other quay.io)");
    expect(stderr).not.toContain("theirs");
  });

  test("that is no YAML is refused without a word of it", () => {
    host.write("staged", "password: [mine");
    const { code, stderr } = validate("");
    expect(code).toBe(65);
    expect(stderr).toMatch(/^twisterlab-edge: refused, nothing was changed: the new \S+ is not valid YAML\n$/);
  });
});

describe("an observation", () => {
  test("comes from standard input, as in a preview, and writes nothing", () => {
    const before = host.list(".");
    const input = `${scriptBundle()}key: 00ff\n\n`;
    const done = spawnSync("bash", ["-s", "--", "observe"], { input, encoding: "utf8", cwd: host.folder });
    expect(done.stderr).toBe("");
    const facts = parseFacts(done.stdout, "00ff");
    expect(facts.kernel).toMatch(/^\d+\.\d+/);
    expect(facts.threads).toBeGreaterThan(0);
    expect(host.list(".")).toEqual(before);
  });

  test("shows of an item's file what it takes to compare it, and not what is in it", () => {
    const path = host.at("secret.conf");
    host.run("attached host-file put", fileInput(path, "password: p\n", { mode: "600" }));
    host.run("attached host-file put", fileInput(host.at("gone.conf"), "x", { item: "gone" }));
    host.call("rm -- $RUN/gone.conf");
    const facts = host.observed('files python3 -c "$FILES_AS_JSON" "$STATE"');
    expect(JSON.stringify(facts)).not.toContain("password");
    expect(facts.files[host.at("gone.conf")]).toBeNull();
    // The same by both: who hashes there, and who compares here.
    const file = (content: string) => ({ path, content: new Secret(content), mode: "600", owner: ownerName() });
    expect(planHostFile(file("password: p\n"), { facts }).state).toBe("in sync");
    expect(planHostFile(file("password: q\n"), { facts }).observed).toBe("has another content ([secret])");
  });

  test.each(["", "key: \n\n", "key: xyz\n\n", "other: 1\n\n"])("is refused without a key: %j", (input) => {
    expect(host.run("observe", input)).toMatchObject({ code: 65, stdout: "" });
  });
});

describe("the entry point", () => {
  test("does only what it knows", () => {
    expect(host.run("rm -rf")).toEqual({
      code: 64,
      stdout: "",
      stderr: "twisterlab-edge: 'rm -rf' is not something this entry point does\n",
    });
  });

  test("is text that bash reads without fault, and so is its installer", () => {
    for (const text of [scriptBundle(), installScript()]) {
      expect(spawnSync("bash", ["-n"], { input: text, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    }
  });
});

describe("the installation of the entry point", () => {
  const bundle = `#!/bin/bash\necho "$0 $*" >> "$(dirname "$0")/called"\n`;
  const install = (checksum: string, text: string) => {
    const script = installScript()
      .replaceAll("/usr/local/sbin", host.at("sbin"))
      .replaceAll("/var/lib/twisterlab-edge", host.at("state"));
    host.call("mkdir -p -- $RUN/sbin");
    // Whoever runs the tests cannot give files to root.
    return spawnSync("bash", ["-s", "--", checksum, "edge-phase-1", "3"], {
      input: `chown() { :; }\n${script}${text}`,
      encoding: "utf8",
    });
  };

  test("puts it in place with its units, and writes down who uses it, and how often it was put there", () => {
    expect(install(sha256(bundle), bundle)).toMatchObject({ status: 0, stderr: "" });
    expect(host.read("sbin/twisterlab-edge")).toBe(bundle);
    expect(host.mode("sbin/twisterlab-edge")).toBe("755");
    expect(host.read("sbin/called")).toBe(`${host.at("sbin/twisterlab-edge")} units\n`);
    expect(host.list("state/users")).toEqual(["edge-phase-1"]);
    expect(host.read("state/users/edge-phase-1")).toBe("3\n");
    expect(host.mode("state")).toBe("700");
  });

  test.each([
    ["was cut short", sha256(bundle), bundle.slice(0, -9), 65],
    ["is no program", sha256("if true"), "if true", 2],
  ])("leaves the one that is there when the new one %s", (_, checksum, text, code) => {
    host.write("sbin/twisterlab-edge", "as it was");
    expect(install(checksum, text).status).toBe(code);
    expect(host.read("sbin/twisterlab-edge")).toBe("as it was");
    expect(host.list("sbin")).toEqual(["twisterlab-edge"]);
    expect(existsSync(host.at("state/users"))).toBe(false);
  });
});

/** The owner of files that we make, by name. */
function ownerName(): string {
  return host.call(`stat -c %U:%G -- $RUN`).stdout.trim() || OWNER;
}
