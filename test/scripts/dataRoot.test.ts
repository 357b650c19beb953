import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { renderParameters } from "../../components/host/render/parameters.ts";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

/** A host whose Docker and bind mount are files: `service` says whether it runs and where its data is, `bound` is there while it is mounted. */
const DOCKER = `
data_of_service() { if [[ -e $RUN/bound ]]; then echo "$RUN/disk/docker"; else echo "$RUN/var/docker"; fi; }
stop_service() { echo stopped > "$RUN/service"; }
start_service() { [[ -e $(data_of_service)/data ]] && echo running > "$RUN/service"; }
healthy_docker() { [[ $(< "$RUN/service") == running ]]; }
docker() { echo "true 0"; }
timeout() { shift; "$@"; }
prepare_disk() { :; }
findmnt() {
  case "$*" in
    *--verify*) ;;
    *--raw*) echo "/ ext4" ;;
    *"$RUN/disk") echo /dev/sdx1 ;;
    *) echo "/dev/sdx1[/docker]" ;;
  esac
}
mountpoint() { case \${*: -1} in "$RUN/disk") [[ -d $RUN/disk ]] ;; *) [[ -e $RUN/bound ]] ;; esac; }
systemd-escape() { echo disk.mount; }
mount() { [[ $* == *remount* ]] || : > "$RUN/bound"; }
umount() { rm -- "$RUN/bound"; }
`;

let fstab: string;
let host: ScratchHost;
let input: string;

beforeEach(() => {
  host = scratchHost(DOCKER);
  host.write("var/docker/data", "precious");
  host.write("disk/anything", "of others");
  fstab = `UUID=y / ext4 defaults 0 1\nUUID=z ${host.at("disk")} ext4 defaults 0 2\n`;
  host.write("fstab", fstab);
  host.write("service", "running\n");
  input = renderParameters({
    item: "data-root",
    path: host.at("var/docker"),
    disk_serial: "S",
    mount: host.at("disk"),
    format: "none",
    service: "docker",
    confirm_within: 5,
  });
});

afterEach(() => {
  host.remove();
});

const move = () => host.run("attached data-root move --revision 1", input);
const undo = () => host.run("attached data-root undo", input);
const confirm = () => host.run("attached confirm --revision 1", "item: data-root\n\n");
const watch = () => host.run("watch");

/** Docker writes a file, wherever it runs. @returns what must be there from then on; nothing when it does not run. */
const write = (name: string): string | undefined => {
  host.call(`[[ $(< $RUN/service) == stopped ]] || echo since > "$(data_of_service)/${name}"`);
  return host.read("service") === "running\n" ? "since\n" : undefined;
};

const isMoved = () => {
  expect(host.read("disk/docker/data")).toBe("precious");
  expect(host.read("var/docker.before-twisterlab-edge/data")).toBe("precious");
  expect(host.list("var/docker")).toEqual([]);
  expect(host.read("bound")).toBe("");
  expect(host.read("service")).toBe("running\n");
  expect(host.read("fstab")).toBe(
    `${fstab}${host.at("disk/docker")} ${host.at("var/docker")} none bind,nofail,x-systemd.requires-mounts-for=${host.at("disk")} 0 0\n`,
  );
  expect(host.list("units/docker.service.d")).toEqual(["50-twisterlab-edge-data-root.conf"]);
};

const isAsBefore = () => {
  expect(host.read("var/docker/data")).toBe("precious");
  expect(host.list("var")).toEqual(["docker"]);
  expect(host.read("bound")).toBeUndefined();
  expect(host.read("service")).toBe("running\n");
  expect(host.read("fstab")).toBe(fstab);
  expect(host.list("units/docker.service.d")).toEqual([]);
  expect(host.armed()).toEqual([]);
};

/** The machine boots: what stands in fstab is mounted after revert-at-boot, and Docker starts from there. */
const bootUp = () => {
  host.boot();
  host.call("rm --force -- $RUN/bound; echo stopped > $RUN/service");
  expect(host.run("revert-at-boot").code).toBe(0);
  host.call("! grep --quiet bind $FSTAB || mount; start_service || true");
};

