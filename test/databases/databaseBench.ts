import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { requireSystemPackages, systemCommandPath } from "../support/systemPackages.ts";

/** Programs of Debian's PostgreSQL. */
const POSTGRES = "/usr/lib/postgresql/15/bin";

const SCRIPTS = join(import.meta.dirname, "../../components/cluster/scripts");

/** How a script ended. */
export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A script that is under way. */
export interface UnderWay {
  /** How it ends. */
  ended: Promise<Ran>;
  /** What it has said so far. */
  said(): string;
  /** Sends a signal to its shell, and to nothing that the shell has started: as Kubernetes does. */
  signal(name: NodeJS.Signals): void;
}

/** A line that a run left. */
export interface RunRecord {
  kind: string;
  started: string;
  seconds: number;
  ok: boolean;
  sentence: string;
  backup?: string;
  ageSeconds?: number;
  bytes?: number;
  restoreSeconds?: number;
  task?: string;
}

/**
 * A place like a pod of a backup: the commands of an Alpine image (BusyBox) and the databases' own, an unprivileged user, the
 * folder of the backups; and real servers beside it.
 */
export class DatabaseBench {
  readonly folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-databases-"));
  readonly backups = this.at("backups");
  /** Where a server reaches the pod that restores, as its environment. */
  readonly podAddress = { POD_IP: "127.0.0.1", POD_PORT: freePort() };
  readonly #user: { uid: number; gid: number };
  readonly #stops: (() => void)[] = [];

