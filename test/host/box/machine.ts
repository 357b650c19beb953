import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemCommandPath, type SystemCommand } from "../../support/systemPackages.ts";

export const MACHINE_PACKAGES: readonly SystemCommand[] = [
  { command: "qemu-system-x86_64", debianPackage: "qemu-system-x86" },
  { command: "qemu-img", debianPackage: "qemu-utils" },
  { command: "setpriv", debianPackage: "util-linux" },
];

export interface MachineDisk {
  file: string;
  serial: string;
  /** Default: qcow2. */
  format?: "qcow2" | "raw";
}

export interface MachineOptions {
  /** Where the machine's console is logged. */
  folder: string;
  kernel: string;
  initrd: string;
  /** The kernel's command line. */
  append: string;
  /** In the order of their letters. */
  disks: readonly MachineDisk[];
  memory:
    | { kind: "own" }
    /** Backed by a file that keeps the memory's content: what `save` writes lacks it. */
    | { kind: "file"; file: string }
    /** Begins as the file's content and leaves the file as it is. */
    | { kind: "copy"; file: string };
  /** Port of 127.0.0.1 that leads to the machine's port 22; a free one if 0. */
  sshPort: number;
  /** Goes on from a state that `save` has written, instead of booting. */
  state?: string;
}

/** A plain one: what newer ones can, such as wide vectors, costs more to emulate than it saves. */
const PROCESSOR = "qemu64";

/** Processors and MiB of memory of every machine. */
const PROCESSORS = 2;
const MEBIBYTES = 2048;

/** The bus on which the machine's disks are, by number from 0. */
const BUS = "disks.0";

/**
 * A computer in software: QEMU without hardware virtualisation, which not every place that runs tests has. Ends with the
 * process that has started it, however that one ends.
 */
export class Machine {
  readonly #child: ChildProcess;
  readonly #console: string;
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  readonly #exit: Promise<void>;
  #ended = false;
  #words = "";
  #sshPort = 0;

  private constructor(options: MachineOptions) {
    this.#console = join(options.folder, "console.log");
    const args = ["--pdeathsig", "KILL", systemCommandPath("qemu-system-x86_64"), ...qemuArgs(options, this.#console)];
    this.#child = spawn(systemCommandPath("setpriv"), args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#words += text));
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        this.#answer(line);
      });
    }
    this.#child.stdin?.on("error", () => undefined);
    this.#exit = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true;
        this.#waiting.splice(0).forEach(({ reject }) => {
          reject(new Error(`QEMU ended: ${this.#words.trim()}`));
        });
        resolve();
      };
      this.#child.once("close", end);
      this.#child.once("error", end);
    });
  }

  /** Switches a machine on. @throws Error with QEMU's own words when it does not come up. */
  static async start(options: MachineOptions): Promise<Machine> {
    const machine = new Machine(options);
    try {
      await machine.command("qmp_capabilities");
      machine.#sshPort = await machine.#findSshPort();
      if (options.state !== undefined) {
        await machine.#load(options.state);
      }
      return machine;
    } catch (error) {
      await machine.kill();
      throw error;
    }
  }

  get sshPort(): number {
    return this.#sshPort;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when the machine is off. */
  get off(): Promise<void> {
    return this.#exit;
  }

  /** The last lines of the console and what QEMU said, for an error's text. */
  lastWords(lines = 15): string {
    let log = "";
    try {
      log = readFileSync(this.#console, "utf8");
    } catch {
      // It never got so far.
    }
    return [...log.trimEnd().split("\n").slice(-lines), this.#words.trim()].join("\n").trim();
  }

  /** Cuts the power: what the machine has not written to its disks is lost. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Attaches one more disk while the machine runs. */
  async addDisk(disk: MachineDisk, position: number): Promise<void> {
    const node = `disk${position}`;
    await this.command("blockdev-add", blockNode(disk, node));
    await this.command("device_add", scsiDevice(disk, node, position));
  }

  /** Stops the machine for good and writes its state, all but the memory, into a file. */
  async save(file: string): Promise<void> {
    await this.command("stop");
    await this.#ignoreSharedMemory();
    await this.command("migrate", { uri: `exec:cat > ${shellQuoted(file)}` });
    await this.#migrated();
    await this.command("quit");
    await this.#exit;
  }

  async #load(file: string): Promise<void> {
    await this.#ignoreSharedMemory();
    await this.command("migrate-incoming", { uri: `exec:cat ${shellQuoted(file)}` });
    await this.#migrated();
    await this.command("cont");
  }

  async #ignoreSharedMemory(): Promise<void> {
    await this.command("migrate-set-capabilities", {
      capabilities: [{ capability: "x-ignore-shared", state: true }],
    });
  }

  async #migrated(): Promise<void> {
    for (;;) {
      const info = (await this.command("query-migrate")) as { status?: string; "error-desc"?: string };
      if (info.status === "completed") {
        return;
      }
      if (info.status === "failed" || info.status === "cancelled") {
        throw new Error(`QEMU could not move the machine's state: ${info["error-desc"] ?? info.status}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The port is the system's choice: whatever had been looked for before could be taken by now. */
  async #findSshPort(): Promise<number> {
    const table = await this.command("human-monitor-command", { "command-line": "info usernet" });
    const port = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(String(table))?.[1];
    if (port === undefined) {
      throw new Error(`QEMU does not say which port leads to the machine: ${String(table)}`);
    }
    return Number(port);
  }

  /** Runs a command of QEMU's machine protocol. */
  command(execute: string, args: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new Error(`QEMU ended: ${this.#words.trim()}`));
        return;
      }
      // Answers come in the order of the commands.
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    });
  }

  #answer(line: string): void {
    const message = JSON.parse(line) as { return?: unknown; error?: { desc: string } };
    if (message.error !== undefined) {
      this.#waiting.shift()?.reject(new Error(`QEMU: ${message.error.desc}`));
    } else if ("return" in message) {
      this.#waiting.shift()?.resolve(message.return);
    }
  }
}