describe("a data root", () => {
  test("is copied, switched, and keeps the old data", () => {
    expect(move()).toEqual({
      code: 0,
      stdout: `moved ${host.at("var/docker")} to ${host.at("disk/docker")}; the old data is in ${host.at("var/docker")}.before-twisterlab-edge\n`,
      stderr: "",
    });
    isMoved();
    expect(host.read("units/docker.service.d/50-twisterlab-edge-data-root.conf")).toBe(
      `[Unit]\nRequiresMountsFor=${host.at("var/docker")}\n`,
    );
    expect(move().stdout).toBe(`${host.at("var/docker")} is on ${host.at("disk")}\n`);
    expect(confirm().stdout).toBe("data-root is confirmed\n");
    watch();
    isMoved();
  });

  test("that was moved is started again where it is, when its service does not run", () => {
    move();
    confirm();
    host.write("service", "stopped\n");
    expect(move().stdout).toContain("is on");
    isMoved();
  });

  test.each([
    ["containers would write on", 'docker() { echo "true 3"; }', "stop them first"],
    [
      "another file system is mounted below it",
      'findmnt() { echo "$RUN/var/docker/volumes ext4"; }',
      "would be left behind",
    ],
    ["fstab has a fault already", "findmnt() { [[ $* != *--verify* ]]; }", "has a fault, mend that first"],
    ["a reboot would not mount the disk", 'echo "UUID=y / ext4 defaults 0 1" > "$FSTAB"', "would not be there"],
    ["there is no room", "df() { printf 'Avail\\n5\\n'; }", "has 5 bytes free"],
    [
      "something else is mounted there",
      ': > "$RUN/bound"; findmnt() { echo "/dev/sdy1[${*: -1}]"; }',
      "is a mount already",
    ],
  ])("is refused while %s", (_, broken, reason) => {
    host.stub(broken);
    const { code, stderr } = move();
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(host.read("service")).toBe("running\n");
    expect(host.read("var/docker/data")).toBe("precious");
  });

  test.each([
    ["somebody's folder is in its place", "disk/docker/other", "exists already"],
    ["the data of an earlier move is still there", "var/docker.before-twisterlab-edge/other", "from an earlier move"],
  ])("is refused while %s", (_, file, reason) => {
    host.write(file, "theirs");
    const { code, stderr } = move();
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(host.read(file)).toBe("theirs");
  });
});

describe("a data root whose disk did not mount", () => {
  beforeEach(() => {
    move();
    confirm();
    rmSync(host.at("bound"));
  });

  test("is not taken for one that was never moved, with its old data there or not", () => {
    for (const left of [["docker", "docker.before-twisterlab-edge"], ["docker"]]) {
      expect(host.list("var")).toEqual(left);
      const { code, stderr } = move();
      expect(code).toBe(65);
      expect(stderr).toContain("was moved to");
      expect(host.read("disk/docker/data")).toBe("precious");
      rmSync(host.at("var/docker.before-twisterlab-edge"), { recursive: true, force: true });
    }
  });
});

describe("an empty disk", () => {
  const PREPARED = `
    disk_by_serial() { echo /dev/sdx; }
    mountpoint() { [[ -e $RUN/mounted ]]; }
    mount() { : > "$RUN/mounted"; }
    need_commands() { :; }
    our_partition() { [[ ! -e $RUN/partitioned ]] || echo /dev/sdx1; }
    must_be_empty_disk() { :; }
    sfdisk() { cat > /dev/null; : > "$RUN/partitioned"; }
    udevadm() { :; }
    wipefs() { [[ ! -e $RUN/unreadable ]] && if [[ -e $RUN/signature ]]; then cat "$RUN/signature"; fi; }
    mkfs.ext4() { echo ext4 > "$RUN/signature"; echo made >> "$RUN/mkfs"; }
    blkid() { [[ ! -e $RUN/signature || $(< "$RUN/signature") != ext4 ]] || echo 0123; }
    findmnt() { :; }`;
  const prepare = () => host.call('prepare_disk "$RUN/mnt" S ext4');
  beforeEach(() => {
    host.remove();
    host = scratchHost(PREPARED);
  });

  test("gets a file system and a line in fstab, once", () => {
    expect(prepare()).toMatchObject({ code: 0, stderr: "" });
    rmSync(host.at("mounted"));
    expect(prepare()).toMatchObject({ code: 0, stderr: "" });
    expect(host.read("mkfs")).toBe("made\n");
    expect(host.read("fstab")).toContain(`UUID=0123 ${host.at("mnt")} ext4 defaults,noatime,nofail 0 2\n`);
  });

  test.each([
    ["that cannot be read", "unreadable", "cannot be read"],
    ["with something else on it", "signature", "carries something that is no filesystem"],
  ])("%s is left alone", (_, file, reason) => {
    host.write("partitioned", "");
    host.write(file, "what is this\n");
    const { code, stderr } = prepare();
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(host.read("mkfs")).toBeUndefined();
  });
});

