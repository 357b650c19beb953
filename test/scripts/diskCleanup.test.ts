import { utimesSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { scratchHost, type ScratchHost } from "../support/hostScripts.ts";

/** A host whose / has `free` bytes of 1000; each tool gives back what stands in `gives.TOOL`, once, and notes its call. */
const TOOLS = `
timeout() { shift; "$@"; }
df() {
  local free
  free=$(command cat "$RUN/free")
  case $* in
    *pcent*) printf 'Use%%\\n %d%%\\n' $(((1000 - free) / 10)) ;;
    *) printf 'Avail\\n%d\\n' "$free" ;;
  esac
}
tool() {
  printf '%s\\n' "$*" >> "$RUN/called"
  [[ -e $RUN/gives.$1 ]] || return 0
  printf '%d' $(($(command cat "$RUN/free") + $(command cat "$RUN/gives.$1"))) > "$RUN/free.new"
  mv "$RUN/free.new" "$RUN/free"
  rm "$RUN/gives.$1"
}
apt-get() { tool apt-get "$@"; }
journalctl() { tool journalctl "$@"; }
systemd-tmpfiles() {
  case $* in
    --cat-config) echo 'x /tmp/keep' ;;
    *) command cat > "$RUN/rules" && tool systemd-tmpfiles "$@" ;;
  esac
}
docker() { tool docker "$@"; }
k3s() {
  case $* in
    *images*) command cat "$RUN/images.json" ;;
    *ps*) command cat "$RUN/containers.json" ;;
    *) tool k3s "$@" ;;
  esac
}
`;

let host: ScratchHost;
beforeEach(() => {
  host = scratchHost(TOOLS);
  vi.stubEnv("TWISTERLAB_EDGE_JOURNAL", host.at("journal-files"));
  host.write("free", "100");
  host.write("images.json", JSON.stringify({ images: [] }));
  host.write("containers.json", JSON.stringify({ containers: [] }));
});
afterEach(() => {
  host.remove();
  vi.unstubAllEnvs();
});

const LIMIT = 8192;
const clean = (more = "") => host.run("disk-cleanup", `threshold: 75\njournal_limit: ${LIMIT}\n${more}\n`);
const called = () => host.read("called") ?? "";

test("nothing is touched at the threshold and below it", () => {
  host.write("free", "250");
  expect(clean()).toEqual({ code: 0, stdout: "/ is 75 % full, the limit is 75 %: nothing to do\n", stderr: "" });
  expect(called()).toBe("");
  expect(host.list("state")).not.toContain("disk-cleanup.last");
});

test("above it all steps are taken, and what each has freed is said and kept", () => {
  host.write("gives.apt-get", "20");
  host.write("gives.docker", "30");
  const { code, stdout, stderr } = clean();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^at: 20\d\d-\S+Z\n/);
  expect(stdout.split("\n").slice(1)).toEqual([
    "before: 90 % of / used",
    "packages: freed 20B",
    "journal: freed 0B",
    "temporary_files: freed 0B",
    "docker_images: freed 30B",
    "k3s_images: freed 0B",
    "after: 85 % of / used",
    "",
  ]);
  expect(host.read("state/disk-cleanup.last")).toBe(stdout);
  expect(called()).not.toMatch(/volume|container|system prune|--all/);
});

test("it ends as soon as there is room again", () => {
  host.write("gives.apt-get", "200");
  expect(clean().stdout).toContain("packages: freed 200B\nafter: 70 % of / used\n");
  expect(called()).toBe("apt-get --quiet --quiet clean\n");
});

test("a step that fails is said, and the others are taken", () => {
  host.stub('apt-get() { echo "could not get lock" >&2; return 100; }');
  host.stub('docker() { echo "Cannot connect" >&2; return 1; }');
  const { code, stdout } = clean();
  expect(code).toBe(0);
  expect(stdout).toContain("packages: failed: could not get lock\n");
  expect(stdout).toContain("docker_images: failed: Cannot connect\nk3s_images: freed 0B\n");
});

test("an error in the middle of a step ends that step", () => {
  host.stub('docker() { tool docker "$@"; [[ $1 != image ]]; }');
  clean();
  expect(called()).toContain("docker image prune --force\n");
  expect(called()).not.toContain("builder");
});

