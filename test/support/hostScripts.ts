import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { scriptBundle, sha256 } from "../../components/host/bundle.ts";
import { parseFacts, type HostFacts } from "../../components/host/facts.ts";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";

/** How a verb ended. */
export interface Done {
  /** Exit code; null when it was killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * A host in a folder: the entry point's own scripts, on records, an fstab and units of their own, with files in place of
 * what a scratch folder cannot have. `uptime` and `boot-id` hold what the clock and the kernel say; time passes only while
 * a script sleeps. `systemctl` collects what systemd was told, `journal` what was logged, each line after its uptime.
 */
export interface ScratchHost {
  readonly folder: string;
  /** Path of a name in the folder. */
  at(name: string): string;
  /** Content of a file; undefined when it is not there. */
  read(name: string): string | undefined;
  write(name: string, text: string, mode?: number): void;
  /** Mode of a file, in octal. */
  mode(name: string): string;
  /** Names in a folder, sorted; none when it is not there. */
  list(name: string): string[];
  /** Shell functions that replace others, also in the processes that the entry point starts of itself. They add up. */
  stub(functions: string): void;
  /** One verb of the entry point, as root on the host would call it. */
  run(verb: string, input?: string): Done;
  /** A line of shell with the entry point's functions, without its start. */
  call(line: string, input?: string): Done;
  /** What an observation with the hash key `00` tells in one of its sections: `lease lease_as_json`, for instance. */
  observed(section: string): HostFacts;
  /** Items whose change undoes itself unless it is confirmed, sorted. */
  armed(): string[];
  /** Lets time pass. */
  wait(seconds: number): void;
  /** The host comes up again: another boot, uptime 0. Nothing has run yet. */
  boot(): void;
  /**
   * Kills a verb, and all that it has started, just before one of its commands, and hands the host to `check`; then the
   * same from the start before a later command. Some commands are tried, `samples` of them, or every single one where
   * TWISTERLAB_TEST_EVERY_COMMAND is set.
   * @throws what `check` throws, with the command that was not to be run any more.
   */
  killedBeforeEachCommand(verb: string, input: string, samples: number, check: () => void): void;
  remove(): void;
}

const { uid, gid } = userInfo();

/** The owner of files that whoever runs the tests can make. */
export const OWNER = `${uid}:${gid}`;

/** Environment variable with which a phase's story on a virtual EdgeServer takes every item, and is interrupted. */
export const EVERY_ITEM = "TWISTERLAB_TEST_EVERY_ITEM";

/** Environment variable: where it is set, `killedBeforeEachCommand` means every single one. */
export const EVERY_COMMAND = "TWISTERLAB_TEST_EVERY_COMMAND";

const all = process.env[EVERY_COMMAND] !== undefined;

/** Time for a test with `killedBeforeEachCommand`, in ms, on a computer that runs two more in software meanwhile. */
export const KILL_TIMEOUT = all ? 3_600_000 : 240_000;

/** Makes a host. @param stubs shell functions that it has from the start, see `stub`. */
export function scratchHost(stubs = ""): ScratchHost {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-host-"));
  const at = (name: string): string => join(folder, name);
  const read = (name: string): string | undefined =>
    existsSync(at(name)) ? readFileSync(at(name), "utf8") : undefined;
  const write = (name: string, text: string, mode?: number): void => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
    if (mode !== undefined) {
      chmodSync(at(name), mode);
    }
  };
  const start = (words: string[], input: string, env: Record<string, string> = {}): Done => {
    // In a group of its own, so that it can be killed with all that it started.
    const done = spawnSync("setsid", ["bash", ...words], {
      input,
      encoding: "utf8",
      cwd: folder,
      env: {
        ...process.env,
        TWISTERLAB_EDGE_STATE: at("state"),
        TWISTERLAB_EDGE_RUN: folder,
        TWISTERLAB_EDGE_FSTAB: at("fstab"),
        TWISTERLAB_EDGE_HOSTS: at("hosts"),
        TWISTERLAB_EDGE_UNITS: at("units"),
        ...env,
      },
    });
    return { code: done.status, stdout: done.stdout, stderr: done.stderr };
  };

