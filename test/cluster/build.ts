import { join } from "node:path";
import { compile } from "../../toolchain/goBuild.ts";
import { ensureBuilt, type BuildStep } from "../support/buildCache.ts";
import { requireSystemPackages, type SystemCommand } from "../support/systemPackages.ts";
import { buildImages } from "./images.ts";

/** What a node runs beside what is built here. */
const NODE_PACKAGES: readonly SystemCommand[] = [
  { command: "etcd", debianPackage: "etcd-server" },
  { command: "containerd", debianPackage: "containerd" },
  { command: "runc", debianPackage: "runc" },
  { command: "/usr/lib/cni/bridge", debianPackage: "containernetworking-plugins" },
  ...["iptables", "conntrack", "openssl", "curl"].map((name) => ({ command: name, debianPackage: name })),
  { command: "ip", debianPackage: "iproute2" },
  { command: "mount", debianPackage: "mount" },
  ...["unshare", "nsenter", "setpriv", "pivot_root"].map((command) => ({ command, debianPackage: "util-linux" })),
];

const VERSION = "v1.33.4";

const PROGRAMS = [
  {
    file: "kubernetes",
    module: "kubernetes",
    package: ".",
    variables: {
      "k8s.io/component-base/version.gitVersion": VERSION,
      "k8s.io/component-base/version.gitMajor": "1",
      "k8s.io/component-base/version.gitMinor": "33",
    },
  },
  { file: "coredns", module: "coredns", package: ".", variables: {} },
  {
    file: "local-path-provisioner",
    module: "localPathProvisioner",
    package: "github.com/rancher/local-path-provisioner",
    variables: {},
  },
];

/**
 * Builds what the node of a test cluster runs, unless it is there: Kubernetes from its Go modules, images from Debian
 * packages. A few minutes, once.
 * @returns the folder with the executables and `images.tar`.
 * @throws Error that names what is missing on this computer: root, a package, Go, a Debian archive.
 */
export function ensureNode(say?: (line: string) => void): Promise<string> {
  if (process.getuid?.() !== 0) {
    throw new Error("Only root can start a test cluster: run this with sudo.");
  }
  requireSystemPackages(NODE_PACKAGES);
  return ensureBuilt({
    name: "test-cluster",
    what: "the programs and images of the test cluster",
    source: import.meta.dirname,
    inputs: ["build.ts", "images.ts", "images/**", "go/**"],
    prepare: () => {
      requireSystemPackages([{ command: "mmdebstrap", debianPackage: "mmdebstrap" }]);
    },
    steps: [
      ...PROGRAMS.map(({ file, module, ...program }): BuildStep => {
        const source = join(import.meta.dirname, "go", module);
        return [file, (folder, detail) => compile({ ...program, folder: source, output: join(folder, file) }, detail)];
      }),
      ["images", buildImages],
    ],
    say,
  });
}