  constructor() {
    requireSystemPackages([
      { command: "busybox", debianPackage: "busybox-static" },
      { command: `${POSTGRES}/postgres`, debianPackage: "postgresql-15" },
      { command: "redis-server", debianPackage: "redis-server" },
      { command: "redis-cli", debianPackage: "redis-tools" },
    ]);
    this.#user = unprivileged();
    for (const name of ["bin", "instead", "backups", "scratch", "servers", "tmp"]) {
      mkdirSync(this.at(name));
    }
    const busybox = systemCommandPath("busybox");
    execFileSync(busybox, ["--install", "-s", this.at("bin")]);
    for (const name of readdirSync(POSTGRES)) {
      symlinkSync(join(POSTGRES, name), this.at(`bin/${name}`));
    }
    // Debian's BusyBox has no flock, Alpine's has.
    for (const name of ["redis-server", "redis-cli", "redis-check-rdb", "flock"]) {
      symlinkSync(systemCommandPath(name), this.at(`bin/${name}`));
    }
    writeFileSync(join(this.backups, ".twisterlab-edge"), "");
    cpSync(SCRIPTS, this.at("scripts"), { recursive: true });
    this.#give();
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** Runs shell text as the pod would, with BusyBox. */
  shell(text: string, environment: Readonly<Record<string, string>> = {}, name = "sh"): Ran {
    const { status, stdout, stderr } = spawnSync(systemCommandPath("busybox"), ["sh", "-c", text, name], {
      ...this.#place(environment),
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return { code: status, stdout, stderr };
  }

  /** As `script`, and does not wait for its end. */
  begin(name: string, environment: Readonly<Record<string, string>>, functions = ""): UnderWay {
    const path = this.at(`scripts/${name}`);
    const words = ["sh", "-c", `${functions}\n. ${path}`, path];
    const child = spawn(systemCommandPath("busybox"), words, {
      ...this.#place(environment),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
    const ended = new Promise<Ran>((resolve) => {
      // Not `close`: what it has started may go on for a moment.
      child.once("exit", (code) => {
        setTimeout(() => {
          resolve({ code, stdout, stderr });
        }, 100);
      });
    });
    return { ended, said: () => stdout, signal: (signal) => child.kill(signal) };
  }

  /** Waits until something is so. @throws Error when it is not within a minute. */
  async until(isSo: () => boolean): Promise<void> {
    for (let tries = 0; !isSo(); tries++) {
      if (tries === 600) {
        throw new Error(`This did not come about: ${isSo.toString()}`);
      }
      await pause(100);
    }
  }

  /** As `shell`. @returns standard output. @throws Error when it fails. */
  succeed(text: string, environment: Readonly<Record<string, string>> = {}): string {
    const { code, stdout, stderr } = this.shell(text, environment);
    if (code !== 0) {
      throw new Error(`${text} ended with ${String(code)}: ${stderr}`);
    }
    return stdout;
  }

  /** Runs one of the scripts; shell functions go before commands of the same name. */
  script(name: string, environment: Readonly<Record<string, string>>, functions = ""): Ran {
    const path = this.at(`scripts/${name}`);
    return this.shell(`${functions}\n. ${path}`, environment, path);
  }

  /** Runs `task` with shell text in the place of a command that BusyBox does not have itself. */
  instead<T>(command: string, text: string, task: () => T): T {
    this.replace(command, text);
    try {
      return task();
    } finally {
      this.restoreCommand(command);
    }
  }

  /** Puts shell text in the place of a command that BusyBox does not have itself. */
  replace(command: string, text: string): void {
    writeFileSync(this.at(`instead/${command}`), `#!${this.at("bin/sh")}\n${text}\n`, { mode: 0o755 });
  }

  /** Ends what `replace` began. */
  restoreCommand(command: string): void {
    rmSync(this.at(`instead/${command}`), { force: true });
  }

  /** Takes all backups and records away. */
  clear(): void {
    for (const name of [...this.whole(), ...this.savedBefore(), "runs", "drills"]) {
      rmSync(join(this.backups, name), { recursive: true, force: true });
    }
  }

  /** Makes a backup that is to stay, without its record; the next one gets another second in its name. @returns its name. */
  keepOne(back: () => Ran): string {
    back();
    rmSync(join(this.backups, "runs"), { recursive: true });
    this.succeed("sleep 1");
    return this.whole()[0] ?? "";
  }

  /** Fails unless a run failed for that reason, said so, and left the one good backup and nothing half done. */
  expectFailure(run: Ran, reason: RegExp, good: string): void {
    expect(run.code).not.toBe(0);
    expect(run.stderr).toMatch(reason);
    expect(this.whole()).toEqual([good]);
    expect(this.leftovers()).toEqual([]);
    const sentence = expect.stringMatching(reason) as string;
    expect(this.records()).toEqual([expect.objectContaining({ ok: false, sentence })]);
  }

  /** Records of the drills, oldest first. */
  drills(): RunRecord[] {
    return this.records(join(this.backups, "drills"));
  }

  /** Restores the newest backup of that kind, and compares. */
  drill(kind: "postgres" | "redis"): Ran {
    return this.script(`${kind}Drill.sh`, { RECORDS: join(this.backups, "drills"), SCRATCH: this.at("scratch") });
  }

  /** Restores a backup into the server that the environment reaches; functions as for `script`. */
  restore(
    kind: "postgres" | "redis",
    environment: Readonly<Record<string, string>>,
    { from = "newest", overwrite = false, functions = "" } = {},
  ): Ran {
    const words = { FROM: from, ...(overwrite ? { OVERWRITE: "1" } : {}) };
    return this.script(`${kind}Restore.sh`, { ...environment, ...words, ...this.podAddress }, functions);
  }

  /** Has the manifest of a damaged backup vouch for it, as if it had been saved like that. */
  vouchFor(file: string): void {
    this.succeed(
      `sum=$(sha256sum ${file} | cut -c 1-64) && size=$(wc -c < ${file}) && ` +
        `sed -i "s/\\"sha256\\":\\"[0-9a-f]*/\\"sha256\\":\\"$sum/; s/\\"bytes\\":[0-9]*/\\"bytes\\":$size/" ${dirname(file)}/manifest.json`,
    );
  }

  /** Names of what restores have saved before they changed a server, oldest first. */
  savedBefore(): string[] {
    return readdirSync(this.backups)
      .filter((name) => name.startsWith("before-restore-"))
      .sort();
  }

  /** Names of the whole backups, oldest first. */
  whole(): string[] {
    return readdirSync(this.backups)
      .filter((name) => /^(postgres|redis)-/.test(name))
      .sort();
  }

  /** What else lies in the folder of the backups, beside their records. */
  leftovers(): string[] {
    return readdirSync(this.backups).filter((name) => name.startsWith(".unfinished"));
  }

  /** Records of a kind of run, oldest first. */
  records(folder = join(this.backups, "runs")): RunRecord[] {
    return (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as RunRecord);
  }

  /**
   * A PostgreSQL server with a superuser of its own.
   * @param programs folder with another version's `initdb` and `pg_ctl`.
   * @returns the environment that reaches it.
   */
  postgres(name: string, superuser = "twister", programs = this.at("bin")): Record<string, string> {
    const data = this.at(`servers/${name}`);
    this.succeed(
      `${programs}/initdb -D ${data} -U ${superuser} --auth=trust --no-sync --encoding=UTF8 --locale=C.UTF-8`,
    );
    const socket = `${data}.socket`;
    this.succeed(`mkdir ${socket}`);
    const options = `-c listen_addresses='' -c unix_socket_directories=${socket} -c fsync=off`;
    const start = `${programs}/pg_ctl -D ${data} -s -w -l ${data}.log -o "${options}" start`;
    this.succeed(start);
    const stop = `${programs}/pg_ctl -D ${data} -s -m immediate stop`;
    this.#stops.push(() => this.shell(stop));
    return { PGHOST: socket, PGUSER: superuser };
  }

  /** A Redis server with a password, on a port of its own. @returns the environment that reaches it. */
  redis(name: string, password: string): Record<string, string> {
    const data = this.at(`servers/${name}`);
    const port = freePort();
    // By a file: a command line is no place for a password.
    this.succeed(
      `mkdir ${data} && printf 'requirepass "%s"\nrepl-diskless-sync-delay 0\n' '${password}' > ${data}.conf`,
    );
    const options = `--port ${port} --bind 127.0.0.1 --dir ${data} --save '' --daemonize yes --pidfile ${data}.pid`;
    this.succeed(`redis-server ${data}.conf ${options} > /dev/null`);
    const environment = { HOST: "127.0.0.1", PORT: port, REDISCLI_AUTH: password };
    this.succeed(`until [ "$(redis-cli -p ${port} ping 2> /dev/null)" = PONG ]; do sleep 0.1; done`, environment);
    this.#stops.push(() => this.shell(`kill $(cat ${data}.pid)`));
    return environment;
  }

  /** Ends the servers and removes everything. */
  remove(): void {
    this.#stops.forEach((stop) => {
      stop();
    });
    rmSync(this.folder, { recursive: true, force: true });
  }

  #place(environment: Readonly<Record<string, string>>) {
    const { uid, gid } = this.#user;
    return {
      cwd: this.folder,
      env: {
        PATH: `${this.at("instead")}:${this.at("bin")}`,
        TMPDIR: this.at("tmp"),
        BACKUPS: this.backups,
        ...environment,
      },
      ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    };
  }

  #give(): void {
    if (process.getuid?.() === 0) {
      const { uid, gid } = this.#user;
      for (const name of ["", "backups", "backups/.twisterlab-edge", "scratch", "servers", "tmp"]) {
        chownSync(this.at(name), uid, gid);
      }
    }
  }
}

/**
 * A port that nobody listens on, here or in another run of these tests at the same time. Below those that clients are given
 * (net.ipv4.ip_local_port_range begins at 32768): a server that starts later finds it free still, however many connect.
 */
function freePort(): string {
  const script = `const { createServer } = require("node:net");
    const look = () => {
      const port = 10000 + Math.floor(Math.random() * 22000);
      const server = createServer().on("error", look).listen(port, "127.0.0.1", () => (console.log(port), server.close()));
    };
    look();`;
  return execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim();
}

/** PostgreSQL does not run as root. */
function unprivileged(): { uid: number; gid: number } {
  const [, , uid, gid] = execFileSync("getent", ["passwd", "postgres"], { encoding: "utf8" }).split(":");
  return { uid: Number(uid), gid: Number(gid) };
}