  const host: ScratchHost = {
    folder,
    at,
    read,
    write,
    mode: (name) => (statSync(at(name)).mode & 0o7777).toString(8),
    list: (name) => (existsSync(at(name)) ? readdirSync(at(name)).sort() : []),
    stub: (functions) => {
      write("stubs", `${read("stubs") ?? ""}${functions}\n`);
    },
    run: (verb, input = "") => start([at("twisterlab-edge"), ...verb.split(" ")], input),
    // By a file: together they are longer than a word of a command line may be.
    call: (line, input = "") => start(["-c", `. ${at("functions")}\n${line}`], input),
    observed: (section) => {
      const line = `PARAM[limit]=3; export HASH_KEY=00; section ${section}; tell_sections; echo == end`;
      return parseFacts(host.call(line).stdout, "00");
    },
    // A hidden file is one that was not written to its end.
    armed: () => host.list("state/armed").filter((name) => !name.startsWith(".")),
    wait: (seconds) => {
      write("uptime", `${Number(read("uptime")) + seconds}\n`);
    },
    boot: () => {
      write("uptime", "0\n");
      write("boot-id", `after ${read("boot-id") ?? ""}`);
    },
    killedBeforeEachCommand: (verb, input, samples, check) => {
      // What a timer runs, verbs of one word, has no connection to outlive.
      const words = [at("twisterlab-edge"), ...(verb.includes(" ") ? ["attached"] : []), ...verb.split(" ")];
      const snapshot = takeSnapshot(folder);
      try {
        start(words, input, { COUNT_INTO: at("commands") });
        const commands = read("commands")?.length ?? 0;
        if (all) {
          process.stderr.write(`${verb}: killed before each of ${commands} commands\n`);
        }
        for (const command of killPoints(commands, samples)) {
          snapshot.bringBack();
          const done = start(words, input, { KILLED_BEFORE: String(command) });
          const killed = `${verb}, killed before command ${command} of ${commands}, ${read("killed-before") ?? "none"}`;
          if (done.code !== null) {
            throw new Error(`${killed}, ended with ${done.code}: ${done.stderr}`);
          }
          try {
            check();
          } catch (error) {
            throw new Error(`${killed}: ${(error as Error).message}`, { cause: error });
          }
        }
      } finally {
        snapshot.remove();
      }
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
  write("functions", functionsOf(folder));
  write("twisterlab-edge", `${functionsOf(folder)}\n${FAULTS}\nmain "$@"\n`, 0o755);
  write("uptime", "1000\n");
  write("boot-id", "first\n");
  write("fstab", "UUID=y / ext4 defaults 0 1\n");
  mkdirSync(at("units"));
  host.stub(stubs);
  return host;
}

/** The parameters and content of `host-file put` and `undo`. */
export function fileInput(path: string, content: string, more: Parameters = {}): string {
  const file = { item: "file", path, mode: "640", owner: OWNER, validate: "none", activate: "none" };
  return renderParameters({ ...file, sha256: sha256(content), ...more }, content);
}

/**
 * Stubs for a service that reads etc/service.conf: it runs with any version that has "good" in it, or without a file, and
 * keeps in `running` what it runs with. While there is a file `sick`, it is not healthy.
 */
export const SERVICE = `
validate_service() { :; }
activate_service() {
  if [[ ! -e $RUN/etc/service.conf ]]; then
    echo defaults > "$RUN/running"
  elif grep --quiet good "$RUN/etc/service.conf"; then
    cp -- "$RUN/etc/service.conf" "$RUN/running"
  else
    rm -f -- "$RUN/running"
    return 1
  fi
}
healthy_service() { [[ -e $RUN/running && ! -e $RUN/sick ]]; }
`;

/** What every scratch host has in place of a machine, and, to be quick, of commands that bash can do without. */
const STUBS = `
line_of() {
  local line
  read -r line < "$RUN/$1" && printf '%s\\n' "$line"
}
boot_id() { line_of boot-id; }
uptime_seconds() { line_of uptime; }
time_passes() {
  SECONDS=$((SECONDS + $1))
  printf '%s\\n' "$(($(uptime_seconds) + $1))" > "$RUN/uptime"
}
dirname() {
  local path="\${*: -1}"
  printf '%s\\n' "\${path%/*}"
}
cat() {
  local text
  (($# == 0)) || { command cat "$@" && return; }
  IFS= read -r -d '' text || true
  printf '%s' "$text"
}
mkdir() { [[ $1 == -p && -d \${*: -1} ]] || command mkdir "$@"; }
sleep() { time_passes "$1"; }
# Never those of the machine that the tests run on.
mount() { return 32; }
umount() { return 32; }
systemctl() { printf '%s\\n' "$*" >> "$RUN/systemctl"; }
logger() { printf '%s %s\\n' "$(uptime_seconds)" "\${*: -1}" >> "$RUN/journal"; }
sync() { :; }
. "$RUN/stubs"
`;

/**
 * Kills or counts, before each command of every process that the verb consists of. The commands that are still to be run
 * are bytes in a pipe that all of these processes read from: each byte is taken by one of them.
 */
const FAULTS = `
if [[ -n \${KILLED_BEFORE:-} ]]; then
  exec 3< <(printf '%*s' "$((KILLED_BEFORE - 1))" '')
  export KILLED_BEFORE= KILLED_LATER=yes
fi
die() {
  printf '%s' "$1" > "$RUN/killed-before"
  kill -KILL 0
}
if [[ -n \${KILLED_LATER:-} ]]; then
  set -T
  trap 'read -r -N 1 -u 3 a_command || die "$BASH_COMMAND"' DEBUG
elif [[ -n \${COUNT_INTO:-} ]]; then
  set -T
  trap 'printf . >> "$COUNT_INTO"' DEBUG
fi
`;

function functionsOf(folder: string): string {
  const functions = scriptBundle()
    .replace(/main "\$@"\n$/, "")
    .replace(/^readonly ENTRY=.*$/m, `readonly ENTRY=${join(folder, "twisterlab-edge")}`);
  return `${functions}\n${STUBS}`;
}

/** The commands before which a verb is killed: all of them, or some, spread evenly, and others at each call. */
function killPoints(commands: number, samples: number): number[] {
  if (all) {
    return Array.from({ length: commands }, (_, index) => index + 1);
  }
  // Steps of the golden ratio come near to every place soon.
  shift = (shift + 0.618) % 1;
  return Array.from({ length: samples }, (_, index) => Math.ceil(((index + shift) * commands) / samples));
}

let shift = 0;

function takeSnapshot(folder: string): { bringBack(): void; remove(): void } {
  const kept = `${folder}.kept`;
  // cpSync gives folders another mode.
  const copy = (from: string, to: string): void => {
    execFileSync("cp", ["--archive", "--no-target-directory", from, to]);
  };
  copy(folder, kept);
  return {
    bringBack: () => {
      for (const name of readdirSync(folder)) {
        rmSync(join(folder, name), { recursive: true });
      }
      copy(kept, folder);
    },
    remove: () => {
      rmSync(kept, { recursive: true });
    },
  };
}