function qemuArgs(options: MachineOptions, console: string): string[] {
  const disks = options.disks.flatMap((disk, position) => {
    const node = `disk${position}`;
    return [
      "-blockdev",
      JSON.stringify(blockNode(disk, node)),
      "-device",
      JSON.stringify(scsiDevice(disk, node, position)),
    ];
  });
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    ...["-chardev", "stdio,id=monitor,signal=off", "-mon", "chardev=monitor,mode=control"],
    ...["-chardev", `file,id=console,path=${qemuQuoted(console)},append=on`, "-serial", "chardev:console"],
    ...["-accel", "tcg,thread=multi", "-cpu", PROCESSOR, "-smp", String(PROCESSORS)],
    ...memoryArgs(options.memory),
    ...["-kernel", options.kernel, "-initrd", options.initrd, "-append", options.append],
    // Random numbers of its own for a machine that goes on from a state that others go on from, too.
    ...["-device", "virtio-rng-pci"],
    ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${options.sshPort}-:22`],
    ...["-device", "virtio-net-pci,netdev=net,mac=52:54:00:1e:d6:e0,romfile="],
    ...["-device", "virtio-scsi-pci,id=disks"],
    ...disks,
    ...(options.state === undefined ? [] : ["-incoming", "defer"]),
  ];
}

function memoryArgs(memory: MachineOptions["memory"]): string[] {
  const size = `${MEBIBYTES}M`;
  if (memory.kind === "own") {
    return ["-machine", "pc", "-m", size];
  }
  const backend = {
    "qom-type": "memory-backend-file",
    id: "memory",
    size: MEBIBYTES * 1024 * 1024,
    "mem-path": memory.file,
    share: memory.kind === "file",
  };
  return ["-object", JSON.stringify(backend), "-machine", "pc,memory-backend=memory", "-m", size];
}

function blockNode({ file, format = "qcow2" }: MachineDisk, node: string): object {
  return {
    "node-name": node,
    driver: format,
    discard: "unmap",
    "detect-zeroes": "unmap",
    // A flush goes as far as this machine's page cache: that outlives QEMU, so a cut of the guest's power loses the same.
    cache: { direct: false, "no-flush": true },
    file: { driver: "file", filename: file, discard: "unmap", cache: { direct: false, "no-flush": true } },
  };
}

function scsiDevice(
  { serial }: MachineDisk,
  node: string,
  position: number,
): { driver: string } & Record<string, unknown> {
  return { driver: "scsi-hd", id: `scsi${position}`, bus: BUS, "scsi-id": position, lun: 0, drive: node, serial };
}

/** A comma ends a value in QEMU's options; two of them are one. */
function qemuQuoted(value: string): string {
  return value.replaceAll(",", ",,");
}

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
