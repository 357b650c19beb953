// `npm run vm`: a machine like EdgeServer to play with, until Ctrl-C.
import { parseArgs } from "node:util";
import { playground } from "../../support/playground.ts";
import { startBox, type Box } from "./box.ts";
import { DISKS, SPARE_DISK } from "./layout.ts";

const HELP = `Usage: npm run vm -- [--cold] [--spare-disk]

Starts a virtual machine like EdgeServer, says how to reach it, and removes it at Ctrl-C.
The first time it builds the machine's image, which takes some minutes and needs root.

  --cold        switch it on and boot instead of going on from a saved state
  --spare-disk  an empty disk, sdd, as well (serial number ${SPARE_DISK.serial}, ${SPARE_DISK.gibibytes} GiB)
  --help        this text
`;

try {
  const { values } = parseArgs({
    options: {
      cold: { type: "boolean", default: false },
      "spare-disk": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
  } else {
    const start = (): Promise<Box> => startBox({ cold: values.cold, spareDisk: values["spare-disk"] });
    await playground(start, description, "The machine is gone.");
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function description(box: Box): string {
  const { hostKey, keyFile, machineId, address, sshPort, user } = box;
  const disks = Object.entries(DISKS).map(([name, { serial }]) => `    ${name}: serial: ${serial}`);
  return `
A machine like EdgeServer runs; Ctrl-C removes it with everything on it.

  ssh -i ${keyFile} -p ${sshPort} -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no ${user}@${address}

What a site file says to mean this one. In a copy of Pulumi.edge.yaml (Pulumi.playground.yaml, used with --site playground):

  twisterlab-edge:site: name: playground
  twisterlab-edge:host:
    address: ${address}
    machineId: ${machineId}
    ssh: user: ${user}, port: ${sshPort}, keyFile: ${keyFile}
      hostKey: ${hostKey}
  twisterlab-edge:disks:
${disks.join("\n")}
  twisterlab-edge:network: cidr: 127.0.0.0/24
  twisterlab-edge:cluster: apiServer: https://127.0.0.1:6443
  twisterlab-edge:phase3: metalLb: pool: 127.0.0.100-127.0.0.110
  twisterlab-edge:safety: observeTimeout: 60 s (a machine in software is slow)
  twisterlab-edge:phase1: without harbor (nothing of Kubernetes runs in it), and without diskBenchmark to save a minute

`;
}
