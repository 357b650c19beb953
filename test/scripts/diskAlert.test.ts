import { afterEach, beforeEach, expect, test } from "vitest";
import { scratchHost, type ScratchHost } from "../support/hostScripts.ts";

/** File systems as `mounts` has them: path, percent of space and of inodes in use, bytes free. */
const DF = `
timeout() { shift; "$@"; }
mountpoint() { grep --quiet "^\${*: -1} " "$RUN/mounts"; }
df() {
  local mount=\${*: -1}
  case $* in
    *output=target*) printf 'Mounted on\\n%s\\n' / ;;
    *) printf 'Use%% IUse%% Avail\\n' && grep "^$mount " "$RUN/mounts" | cut -d' ' -f 2- ;;
  esac
}
du() { case \${*: -1} in */docker) echo "42949672960 /var/lib/docker" ;; */log) echo "1024 /var/log" ;; *) return 124 ;; esac; }
logger() { printf '%s\\n' "$*" >> "$RUN/journal"; }
`;

let host: ScratchHost;
beforeEach(() => {
  host = scratchHost(DF);
});
afterEach(() => {
  host.remove();
});

const alert = (mounts: string) => host.run("disk-alert", `threshold: 80\ncritical: 90\nmounts: ${mounts}\n\n`);

test("says nothing at the threshold and below it, whatever the file system counts", () => {
  host.write("mounts", "/ 80% 12% 1000\n/boot 3% - 1000\n");
  expect(alert("/ /boot")).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(host.read("journal")).toBeUndefined();
});

test.each([
  ["/ 81% 12% 21474836480", "daemon.err", "/ is 81 % full, 20GiB free, 12 % of its inodes in use; the limit is 80 %"],
  ["/ 90% 12% 1073741824", "daemon.err", "/ is 90 % full"],
  ["/ 91% 12% 1073741824", "daemon.crit", "/ is 91 % full, 1.0GiB free"],
  ["/ 12% 95% 1073741824", "daemon.crit", "95 % of its inodes in use"],
])("%s is said with the priority %s", (mount, priority, text) => {
  host.write("mounts", `${mount}\n`);
  expect(alert("/").code).toBe(0);
  const said = host.read("journal");
  expect(said).toContain(`--tag twisterlab-edge-disk-alert --priority ${priority} -- `);
  expect(said).toContain(text);
  // What could not be counted in time is left out.
  expect(said).toContain("; largest: /var/lib/docker with 40GiB\n");
});

test("each of several file systems is looked at, one that is not there too", () => {
  host.write("mounts", "/ 10% 1% 1000\n/data 99% 1% 1000\n");
  alert("/gone / /data");
  expect(host.read("journal")?.split("\n")).toEqual([
    expect.stringContaining("daemon.err -- /gone is not mounted"),
    expect.stringContaining("daemon.crit -- /data is 99 % full"),
    "",
  ]);
});

test("a file system that does not answer is said too", () => {
  host.write("mounts", "/ 10% 1% 1000\n");
  host.stub("df() { return 124; }");
  expect(alert("/").code).toBe(0);
  expect(host.read("journal")).toContain("daemon.err -- / does not answer");
});

test("without its parameters it refuses", () => {
  expect(host.run("disk-alert", "threshold: 80\n\n")).toMatchObject({ code: 65 });
});