describe("a data root stays where it was", () => {
  test.each([
    [
      "the service does not stop",
      "stop_service() { [[ $(< $RUN/service) == stopped ]] || { echo stopped > $RUN/service; return 5; }; }",
    ],
    [
      "the copy differs from its source",
      'copy() { if [[ $* == *--dry-run* ]]; then echo ">f.st data"; else rsync --archive --delete "$@"; fi; }',
    ],
    ["the comparison itself fails", 'copy() { [[ $* != *--dry-run* ]] && rsync -a "${@: -2}"; }'],
    ["the new fstab is not accepted", "findmnt() { [[ $* != *fstab.twisterlab-edge* ]] && echo /dev/sdx1; }"],
    [
      "a container still writes there",
      'findmnt() { [[ $(< $RUN/service) == running ]] || echo "$RUN/var/docker/overlay2/x overlay"; }',
    ],
    ["the mount fails", "mount() { return 32; }"],
    [
      "the service does not start from there",
      "start_service() { [[ ! -e $RUN/bound ]] && echo running > $RUN/service; }",
    ],
  ])("when %s", (_, broken) => {
    host.stub(broken);
    const { code, stderr } = move();
    expect(code).toBe(70);
    expect(stderr).toContain("failed, the old state is back");
    isAsBefore();
    // And the next run is not in the way of itself.
    host.stub(DOCKER);
    host.stub('copy() { rsync --archive --delete "$@"; }');
    expect(move().code).toBe(0);
    isMoved();
  });

  test("when nobody confirms it, with what was written in the meantime", () => {
    move();
    write("newer");
    watch();
    isAsBefore();
    expect(host.read("var/docker/newer")).toBe("since\n");
    expect(host.read("journal")).toMatch(/^1005 data-root: undone, because nobody confirmed it in time/);
  });

  test("when the machine boots before the service ran from there", () => {
    host.stub('start_service() { [[ ! -e $RUN/bound ]] || kill -KILL 0; echo running > "$RUN/service"; }');
    // Cut off just before it is noted that the service may write there.
    host.stub('keep() { [[ $1 != */installed ]] || kill -KILL 0; cat > "$1"; }');
    expect(move().code).toBeNull();
    host.stub('keep() { cat > "$1"; }');
    bootUp();
    watch();
    isAsBefore();
    // Its copy on the disk is no obstacle.
    host.stub(DOCKER);
    expect(move()).toMatchObject({ code: 0, stderr: "" });
    isMoved();
  });

  test("when the machine boots after that: later, once the disk is there to copy back from", () => {
    move();
    write("newer");
    host.boot();
    host.call("rm -- $RUN/bound; echo stopped > $RUN/service");
    const before = host.read("fstab");
    expect(host.run("revert-at-boot").code).toBe(0);
    expect(host.read("fstab")).toBe(before);
    expect(host.armed()).toEqual(["data-root"]);
    host.call("mount; start_service");
    expect(watch().code).toBe(0);
    isAsBefore();
    expect(host.read("var/docker/newer")).toBe("since\n");
    expect(host.read("journal")).toMatch(/^0 data-root: undone, because the host booted again before it was confirmed/);
  });

  test("when its disk is away at that boot: the service runs on the data from before, and the other is kept", () => {
    move();
    write("newer");
    host.boot();
    host.call("rm -- $RUN/bound; mv -- $RUN/disk $RUN/disk-away");
    host.run("revert-at-boot");
    expect(watch().code).toBe(0);
    isAsBefore();
    host.call("mv -- $RUN/disk-away $RUN/disk");
    const { code, stderr } = move();
    expect(code).toBe(65);
    expect(stderr).toContain("has what was written there before its disk went away");
    expect(host.read("disk/docker/newer")).toBe("since\n");
  });

  test("when the mount point of another site file has somebody's folder: that is not taken for ours", () => {
    move();
    watch();
    host.write("other/docker/theirs", "x");
    host.write("fstab", `${fstab}UUID=w ${host.at("other")} ext4 defaults 0 2\n`);
    const { code, stderr } = host.run("attached data-root move", input.replace(host.at("disk"), host.at("other")));
    expect(code).toBe(65);
    expect(stderr).toContain("exists already");
    expect(host.read("other/docker/theirs")).toBe("x");
  });

  test("when it cannot be unmounted: the service runs on from there, and nothing is lost", () => {
    move();
    write("newer");
    host.stub("umount() { return 32; }");
    watch();
    isMoved();
    expect(host.read("disk/docker/newer")).toBe("since\n");
    expect(host.read("journal")).toContain("IT NEEDS HELP".toLowerCase());
  });
});

