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
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { installScript, scriptBundle, sha256 } from "../../../components/host/bundle.ts";
import { parseFacts } from "../../../components/host/facts.ts";
import { renderParameters, type Parameters } from "../../../components/host/render/parameters.ts";
import { requireSystemPackages } from "../../support/systemPackages.ts";

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
  return {
    ...process.env,
    TWISTERLAB_EDGE_STATE: join(folder, "state"),
    TWISTERLAB_EDGE_RUN: folder,
    TWISTERLAB_EDGE_FSTAB: join(folder, "fstab"),
    TWISTERLAB_EDGE_UNITS: join(folder, "units"),
  };
}

/** Runs functions of the bundle, some of them replaced, without the entry point's own start. */
function shell(call: string, input: string) {
  const functions = scriptBundle().replace(/main "\$@"\n$/, "");
  const done = spawnSync("bash", ["-c", `${functions}\n${call}`], { input, encoding: "utf8", env: scratch() });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

const { uid, gid } = userInfo();
const OWNER = `${uid}:${gid}`;

describe("host-file", () => {
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
        owner: OWNER,
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

describe("a file whose service does not take it", () => {
  /** host-file put with an activation that works while `good` is installed, or never. */
  const put = (content: string, works: string) => {
    const path = join(folder, "service.conf");
    const parameters = { item: "service", path, mode: "644", owner: OWNER, validate: "none", activate: "none" };
    const input = renderParameters({ ...parameters, sha256: sha256(content) }, content);
    return { path, ...shell(`activate_none() { grep -q "${works}" ${path}; }; host_file_put`, input) };
  };

  test("is taken back, and the exit code says that the old state is there", () => {
    expect(put("good one", "good").code).toBe(0);
    const bad = put("bad", "good");
    expect(bad.code).toBe(70);
    expect(bad.stderr).toContain("failed, the old state is back");
    expect(readFileSync(bad.path, "utf8")).toBe("good one");
  });

  test("says so loudly when the old one does not work either", () => {
    put("good one", "good");
    const bad = put("bad", "nothing works");
    expect(bad.code).toBe(71);
    expect(bad.stderr).toContain("FAILED AND NOT RESTORED");
  });

  test("after a put that was killed, goes back to the last version that worked, not to the unproven one", () => {
    put("good one", "good");
    const killed = join(folder, "service.conf");
    const content = "bad";
    const input = renderParameters(
      {
        item: "service",
        path: killed,
        mode: "644",
        owner: OWNER,
        validate: "none",
        activate: "none",
        sha256: sha256(content),
      },
      content,
    );
    shell("activate_none() { kill -9 $$; }; host_file_put", input);
    expect(readFileSync(killed, "utf8")).toBe("bad");
    expect(put("bad", "good").code).toBe(70);
    expect(readFileSync(killed, "utf8")).toBe("good one");
  });

  test("keeps to its path: the same item under another one is refused", () => {
    put("good one", "good");
    const other = join(folder, "other.conf");
    const parameters = { item: "service", path: other, mode: "644", owner: OWNER, validate: "none", activate: "none" };
    const { code, stderr } = shell("host_file_put", renderParameters({ ...parameters, sha256: sha256("x") }, "x"));
    expect(code).toBe(65);
    expect(stderr).toContain("undo that one first");
  });
});

describe("daemon.json", () => {
  const wanted = '{"storage-driver": "overlay2", "log-opts": {"max-size": "10m"}}';
  const validate = (there: string, running = "overlay2") => {
    writeFileSync(join(folder, "staged"), wanted);
    writeFileSync(join(folder, "daemon.json"), there);
    mkdirSync(join(folder, "record"), { recursive: true });
    return shell(
      `docker() { echo ${running}; }; timeout() { shift; "$@"; }; dockerd() { :; }
       validate_docker_daemon ${folder}/staged ${folder}/daemon.json ${folder}/record`,
      "",
    );
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
    mkdirSync(join(folder, "record"));
    writeFileSync(join(folder, "record/installed"), `${sha256(ours)}\n`);
    expect(validate(ours).code).toBe(0);
  });

  test("with another storage driver than the one that runs is refused", () => {
    expect(validate("{}", "btrfs").stderr).toContain("Docker runs with the storage driver btrfs");
  });
});

describe("mount options", () => {
  const lines = [
    "# / was on /dev/ubuntu-vg/ubuntu-lv during curtin installation",
    "/dev/disk/by-id/dm-uuid-LVM-x   /       ext4\tdefaults\t0 1",
    "/dev/disk/by-uuid/y /boot ext4 defaults 0 1   # keep",
    "",
  ].join("\n");
  const changed = lines.replace("ext4\tdefaults\t0 1", "ext4\tdefaults,noatime,nodiratime\t0 1");
  const input = "item: mount-options\nmount: /\noptions: noatime,nodiratime\n\n";
  const fstab = () => join(folder, "fstab");

  /** A host whose live mount is a file. */
  const stubs = `
    findmnt() { case "$*" in *--verify*) return 0 ;; *OPTIONS*) cat "$RUN/live" ;; esac; }
    mount() { printf '%s\\n' "\${2#remount,}" >"$RUN/live"; }
    systemctl() { :; }
  `;
  beforeEach(() => {
    writeFileSync(fstab(), lines);
    writeFileSync(join(folder, "live"), "rw,relatime\n");
  });

  test("are added to one line, once, and taken out again", () => {
    expect(shell(`${stubs} mount_options_put`, input)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(fstab(), "utf8")).toBe(changed);
    expect(shell(`${stubs} mount_options_put`, input).stdout).toBe("/ is as wanted\n");
    expect(shell(`${stubs} mount_options_undo`, input).code).toBe(0);
    expect(readFileSync(fstab(), "utf8")).toBe(lines);
    expect(readFileSync(join(folder, "live"), "utf8")).toBe("rw,relatime\n");
  });

  test("are taken out of a file that others changed elsewhere in the meantime", () => {
    shell(`${stubs} mount_options_put`, input);
    writeFileSync(fstab(), `${changed}UUID=z /srv ext4 defaults 0 2\n`);
    expect(shell(`${stubs} mount_options_undo`, input).code).toBe(0);
    expect(readFileSync(fstab(), "utf8")).toBe(`${lines}UUID=z /srv ext4 defaults 0 2\n`);
  });

  test("are left alone when their own line was changed by hand", () => {
    shell(`${stubs} mount_options_put`, input);
    writeFileSync(fstab(), changed.replace("nodiratime", "nodiratime,commit=60"));
    const { code, stderr } = shell(`${stubs} mount_options_undo`, input);
    expect(code).toBe(65);
    expect(stderr).toContain("changed by hand since; before us they were 'defaults'");
  });

  test("are taken out after a put that was killed just when fstab was written", () => {
    shell(`${stubs} sync() { :; }; systemctl() { kill -9 $$; }; mount_options_put`, input);
    expect(readFileSync(fstab(), "utf8")).toBe(changed);
    expect(shell(`${stubs} mount_options_undo`, input).code).toBe(0);
    expect(readFileSync(fstab(), "utf8")).toBe(lines);
  });

  test("are refused when the file does not name the mount exactly once", () => {
    writeFileSync(fstab(), `${lines}/dev/z / ext4 defaults 0 1\n`);
    expect(shell(`${stubs} mount_options_put`, input).stderr).toContain("does not have exactly one line for /");
    expect(readFileSync(join(folder, "live"), "utf8")).toBe("rw,relatime\n");
  });
});

describe("a data root", () => {
  beforeAll(() => {
    requireSystemPackages([{ command: "rsync", debianPackage: "rsync" }]);
  });

  let path: string;
  let disk: string;
  let input: string;
  /** A host whose service and bind mount are files; `broken` makes one of its commands fail. */
  const host = (broken = "") => `
    stop_service() { echo stopped >"$RUN/service"; }
    start_service() { [[ -e \${PARAM[path]}/data || -e $RUN/bound ]] && echo running >"$RUN/service"; }
    prepare_disk() { :; }
    systemctl() { :; }
    findmnt() { case "$*" in *--verify*) ;; *"\${PARAM[mount]}") echo /dev/sdx1 ;; *) cat "$RUN/bound" ;; esac; }
    mountpoint() { [[ -e $RUN/bound ]]; }
    mount() { echo "/dev/sdx1[/docker]" >"$RUN/bound"; }
    umount() { rm "$RUN/bound"; }
    docker() { echo "true 0"; }
    ${broken}
  `;
  const service = () => readFileSync(join(folder, "service"), "utf8");
  beforeEach(() => {
    path = join(folder, "var/docker");
    disk = join(folder, "disk");
    mkdirSync(path, { recursive: true });
    mkdirSync(disk);
    writeFileSync(join(path, "data"), "precious");
    writeFileSync(join(folder, "fstab"), "UUID=y / ext4 defaults 0 1\n");
    mkdirSync(join(folder, "units"));
    input = renderParameters({
      item: "data-root-docker",
      path,
      disk_serial: "S",
      mount: disk,
      format: "none",
      service: "docker",
    });
  });

  test("is copied, switched, and keeps the old data", () => {
    expect(shell(`${host()} data_root_move`, input)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(disk, "docker/data"), "utf8")).toBe("precious");
    expect(readFileSync(join(`${path}.before-twisterlab-edge`, "data"), "utf8")).toBe("precious");
    expect(readFileSync(join(folder, "fstab"), "utf8")).toContain(`${disk}/docker ${path} none bind,nofail,`);
    expect(service()).toBe("running\n");
    expect(shell(`${host()} data_root_move`, input).stdout).toBe(`${path} is on ${disk}\n`);
  });

  test.each([
    ["the service does not stop", "stop_service() { return 5; }"],
    ["the copy differs from its source", 'copy() { [[ $* != *--dry-run* ]] || echo ">f.st data"; }'],
    ["the comparison itself fails", 'copy() { [[ $* != *--dry-run* ]] && rsync -a "\${@: -2}"; }'],
    ["fstab is not accepted", "findmnt() { return 1; }"],
    ["the mount fails", "mount() { return 32; }"],
    // The first start is the one on the new disk.
    [
      "the service does not start from there",
      'start_service() { [[ ! -e $RUN/bound ]] && echo running >"$RUN/service"; }',
    ],
  ])("stays where it was when %s", (_, broken) => {
    const before = readFileSync(join(folder, "fstab"), "utf8");
    const { code, stderr } = shell(`${host(broken)} data_root_move`, input);
    expect(code).toBe(70);
    expect(stderr).toContain("the old state is back");
    expect(readFileSync(join(path, "data"), "utf8")).toBe("precious");
    expect(readFileSync(join(folder, "fstab"), "utf8")).toBe(before);
    expect(service()).toBe("running\n");
    // And the next run is not in the way of itself.
    expect(shell(`${host()} data_root_move`, input).code).toBe(0);
  });

  test("killed when the service had begun to write to the new place, stays there and starts it again", () => {
    shell(`${host('start_service() { echo later >"$RUN/disk/docker/data"; kill -9 $$; }')} data_root_move`, input);
    const answers = 'docker() { [[ $1 == info && $* != *format* ]] && return 1; echo "true 0"; }';
    expect(shell(`${host(answers)} data_root_move`, input)).toMatchObject({
      code: 0,
      stdout: `${path} is on ${disk}\n`,
    });
    expect(readFileSync(join(disk, "docker/data"), "utf8")).toBe("later\n");
    expect(service()).toBe("running\n");
  });

  test.each(["mv", "mkdir", "add_fstab_line", "wait_for_mount", "mount"])(
    "killed at its first %s, is moved by the next run",
    (command) => {
      shell(`${host()} ${command}() { kill -9 $$; }; data_root_move`, input);
      const again = shell(`${host()} data_root_move`, input);
      expect(again).toMatchObject({ code: 0, stderr: "" });
      expect(readFileSync(join(disk, "docker/data"), "utf8")).toBe("precious");
      expect(service()).toBe("running\n");
    },
  );

  describe("on its way back", () => {
    beforeEach(() => {
      shell(`${host()} data_root_move`, input);
      writeFileSync(join(disk, "docker/newer"), "since");
    });

    test("brings what was written since, and leaves fstab as it was before", () => {
      const { code, stderr } = shell(`${host()} data_root_undo`, input);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(readFileSync(join(path, "data"), "utf8")).toBe("precious");
      expect(readFileSync(join(path, "newer"), "utf8")).toBe("since");
      expect(readFileSync(join(folder, "fstab"), "utf8")).toBe("UUID=y / ext4 defaults 0 1\n");
      expect(readdirSync(join(folder, "units/docker.service.d"))).toEqual([]);
      expect(service()).toBe("running\n");
      expect(shell(`${host()} data_root_undo`, input).stdout).toBe(`${path} was never moved by us\n`);
    });

    test("stays on the disk when the copy back fails, and says so", () => {
      const { code, stderr } = shell(`${host("copy() { return 11; }")} data_root_undo`, input);
      expect(code).toBe(70);
      expect(stderr).toContain(`could not be copied back: it stays on ${disk}`);
      expect(existsSync(join(folder, "bound"))).toBe(true);
      expect(service()).toBe("running\n");
    });

    test("stays on the disk, the old data untouched, when the disk is gone", () => {
      rmSync(join(disk, "docker"), { recursive: true });
      expect(shell(`${host()} data_root_undo`, input).code).not.toBe(0);
      expect(readFileSync(join(`${path}.before-twisterlab-edge`, "data"), "utf8")).toBe("precious");
    });

    test("is finished by the next run when it was killed", () => {
      shell(`${host("drop_fstab_line() { kill -9 $$; }")} data_root_undo`, input);
      expect(shell(`${host()} data_root_undo`, input).code).toBe(0);
      expect(readFileSync(join(path, "newer"), "utf8")).toBe("since");
      expect(readFileSync(join(folder, "fstab"), "utf8")).toBe("UUID=y / ext4 defaults 0 1\n");
      expect(service()).toBe("running\n");
    });
  });

  test("is refused while containers would write on", () => {
    const { code, stderr } = shell(`${host('docker() { echo "true 3"; }')} data_root_move`, input);
    expect(code).toBe(65);
    expect(stderr).toContain("stop them first");
    expect(existsSync(join(folder, "service"))).toBe(false);
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
