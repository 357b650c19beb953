import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toStandardError } from "../../support/buildCache.ts";
import { abandonedFolders, ownedFolder } from "../../support/ownedFolder.ts";
import {
  BOOT_LIMIT,
  booted,
  bootEnded,
  createDisk,
  ensureImage,
  machineDisks,
  overlay,
  qemuVersion,
  type Disks,
  type Image,
  type ImageOptions,
} from "./image.ts";
import { DISKS, SPARE_DISK, type DiskName } from "./layout.ts";
import { Machine, type MachineDisk } from "./machine.ts";
import { openWhenUp, type CommandResult, type SshConnection } from "./ssh.ts";

export interface BoxOptions extends ImageOptions {
  /** Switch the machine on instead of going on from the saved state of one that runs; default: false. */
  cold?: boolean;
  /** Give it an empty disk, `sdd`, as well; default: false. */
  spareDisk?: boolean;
}

/** A machine like EdgeServer, of its own. Ends with {@link Box.stop}, or with the process that has started it. */
export class Box {
  readonly address = "127.0.0.1";
  readonly user = "twister";
  /** Its public host key, `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  /** File with the private key that `twister` logs in with. */
  readonly keyFile: string;
  readonly machineId: string;
  /** Serial numbers of its disks, by their names in the site file. */
  readonly serials: Record<DiskName, string>;
  readonly #image: Image;
  readonly #folder: string;
  readonly #disks: readonly MachineDisk[];
  #machine: Machine | undefined;
  #root: SshConnection | undefined;
  #sshPort = 0;

  private constructor(image: Image, folder: string, disks: readonly MachineDisk[]) {
    this.#image = image;
    this.#folder = folder;
    this.#disks = disks;
    this.hostKey = image.hostKey;
    this.keyFile = image.keyFiles.twister;
    this.machineId = image.machineId;
    this.serials = {
      "ai-storage": DISKS["ai-storage"].serial,
      system: DISKS.system.serial,
      "data-warehouse": DISKS["data-warehouse"].serial,
    };
  }

  /** A new machine, once everything that starts at boot has started. */
  static async start({ cold = false, spareDisk = false, say = toStandardError }: BoxOptions): Promise<Box> {
    for (const folder of abandonedFolders(PREFIX)) {
      rmSync(folder, { recursive: true, force: true });
    }
    const image = await ensureImage({ say });
    if (!cold && (await canResume(image, say))) {
      try {
        return await Box.#make(image, image.warm.disks, spareDisk, (box) => box.#resume());
      } catch (error) {
        say(`Booting the box, because its saved state is of no use here: ${(error as Error).message}`);
      }
    }
    return await Box.#make(image, image.cold, spareDisk, (box) => box.#boot(booted));
  }