describe("a data root on its way back", () => {
  beforeEach(() => {
    move();
    confirm();
    write("newer");
  });

  test("brings what was written since, and leaves fstab as it was before", () => {
    expect(undo()).toMatchObject({ code: 0, stderr: "" });
    isAsBefore();
    expect(host.read("var/docker/newer")).toBe("since\n");
    expect(host.list("disk")).toEqual(["anything", "docker.partial"]);
    expect(undo().stdout).toBe(`${host.at("var/docker")} was never moved by us\n`);
  });

  test("runs on where it is when the copy back fails, and says so", () => {
    host.stub("copy() { return 11; }");
    const { code, stderr } = undo();
    expect(code).toBe(71);
    expect(stderr).toContain("could not be copied back");
    isMoved();
    expect(host.read("disk/docker/newer")).toBe("since\n");
    // Once there is room again, it goes on.
    host.stub('copy() { rsync --archive --delete "$@"; }');
    expect(undo().code).toBe(0);
    isAsBefore();
    expect(host.read("var/docker/newer")).toBe("since\n");
  });

  test("is refused when its disk is away, and what was written since with it", () => {
    rmSync(host.at("disk/docker"), { recursive: true });
    const { code, stderr } = undo();
    expect(code).toBe(65);
    expect(stderr).toContain("is not there, and what was written since");
    expect(host.read("var/docker.before-twisterlab-edge/data")).toBe("precious");
  });

  test("is refused when the old data is gone", () => {
    rmSync(host.at("var/docker.before-twisterlab-edge"), { recursive: true });
    const { code, stderr } = undo();
    expect(code).toBe(65);
    expect(stderr).toContain("the data from before the move is gone");
    expect(host.read("disk/docker/newer")).toBe("since\n");
  });
});

describe("a data root whose verb is killed anywhere", () => {
  test.each([
    [
      "the same again, and the way back",
      () => {
        expect(move().code).toBe(0);
        expect(confirm().code).toBe(0);
        isMoved();
        write("newer");
        expect(undo().code).toBe(0);
        isAsBefore();
        expect(host.read("var/docker/newer")).toBe("since\n");
      },
    ],
    [
      "the watching service",
      () => {
        const newer = write("newer");
        expect(watch().code).toBe(0);
        isAsBefore();
        expect(host.read("var/docker/newer")).toBe(newer);
      },
    ],
    [
      "a boot",
      () => {
        bootUp();
        const newer = write("newer");
        expect(watch().code).toBe(0);
        isAsBefore();
        expect(host.read("var/docker/newer")).toBe(newer);
      },
    ],
  ])("on its way there, is put right by %s", (_, recover) => {
    host.killedBeforeEachCommand("data-root move --revision 1", input, 1, recover);
  });

  test.each([
    [
      "the same again",
      () => {
        expect(undo().code).toBe(0);
      },
    ],
    [
      "a boot, and the same again",
      () => {
        bootUp();
        watch();
        expect(undo().code).toBe(0);
      },
    ],
  ])("on its way back, is put right by %s", (_, recover) => {
    move();
    confirm();
    write("newer");
    host.killedBeforeEachCommand("data-root undo", input, 1, () => {
      recover();
      isAsBefore();
      expect(host.read("var/docker/newer")).toBe("since\n");
    });
  });
});
