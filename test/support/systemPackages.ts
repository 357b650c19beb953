import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** A command a test runs, and the Debian package it comes in. */
export interface SystemCommand {
  command: string;
  debianPackage: string;
  /** Words that it must accept; default: it only has to be there. */
  probe?: readonly string[];
}

/**
 * Makes sure that the commands are on this machine. What is missing is installed, with a line that says so, where that
 * can be done without asking anybody: as root on Debian or Ubuntu. Safe when several test files call it at once.
 *
 * @throws {Error} naming the packages when they are missing and cannot be installed.
 */
export function requireSystemPackages(commands: readonly SystemCommand[]): void {
  const missing = packagesMissing(commands);
  if (missing.length === 0) {
    return;
  }
  const names = missing.join(" ");
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`These system packages are missing, install them first: ${names} (sudo apt-get install ${names}).`);
  }
  process.stderr.write(`Installing system packages the tests need: ${names}\n`);
  try {
    install(missing);
  } catch {
    // The package lists may be missing, or too old to name files that the archive still has.
    aptGet("update");
    install(missing);
  }
  const stillMissing = packagesMissing(commands);
  if (stillMissing.length > 0) {
    throw new Error(`Installed ${names}, but ${stillMissing.join(" ")} did not bring the expected commands.`);
  }
}

/**
 * The full path of a command, looked for in PATH and in the folders for administrators, which a user's PATH may lack.
 *
 * @throws {Error} when it is not there.
 */
export function systemCommandPath(command: string): string {
  const path = findCommand(command);
  if (path === undefined) {
    throw new Error(`Command ${command} is not on this machine.`);
  }
  return path;
}

function packagesMissing(commands: readonly SystemCommand[]): string[] {
  const missing = commands.filter(({ command, probe }) => {
    const path = findCommand(command);
    return path === undefined || (probe !== undefined && spawnSync(path, probe).status !== 0);
  });
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

function findCommand(command: string): string | undefined {
  if (isAbsolute(command)) {
    return isExecutableFile(command) ? command : undefined;
  }
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, command)).find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function install(packages: readonly string[]): void {
  aptGet("install", "--yes", "--no-install-recommends", ...packages);
}

/**
 * One apt-get at a time: `flock` holds back our other test files, the timeout waits for somebody else's. RUNLEVEL=1 tells
 * the packages' install scripts not to start any service.
 */
function aptGet(...args: string[]): void {
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
  const { status, stderr } = spawnSync("flock", ["/run/lock/twisterlab-edge-tests", "apt-get", ...options, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (status !== 0) {
    throw new Error(`apt-get ${args.join(" ")} failed: ${stderr.trim()}`);
  }
}