  static async #make(image: Image, base: Disks, spareDisk: boolean, start: (box: Box) => Promise<void>): Promise<Box> {
    const folder = ownedFolder(PREFIX);
    const disks = machineDisks(await overlay(base, folder));
    if (spareDisk) {
      const file = join(folder, "spare.qcow2");
      await createDisk(file, SPARE_DISK.gibibytes);
      disks.push({ file, serial: SPARE_DISK.serial });
    }
    const box = new Box(image, folder, disks);
    try {
      await start(box);
      return box;
    } catch (error) {
      await box.stop();
      throw error;
    }
  }

  /** Port of {@link Box.address} that leads to its SSH server; stays the same as long as the box lives. */
  get sshPort(): number {
    return this.#sshPort;
  }

  /** Runs a command as root, beside whatever is tested: what a test sees for itself. */
  async run(command: string, { stdin = "" }: { stdin?: string } = {}): Promise<CommandResult> {
    if (this.#machine?.ended !== false) {
      throw new Error("The box is off.");
    }
    // The connection of before a restart of the machine, or of its sshd, is of no use.
    const root = this.#root?.closed === false ? this.#root : await this.#connect();
    return root.run(command, stdin);
  }

  /** Pulls the plug: what was not written to a disk is lost. */
  async powerCut(): Promise<void> {
    this.#root = undefined;
    await this.#machine?.kill();
  }

  /** Switches it on; done once everything that starts at boot has started, or has failed to. */
  async powerOn(): Promise<void> {
    if (this.#machine?.ended === false) {
      throw new Error("The box is on already.");
    }
    await this.#boot(bootEnded);
  }

  /** The last lines of its console. */
  console(lines?: number): string {
    return this.#machine?.lastWords(lines) ?? "";
  }

  /** Switches it off and removes its disks. */
  async stop(): Promise<void> {
    await this.powerCut();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #boot(wait: (root: SshConnection) => Promise<unknown>): Promise<void> {
    await this.#switchOn("own", this.#disks);
    await this.#up(async () => {
      await wait(await this.#connect());
    });
  }

  async #resume(): Promise<void> {
    // The saved machine had three disks.
    const spares = this.#disks.slice(3);
    const machine = await this.#switchOn("saved", this.#disks.slice(0, 3));
    await this.#up(async () => {
      const root = await this.#connect();
      await root.run(SET_CLOCK, String(Date.now() / 1000));
      for (const [index, spare] of spares.entries()) {
        const id = 3 + index;
        await machine.addDisk(spare, id);
        // The machine looks for disks only when it is told to.
        const scan = `echo '0 ${id} 0' > /sys/class/scsi_host/host0/scan`;
        const there = `lsblk --noheadings --output SERIAL | grep --quiet ${spare.serial}`;
        const { code } = await root.run(`${scan} && timeout 30 sh -c 'until ${there}; do sleep 0.1; done'`);
        if (code !== 0) {
          throw new Error(`The disk ${spare.serial} did not appear.`);
        }
      }
    });
  }

  async #switchOn(memory: "own" | "saved", disks: readonly MachineDisk[]): Promise<Machine> {
    const { kernel, initrd, append, warm } = this.#image;
    const common = { folder: this.#folder, kernel, initrd, append, disks, sshPort: this.#sshPort };
    const machine =
      memory === "own"
        ? await Machine.start({ ...common, memory: { kind: "own" } })
        : await Machine.start({ ...common, memory: { kind: "copy", file: warm.memory }, state: warm.state });
    this.#machine = machine;
    this.#sshPort = machine.sshPort;
    return machine;
  }

  async #up(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      throw new Error(`The box did not come up: ${(error as Error).message}\n${this.console()}`, { cause: error });
    }
  }

  async #connect(): Promise<SshConnection> {
    const machine = this.#machine;
    const privateKey = readFileSync(this.#image.keyFiles.root, "utf8");
    const target = { port: this.#sshPort, user: "root", privateKey };
    this.#root = await openWhenUp(target, BOOT_LIMIT, () => machine?.ended === false);
    return this.#root;
  }
}

/** Starts a machine like EdgeServer; builds what it needs first, once. @throws Error when it does not come up. */
export function startBox(options: BoxOptions = {}): Promise<Box> {
  return Box.start(options);
}

async function canResume(image: Image, say: (line: string) => void): Promise<boolean> {
  const qemu = await qemuVersion();
  if (qemu === image.warm.qemu) {
    return true;
  }
  say(`Booting the box: its saved state is of another QEMU (${image.warm.qemu}, here ${qemu}).`);
  return false;
}

/**
 * The machine was saved some time ago, and its clock has not noticed. logrotate's timer would take the jump over midnight
 * as a reason to start, in the middle of a test.
 */
const SET_CLOCK =
  "systemctl stop logrotate.timer; read now; date --set @$now; touch /var/lib/systemd/timers/stamp-logrotate.timer; " +
  "systemctl start logrotate.timer";

const PREFIX = "twisterlab-box-";
