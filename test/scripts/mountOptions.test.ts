import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KILL_TIMEOUT, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

vi.setConfig({ testTimeout: KILL_TIMEOUT });

/** A host whose live mount of / is a file with what the kernel knows of it: how it counts reads of files and of folders. */
const MOUNT = `
mount() {
  local option files folders
  read -r files folders < "$RUN/live"
  [[ $2 == remount,* ]] || return 32
  for option in \${2//,/ }; do
    case $option in
      remount | rw) ;;
      noatime | relatime | strictatime) files=$option ;;
      nodiratime | diratime) folders=$option ;;
      *) return 32 ;;
    esac
  done
  printf '%s %s\\n' "$files" "$folders" > "$RUN/live"
}
findmnt() {
  local files folders options=rw
  if [[ $* == *--verify* ]]; then
    [[ ! -e $RUN/refused ]] || ! grep --quiet --file="$RUN/refused" -- "\${*: -1}"
    return
  fi
  read -r files folders < "$RUN/live"
  # What is so by default shows as silence.
  [[ $files == strictatime ]] || options=$options,$files
  [[ $folders == diratime ]] || options=$options,$folders
  printf '%s\\n' "$options"
}
mountpoint() { [[ -e $RUN/live ]]; }
`;
const LIVE = "relatime diratime\n";
const LIVE_CHANGED = "noatime nodiratime\n";

const FSTAB = [
  "# / was on /dev/ubuntu-vg/ubuntu-lv during curtin installation",
  "/dev/disk/by-id/dm-uuid-LVM-x   /       ext4\tdefaults\t0 1",
  "#/dev/sdz / ext4 defaults 0 1",
  "/dev/disk/by-uuid/y /boot ext4 defaults 0 1   # keep",
  "  UUID=z\t/srv ext4 defaults,noatime 0 2",
  "",
].join("\n");
const CHANGED = FSTAB.replace("ext4\tdefaults\t0 1", "ext4\tdefaults,noatime,nodiratime\t0 1");

let host: ScratchHost;

beforeEach(() => {
  host = scratchHost(MOUNT);
  host.write("fstab", FSTAB, 0o664);
  host.write("live", LIVE);
});

afterEach(() => {
  host.remove();
});

const INPUT = "item: mount-options\nmount: /\noptions: noatime,nodiratime\nconfirm_within: 5\n\n";
const put = (input = INPUT) => host.run("attached mount-options put --revision 1", input);
const undo = () => host.run("attached mount-options undo", INPUT);
const confirm = () => host.run("attached confirm --revision 1", "item: mount-options\n\n");
const watch = () => host.run("watch");

const isAsBefore = (fstab = FSTAB) => {
  expect(host.read("fstab")).toBe(fstab);
  expect(host.read("live")).toBe(LIVE);
};
const isOurs = () => {
  expect(host.read("fstab")).toBe(CHANGED);
  expect(host.read("live")).toBe(LIVE_CHANGED);
};
const fstabs = () => host.list(".").filter((name) => name.startsWith("fstab"));

describe("mount options", () => {
  test("are added to one line, once, and taken out again, byte for byte", () => {
    expect(put()).toEqual({ code: 0, stdout: "/ carries noatime,nodiratime\n", stderr: "" });
    isOurs();
    expect(host.mode("fstab")).toBe("664");
    expect(confirm().code).toBe(0);
    expect(put().stdout).toBe("/ is as wanted\n");
    expect(undo()).toEqual({ code: 0, stdout: "brought back the options of /\n", stderr: "" });
    isAsBefore();
    expect(host.mode("fstab")).toBe("664");
    expect(fstabs()).toEqual(["fstab"]);
    expect(undo().stdout).toBe("/ was never changed by us\n");
  });

  test("are taken out of a file without an end to its last line, which stays without", () => {
    const fstab = FSTAB.trimEnd();
    host.write("fstab", fstab);
    put();
    expect(host.read("fstab")).toBe(CHANGED.trimEnd());
    undo();
    isAsBefore(fstab);
  });

  test("are taken out of a file that others changed elsewhere in the meantime", () => {
    put();
    host.write("fstab", `${CHANGED}UUID=z /srv ext4 defaults 0 2\n`);
    expect(undo().code).toBe(0);
    isAsBefore(`${FSTAB}UUID=z /srv ext4 defaults 0 2\n`);
  });

  test("that were there already stay when ours are taken out", () => {
    host.write("fstab", FSTAB.replace("defaults\t", "noatime,acl\t"));
    put();
    expect(host.read("fstab")).toContain("ext4\tnoatime,acl,nodiratime\t0 1");
    undo();
    isAsBefore(FSTAB.replace("defaults\t", "noatime,acl\t"));
  });

  test("replace earlier ones of ours, and the first state comes back all the same", () => {
    put("item: mount-options\nmount: /\noptions: noatime\n\n");
    put();
    isOurs();
    confirm();
    undo();
    isAsBefore();
  });

  test("bring back a mount that counted every read, which the kernel shows by silence", () => {
    host.write("live", "strictatime diratime\n");
    put();
    expect(host.read("live")).toBe(LIVE_CHANGED);
    undo();
    expect(host.read("live")).toBe("strictatime diratime\n");
  });

  test("are set again on a mount that lost them", () => {
    put();
    host.write("live", LIVE);
    expect(put().stdout).toContain("carries");
    isOurs();
  });
});