test.each([
  [
    "a change is to be confirmed",
    () => {
      host.write("state/armed/docker-daemon-json", "host-file\nfirst\n9999\n");
    },
  ],
  [
    "a run has the host",
    () => {
      host.run("lease take", "owner: somebody\nseconds: 600\n\n");
    },
  ],
  [
    "something is being changed",
    () => {
      host.stub("take_turn_now() { return 1; }");
    },
  ],
])("it waits for another day while %s", (_, busy) => {
  busy();
  expect(clean()).toEqual({ code: 0, stdout: "somebody is changing this host: not now\n", stderr: "" });
  expect(called()).toBe("");
});

describe("the journal", () => {
  const hours = (count: number) => new Date(Date.now() - count * 3_600_000);
  const file = (name: string, blocks: number, age: number) => {
    host.write(`journal-files/machine/${name}`, "x".repeat(blocks * 4096));
    utimesSync(host.at(`journal-files/machine/${name}`), hours(age), hours(age));
  };

  test("goes down to its limit", () => {
    file("old.journal", 4, 30);
    file("new.journal", 1, 1);
    clean();
    expect(called()).toContain(`journalctl --quiet --vacuum-size=${LIMIT}\n`);
  });

  test("never loses an entry of the last day, also when that has more than the limit", () => {
    file("old.journal", 4, 30);
    file("yesterday.journal", 3, 23);
    file("now.journal", 2, 0);
    clean();
    expect(called()).toContain(`journalctl --quiet --vacuum-size=${5 * 4096}\n`);
  });

  test("is left alone where there is none on the disk", () => {
    expect(clean().stdout).toContain("journal: freed 0B");
    expect(called()).not.toContain("journalctl");
  });
});

test("temporary files go by systemd's rules, ours first", () => {
  clean();
  expect(host.read("rules")).toBe("e /tmp - - - 10d\ne /var/tmp - - - 10d\nx /tmp/keep\n");
  expect(called()).toContain("systemd-tmpfiles --clean --prefix=/tmp --prefix=/var/tmp -\n");
});

describe("images of K3s", () => {
  const image = (id: string, more: object) => ({ id, repoTags: [`registry/${id}:1`], repoDigests: [], ...more });
  const pulled = { repoDigests: ["registry/x@sha256:1"] };
  beforeEach(() => {
    const images = [
      image("unused", pulled),
      image("running", pulled),
      image("named-by-digest", { repoDigests: ["registry/y@sha256:2"] }),
      image("pinned", { ...pulled, pinned: true }),
      image("imported", {}),
      { id: "nameless", repoTags: null, repoDigests: ["registry/z@sha256:3"] },
    ];
    host.write("images.json", JSON.stringify({ images }));
    const container = (imageRef: string, used: string) => ({ imageRef, image: { image: used } });
    const containers = [container("running", "running"), container("sha256:0", "registry/y@sha256:2")];
    host.write("containers.json", JSON.stringify({ containers }));
  });

  test("go that no container uses and that a registry has", () => {
    clean();
    expect(called().match(/^k3s .*$/gm)).toEqual(["k3s crictl rmi unused", "k3s crictl rmi nameless"]);
  });

  test.each(["images", "ps"])("stay, all of them, when `crictl %s` does not answer", (answer) => {
    host.stub(
      `k3s() { [[ $* != *${answer}* ]] && command cat "$RUN/images.json" || { echo "no answer" >&2; return 1; }; }`,
    );
    expect(clean().stdout).toContain("k3s_images: failed: no answer\n");
    expect(called()).not.toContain("rmi");
  });
});

test("a dry run says what would be done, above the threshold or not, and does nothing of it", () => {
  host.stub(`
du() { echo "31457280 /var/cache/apt/archives"; }
find() { [[ $1 != /tmp ]] || printf '8\\n16\\n'; }
docker() { case $* in image*) echo "abc (2MB)" ;; *) printf 'Images (1GB)\\nBuild Cache (3GB)\\n' ;; esac; }
`);
  host.write(
    "images.json",
    JSON.stringify({ images: [{ id: "i", repoTags: ["r/i:1"], repoDigests: ["r/i@sha256:1"] }] }),
  );
  host.write("free", "900");
  const { code, stdout } = clean("dry_run: true\n");
  expect(code).toBe(0);
  expect(stdout.split("\n")).toEqual([
    "/ is 10 % full; above 75 % these would be cleared, one after the other, until it is not:",
    "packages: 30MiB",
    "journal: ",
    "temporary_files: at most 12KiB",
    "docker_images: dangling abc (2MB); what is older than a week of the Build Cache (3GB)",
    "k3s_images: r/i:1",
    "",
  ]);
  expect(called()).toBe("");
  expect(host.list("state")).toEqual([]);
});
