import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureBuilt } from "../../support/buildCache.ts";
import { debianMirror } from "../../support/debian.ts";
import { run } from "../../support/run.ts";
import { generateKey } from "../../support/sshServer.ts";
import { requireSystemPackages, type SystemCommand } from "../../support/systemPackages.ts";
import {
  DISK_NAMES,
  DISKS,
  fstab,
  installVariables,
  ROOT_DEVICE,
  ROOT_GIBIBYTES,
  UUIDS,
  type DiskName,
} from "./layout.ts";
import { Machine, MACHINE_PACKAGES, type MachineDisk, type MachineOptions } from "./machine.ts";
import { openWhenUp, type SshConnection } from "./ssh.ts";

/** An installed EdgeServer that boxes are made from, in a folder that nobody changes. */
export interface Image {
  folder: string;
  kernel: string;
  initrd: string;
  /** The kernel's command line. */
  append: string;
  /** Its public host key: algorithm and key. */
  hostKey: string;
  machineId: string;
  /** Files with the private keys that twister and root log in with. */
  keyFiles: { twister: string; root: string };
  /** Disks of the machine switched off. */
  cold: Disks;
  /** Disks, memory and devices of the machine in the middle of its work; what QEMU it was. */
  warm: { disks: Disks; memory: string; state: string; qemu: string };
}

/** A qcow2 file for each disk. */
export type Disks = Record<DiskName, string>;

export interface ImageOptions {
  /** Gets a line for each step, and one every 10 seconds of a long one; default: standard error. */
  say?: ((line: string) => void) | undefined;
}

/** What the guest is made of, on top of Debian's smallest system. */
const GUEST_PACKAGES = [
  ...["systemd-sysv", "udev", "dbus", "kmod", "zstd", "initramfs-tools", "linux-image-cloud-amd64"],
  ...["openssh-server", "sudo", "ca-certificates", "iproute2", "iptables", "procps", "curl", "openssl"],
  ...["lvm2", "fdisk", "e2fsprogs", "xfsprogs", "hdparm", "rsync", "rsyslog", "logrotate", "python3", "python3-yaml"],
  ...["docker.io", "docker-cli", "containerd", "runc", "busybox-static", "restic"],
];

const BUILD_PACKAGES: readonly SystemCommand[] = [
  { command: "mmdebstrap", debianPackage: "mmdebstrap" },
  { command: "mkfs.ext4", debianPackage: "e2fsprogs" },
];

const HERE = import.meta.dirname;

/** Everything that an image depends on; another content makes another image. */
const INPUTS = ["guest/**", "k3s/**", "setup.sh", "provision.sh", "image.ts", "layout.ts", "machine.ts"];

/** Milliseconds that a machine may take to boot, on a busy computer. */
export const BOOT_LIMIT = 600_000;

/**
 * Builds the image unless it is there: a few minutes, once. Safe when two processes ask for it at once.
 *
 * @throws Error that names what is missing on this computer: root, a package, Go, a Debian archive.
 */
export async function ensureImage({ say }: ImageOptions = {}): Promise<Image> {
  requireSystemPackages(MACHINE_PACKAGES);
  const folder = await ensureBuilt({
    name: "edgeserver-vm",
    what: "the virtual EdgeServer",
    source: HERE,
    inputs: INPUTS,
    prepare: () => {
      if (process.getuid?.() !== 0) {
        throw new Error("Only root can build the image of the virtual EdgeServer: run this once with sudo.");
      }
      requireSystemPackages(BUILD_PACKAGES);
    },
    steps: [
      ["k3s stand-in", buildK3s],
      ["Debian trixie", makeRoot],
      ["root file system", makeRootImage],
      ["disks and volume group", install],
      ["first boot", firstBoot],
      ["running machine's state", saveRunning],
    ],
    say,
  });
  return readImage(folder);
}

function readImage(folder: string): Image {
  const disksIn = (name: string): Disks =>
    Object.fromEntries(DISK_NAMES.map((disk) => [disk, join(folder, name, `${disk}.qcow2`)])) as Disks;
  const record = JSON.parse(readFileSync(join(folder, "image.json"), "utf8")) as ImageRecord;
  return {
    folder,
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd.img"),
    append: `root=${ROOT_DEVICE} ro ${KERNEL_OPTIONS}`,
    hostKey: record.hostKey,
    machineId: record.machineId,
    keyFiles: { twister: join(folder, "twister_key"), root: join(folder, "root_key") },
    cold: disksIn("cold"),
    warm: {
      disks: disksIn("warm"),
      memory: join(folder, "warm", "memory"),
      state: join(folder, "warm", "state"),
      qemu: record.qemu,
    },
  };
}

interface ImageRecord {
  hostKey: string;
  machineId: string;
  qemu: string;
}

