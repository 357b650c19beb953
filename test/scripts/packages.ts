import { requireSystemPackages } from "../support/systemPackages.ts";

/** What the host's scripts call and a scratch folder cannot stand in for. Before any of the tests. */
export function setup(): void {
  requireSystemPackages([
    { command: "rsync", debianPackage: "rsync" },
    { command: "logrotate", debianPackage: "logrotate" },
    { command: "systemd-analyze", debianPackage: "systemd" },
    // Debian's own: the scripts look nowhere else.
    { command: "/usr/bin/python3", debianPackage: "python3-yaml", probe: ["-c", "import yaml"] },
    { command: "restic", debianPackage: "restic" },
  ]);
}
