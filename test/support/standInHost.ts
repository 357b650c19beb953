import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout, type Checkout } from "./checkout.ts";
import { writeStandIn, type StandIn } from "./hostStandIn.ts";
import { SSH_PACKAGES, startSshServer, type SshServer } from "./sshServer.ts";
import { requireSystemPackages } from "./systemPackages.ts";

/** A real SSH server in front of a stand-in for the host, and a person with a checkout whose site file knows it. */
export interface StandInHost {
  readonly edge: Checkout;
  readonly server: SshServer;
  /** Folder of the stand-in, see hostStandIn.ts. */
  readonly folder: string;
  /** From now on it is a host where nothing was applied yet, but for `change`. */
  readonly fresh: (change?: Partial<StandIn>) => void;
  stop(): Promise<void>;
}

export const MACHINE_ID = "0123456789abcdef0123456789abcdef";
const GIB = 2 ** 30;

/** @param kubeconfig text of the one that the person has; default: of a cluster where nobody listens. */
export async function startStandInHost(kubeconfig: string = NOBODY): Promise<StandInHost> {
  requireSystemPackages(SSH_PACKAGES);
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-host-"));
  const standIn = join(import.meta.dirname, "hostStandIn.ts");
  const server = await startSshServer({ config: [`ForceCommand ${process.execPath} ${standIn} ${folder}`] });

  const edge = checkout();
  mkdirSync(join(edge.home, ".ssh"));
  writeFileSync(join(edge.home, ".ssh/id_ed25519"), server.privateKey, { mode: 0o600 });
  mkdirSync(join(edge.home, ".kube"));
  writeFileSync(join(edge.home, ".kube/twisterlab-edge.yaml"), kubeconfig, { mode: 0o600 });
  edge.edit([
    [["twisterlab-edge:host", "address"], "127.0.0.1"],
    [["twisterlab-edge:host", "machineId"], MACHINE_ID],
    [["twisterlab-edge:host", "ssh", "user"], server.user],
    [["twisterlab-edge:host", "ssh", "port"], server.port],
    [["twisterlab-edge:host", "ssh", "hostKey"], server.hostKey.split(" ").slice(0, 2).join(" ")],
    // A busy machine takes its time; how long a silent host is waited for has a test of its own.
    [["twisterlab-edge:safety", "observeTimeout"], "60 s"],
    [["twisterlab-edge:network", "cidr"], "127.0.0.0/24"],
    // The kubeconfig says where it really is.
    [["twisterlab-edge:cluster", "apiServer"], "https://127.0.0.1:1"],
    [["twisterlab-edge:phase3", "metalLb", "pool"], "127.0.0.100-127.0.0.110"],
  ]);
  const host: StandInHost = {
    edge,
    server,
    folder,
    fresh: (change = {}) => {
      writeStandIn(folder, {
        machineId: MACHINE_ID,
        rootVolume: 100 * GIB,
        options: { fstab: "defaults", live: "rw,relatime" },
        files: {
          "/etc/docker/daemon.json": {
            mode: "644",
            owner: "root:root",
            content: '{"log-driver": "local"}',
            shown: true,
          },
        },
        items: {},
        entryPoint: undefined,
        leaseOwner: undefined,
        ...change,
      });
    },
    stop: async () => {
      await server.stop();
      edge.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  host.fresh();
  return host;
}

const NOBODY = `apiVersion: v1
kind: Config
clusters: [{ name: edge, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: edge, user: {} }]
contexts: [{ name: edge, context: { cluster: edge, user: edge } }]
current-context: edge
`;