/** The disks get their letters in order (guest/etc/initramfs-tools); a busy computer is no reason to give up booting. */
const KERNEL_OPTIONS = [
  "console=ttyS0 quiet mitigations=off scsi_mod.scan=manual",
  `systemd.default_device_timeout_sec=${BOOT_LIMIT / 1000} systemd.default_timeout_start_sec=${BOOT_LIMIT / 1000}`,
].join(" ");

/** Version of the QEMU on this computer: only the same one goes on from a state that it has saved. */
export async function qemuVersion(): Promise<string> {
  return (await run("qemu-system-x86_64", ["--version"])).split("\n")[0] ?? "";
}

/** New, empty layers over the disks of an image: what is written goes there. */
export async function overlay(disks: Disks, folder: string, relativeTo?: string): Promise<Disks> {
  const files = await Promise.all(
    DISK_NAMES.map(async (name) => {
      const file = join(folder, `${name}.qcow2`);
      const backing = relativeTo === undefined ? disks[name] : join(relativeTo, `${name}.qcow2`);
      await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, file]);
      return [name, file];
    }),
  );
  return Object.fromEntries(files) as Disks;
}

/** A new, empty disk. */
export async function createDisk(file: string, gibibytes: number): Promise<void> {
  await run("qemu-img", ["create", "-q", "-f", "qcow2", file, `${gibibytes}G`]);
}

/** The disks of a machine in the order of their letters. */
export function machineDisks(disks: Disks): MachineDisk[] {
  return DISK_NAMES.map((name) => ({ file: disks[name], serial: DISKS[name].serial }));
}

/** Waits until everything that starts at boot has started. @throws Error that names the units that failed. */
export async function booted(root: SshConnection): Promise<void> {
  const state = await bootEnded(root);
  if (state !== "running") {
    const failed = await root.run("systemctl --failed --no-legend --plain; systemctl list-jobs --no-legend");
    throw new Error(`The machine is ${state} after its boot: ${failed.stdout.trim()}`);
  }
}

/** Waits until nothing that starts at boot is starting. @returns systemd's word for the outcome; `running` is the good one. */
export async function bootEnded(root: SshConnection): Promise<string> {
  const { stdout } = await root.run(`timeout ${BOOT_LIMIT / 1000} systemctl is-system-running --wait`);
  return stdout.trim();
}

async function buildK3s(staging: string, detail: (text: string) => void): Promise<void> {
  const own = { CGO_ENABLED: "0", GOOS: "linux", GOARCH: "amd64", GOFLAGS: "-mod=readonly", GOWORK: "off" };
  const target = join(staging, "k3s");
  mkdirSync(target);
  const args = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", target, "./..."];
  // Go names every package that it compiles.
  await run("go", args, { cwd: join(HERE, "k3s"), env: { ...process.env, ...own }, detail });
}