describe("mount options are refused, and nothing is changed,", () => {
  test("when their own line was changed by hand since", () => {
    put();
    const byHand = CHANGED.replace("nodiratime", "nodiratime,commit=60");
    host.write("fstab", byHand);
    const { code, stderr } = undo();
    expect(code).toBe(65);
    expect(stderr).toContain("changed by hand since; before us they were 'defaults'");
    expect(host.read("fstab")).toBe(byHand);
  });

  test.each([
    ["two lines", `${FSTAB}/dev/z / ext4 defaults 0 1\n`],
    ["no line", FSTAB.replace(" /  ", " /mnt")],
  ])("when the file has %s for the mount", (_, fstab) => {
    host.write("fstab", fstab);
    const { code, stderr } = put();
    expect(code).toBe(65);
    expect(stderr).toContain("does not have exactly one line for /");
    isAsBefore(fstab);
  });
});

describe("mount options are undone", () => {
  test.each([
    ["the kernel does not know one", "", INPUT.replace("nodiratime", "bogus"), "the kernel does not accept"],
    ["the mount does not carry them", "mount() { :; }", INPUT, "does not carry 'noatime,nodiratime'"],
    ["the new file is not valid", "echo nodiratime > $RUN/refused", INPUT, "findmnt --verify does not accept"],
  ])("when %s", (_, broken, input, reason) => {
    host.stub(broken);
    const { code, stderr } = put(input);
    expect(code).toBe(70);
    expect(stderr).toContain(reason);
    isAsBefore();
    expect(fstabs()).toEqual(["fstab"]);
  });

  test("when nobody confirms them in time", () => {
    put();
    watch();
    isAsBefore();
    expect(host.read("journal")).toMatch(/^1005 mount-options: undone, because nobody confirmed it in time/);
    expect(confirm().code).toBe(70);
  });

  test("when they are not healthy at the confirmation", () => {
    put();
    host.stub("healthy_mount_options() { ! grep --quiet noatime,nodiratime $FSTAB; }");
    expect(confirm().code).toBe(70);
    isAsBefore();
  });

  test("to the last that were confirmed, when a later change fails", () => {
    put();
    expect(put(INPUT.replace("noatime", "bogus")).code).toBe(70);
    isAsBefore();
    put();
    confirm();
    expect(put(INPUT.replace("noatime", "bogus")).code).toBe(70);
    isOurs();
    expect(undo().code).toBe(0);
    isAsBefore();
  });

  test("at a boot before they were confirmed, in the file and on what is mounted by then", () => {
    put();
    host.boot();
    expect(host.run("revert-at-boot").code).toBe(0);
    isAsBefore();
  });

  test("at a boot when the mount is not there yet: it will be made from the file", () => {
    put();
    host.boot();
    host.call("rm -- $RUN/live");
    expect(host.run("revert-at-boot").code).toBe(0);
    expect(host.read("fstab")).toBe(FSTAB);
    expect(host.read("live")).toBeUndefined();
  });

  test("and set by hand since, are no fault any more", () => {
    put();
    watch();
    host.write("fstab", CHANGED);
    host.write("live", "noatime diratime\n");
    expect(put().stdout).toBe("/ is as wanted\n");
    expect(confirm().code).toBe(0);
  });
});

describe("fstab is whole", () => {
  test.each([
    // A staged file on a disk that is full.
    ["a full disk", 'mktemp() { ln --symbolic /dev/full "$FSTAB.full"; printf %s "$FSTAB.full"; }'],
    ["a disk that says so only when it is flushed", "sync() { [[ $* != *fstab.* ]]; }"],
    ["a filter that dies half-way", "with_options() { head --bytes=100; return 137; }"],
    ["a file that cannot be replaced", 'mv() { [[ ${*: -1} != "$FSTAB" ]] && command mv "$@"; }'],
  ])("after %s", (_, broken) => {
    host.stub(broken);
    const { code, stderr } = put();
    expect({ code, stderr }).toEqual({ code: 70, stderr: expect.stringContaining("the old state is back") as string });
    isAsBefore();
    expect(fstabs()).toEqual(["fstab"]);
  });

  const recoveries: [string, () => void][] = [
    [
      "the same again, and its undo",
      () => {
        expect(put()).toMatchObject({ code: 0, stderr: "" });
        expect(confirm().code).toBe(0);
        isOurs();
        expect(undo().code).toBe(0);
        isAsBefore();
        expect(fstabs()).toEqual(["fstab"]);
        expect(host.list("state/items")).toEqual([]);
      },
    ],
    [
      "an undo",
      () => {
        expect(undo()).toMatchObject({ code: 0, stderr: "" });
        isAsBefore();
        expect(host.list("state/items")).toEqual([]);
      },
    ],
  ];

  test.each([
    ...recoveries,
    [
      "the watching service",
      () => {
        expect(watch().code).toBe(0);
        isAsBefore();
      },
    ] as [string, () => void],
    [
      "a boot",
      () => {
        host.boot();
        // What a mount carries does not outlive a boot.
        host.write("live", host.read("fstab") === FSTAB ? LIVE : LIVE_CHANGED);
        expect(host.run("revert-at-boot").code).toBe(0);
        expect(watch().code).toBe(0);
        isAsBefore();
        expect(host.armed()).toEqual([]);
      },
    ] as [string, () => void],
  ])("after a put that was killed anywhere, and put right by %s", (_, recover) => {
    host.killedBeforeEachCommand("mount-options put --revision 1", INPUT, 1, () => {
      expect([FSTAB, CHANGED]).toContain(host.read("fstab"));
      recover();
    });
  });

  test.each(recoveries)("after an undo that was killed anywhere, and put right by %s", (_, recover) => {
    put();
    confirm();
    host.killedBeforeEachCommand("mount-options undo", INPUT, 1, () => {
      expect([FSTAB, CHANGED]).toContain(host.read("fstab"));
      recover();
    });
  });
});
