import { duration } from "../values/duration.ts";
import { sshHostKey } from "../values/key.ts";
import { hostName, k3sVersion, keyFile, line, localPath, machineId, siteName, userName } from "../values/name.ts";
import { ipAddress } from "../values/address.ts";
import { size } from "../values/size.ts";
import { count, fact, object, text } from "./build.ts";

export const site = object("The machine room that this file describes.", {
  name: text(siteName, "Name of the site, the `edge` of Pulumi.edge.yaml and of the stack edge-phase-1."),
  domain: text(hostName, "Domain that the site's host names belong to."),
});

export const host = object("The machine: what it is and how to reach it.", {
  name: text(hostName, "Full host name of the machine."),
  address: text(ipAddress, "Address of the machine on the local network; SSH connects to it."),
  operatingSystem: text(line, "Operating system as /etc/os-release names it."),
  kernel: text(line, "Kernel release, as `uname -r` prints it."),
  k3sVersion: text(k3sVersion, "Version of K3s that runs on the machine."),
  machineId: fact(machineId, "Content of /etc/machine-id: proves that the machine which answers is this one."),
  capacity: object("What the machine has to share among the pods.", {
    threads: count("Hardware threads; Kubernetes counts each as one cpu.", 1, 1024),
    memory: text(size, "Main memory."),
  }),
  ssh: object("How commands get to the machine.", {
    user: text(userName, "User to log in as; needs sudo without a password."),
    port: count("TCP port of the SSH server.", 1, 65535),
    hostKey: fact(sshHostKey, "Public key that the machine's SSH server proves itself by: type and key."),
    keyFile: text(keyFile, "Private key to log in with; TWISTERLAB_SSH_KEY_FILE in the environment goes before it."),
    observerKeyFile: text(
      localPath,
      "Private key that may only observe, for previews; TWISTERLAB_OBSERVER_KEY_FILE in the environment goes before it.",
    ).exactOptional(),
    dialErrorLimit: count("Tries to connect before a command fails.", 1, 100),
    perDialTimeout: text(duration, "Time for one try to connect."),
  }),
});

export const safety = object("Time limits of what is undone unless it is confirmed.", {
  confirmWithin: text(
    duration,
    "Time within which a change that can cut off its own connection is confirmed over a new one, or undone by the host.",
  ),
  observeTimeout: text(duration, "How long a preview waits for a host that does not answer before it goes on blind."),
});