async function makeRoot(staging: string, detail: (text: string) => void): Promise<void> {
  const mirror = await debianMirror();
  const machineId = randomBytes(16).toString("hex");
  const keys = { twister: generateKey(), root: generateKey() };
  for (const [user, { privateKey }] of Object.entries(keys)) {
    writeFileSync(join(staging, `${user}_key`), privateKey, { mode: 0o600 });
  }
  const root = join(staging, "root");
  const args = [
    ...["--mode=root", "--variant=minbase", "--format=directory", "--architectures=amd64"],
    // The guest's own versions of configuration files are there before the packages that bring them.
    ...["--aptopt=Apt::Install-Recommends false", "--aptopt=Acquire::Languages none", "--dpkgopt=force-confold"],
    ...["man", "locale", "doc"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    `--include=${GUEST_PACKAGES.join(",")}`,
    '--setup-hook=umask 022; cp -r --no-preserve=all "$GUEST_FILES/." "$1"',
    '--setup-hook=chmod -R +x "$1/etc/initramfs-tools/scripts"',
    '--customize-hook=mkdir -p "$1/usr/local/lib/k3s" && cp "$K3S"/k3s* "$1/usr/local/lib/k3s/"',
    '--customize-hook=chroot "$1" bash -s < "$SETUP"',
    ...["trixie", root, `deb ${mirror} trixie main`, `deb ${mirror} bookworm main`],
  ];
  const env = {
    ...process.env,
    GUEST_FILES: join(HERE, "guest"),
    SETUP: join(HERE, "setup.sh"),
    K3S: join(staging, "k3s"),
    TWISTER_PUBLIC_KEY: keys.twister.publicKey,
    ROOT_PUBLIC_KEY: keys.root.publicKey,
  };
  // Mounts that it makes and processes that it starts end with it, even when it is killed.
  const isolated = ["--mount", "--pid", "--fork", "--kill-child", "mmdebstrap"];
  await run("unshare", [...isolated, ...args], {
    env,
    detail: (line) => {
      detail(line.replace(/^I: /, ""));
    },
  });
  // Only now: mmdebstrap empties this file, as a system that is to be copied should have it.
  writeFileSync(join(root, "etc/machine-id"), `${machineId}\n`);
  writeFileSync(join(root, "etc/fstab"), fstab());
  writeFileSync(join(root, "usr/local/lib/box/layout"), installVariables());

  const boot = join(root, "boot");
  for (const [name, prefix] of [
    ["vmlinuz", "vmlinuz-"],
    ["initrd.img", "initrd.img-"],
  ] as const) {
    const file = readdirSync(boot).find((entry) => entry.startsWith(prefix));
    if (file === undefined) {
      throw new Error(`Debian's kernel package brought no ${name}.`);
    }
    writeFileSync(join(staging, name), readFileSync(join(boot, file)));
  }
  const [algorithm = "", key = ""] = readFileSync(join(root, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8").split(" ");
  const record: ImageRecord = { hostKey: `${algorithm} ${key}`, machineId, qemu: await qemuVersion() };
  writeFileSync(join(staging, "image.json"), JSON.stringify(record));
}

async function makeRootImage(staging: string): Promise<void> {
  const root = join(staging, "root");
  const options = ["-q", "-E", "assume_storage_prezeroed=1", "-U", UUIDS.root, "-d", root];
  await run("mkfs.ext4", [...options, join(staging, "root.img"), `${ROOT_GIBIBYTES}G`]);
  rmSync(root, { recursive: true });
}

/** Boots once from the plain root image, whose script makes volume group and file systems: this computer may have no LVM. */
async function install(staging: string): Promise<void> {
  mkdirSync(join(staging, "cold"));
  const { cold, kernel, initrd } = readImage(staging);
  for (const name of DISK_NAMES) {
    await createDisk(cold[name], DISKS[name].gibibytes);
  }
  const machine = await Machine.start({
    folder: staging,
    kernel,
    initrd,
    append: `root=UUID=${UUIDS.root} ro init=/usr/local/lib/box/install.sh ${KERNEL_OPTIONS}`,
    disks: [...machineDisks(cold), { file: join(staging, "root.img"), serial: "ROOT", format: "raw" }],
    memory: { kind: "own" },
    sshPort: 0,
  });
  await switchedOff(machine);
  if (!machine.lastWords().includes("box-install: done")) {
    throw new Error(`The machine was not installed: ${machine.lastWords()}`);
  }
  rmSync(join(staging, "root.img"));
}

async function firstBoot(staging: string, detail: (text: string) => void): Promise<void> {
  const { cold } = readImage(staging);
  const { machine, root } = await boot(staging, { disks: machineDisks(cold), memory: { kind: "own" } }, detail);
  try {
    detail("images for containers");
    await succeed(root, "bash -s", readFileSync(join(HERE, "provision.sh"), "utf8"));
    detail("switching off");
    await root.run("systemctl poweroff");
    root.close();
    await switchedOff(machine);
  } finally {
    await machine.kill();
  }
}

async function saveRunning(staging: string, detail: (text: string) => void): Promise<void> {
  mkdirSync(join(staging, "warm"));
  const { cold, warm } = readImage(staging);
  const disks = await overlay(cold, join(staging, "warm"), "../cold");
  const memory = { kind: "file", file: warm.memory } as const;
  const { machine, root } = await boot(staging, { disks: machineDisks(disks), memory }, detail);
  try {
    detail("saving");
    await succeed(root, "systemctl is-active docker k3s && sync");
    root.close();
    // The server's side of the connection ends, too.
    await sleep(1_000);
    await machine.save(warm.state);
  } finally {
    await machine.kill();
  }
}

async function boot(
  staging: string,
  options: Pick<MachineOptions, "disks" | "memory">,
  detail: (text: string) => void,
): Promise<{ machine: Machine; root: SshConnection }> {
  const { kernel, initrd, append, keyFiles } = readImage(staging);
  const machine = await Machine.start({ folder: staging, kernel, initrd, append, sshPort: 0, ...options });
  try {
    detail("booting");
    const privateKey = readFileSync(keyFiles.root, "utf8");
    const target = { port: machine.sshPort, user: "root", privateKey };
    const root = await openWhenUp(target, BOOT_LIMIT, () => !machine.ended);
    detail("waiting for its services");
    await booted(root);
    return { machine, root };
  } catch (error) {
    const words = machine.lastWords();
    await machine.kill();
    throw new Error(`The machine did not boot: ${(error as Error).message}\n${words}`, { cause: error });
  }
}

async function switchedOff(machine: Machine): Promise<void> {
  const limit = AbortSignal.timeout(BOOT_LIMIT);
  await Promise.race([machine.off, sleep(BOOT_LIMIT, undefined, { signal: limit, ref: false })]).catch(() => undefined);
  if (!machine.ended) {
    await machine.kill();
    throw new Error(`The machine did not switch off: ${machine.lastWords()}`);
  }
}

async function succeed(connection: SshConnection, command: string, stdin = ""): Promise<void> {
  const { code, stdout, stderr } = await connection.run(command, stdin);
  if (code !== 0) {
    throw new Error(`${command} failed in the machine: ${stdout}${stderr}`);
  }
}
