import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ANY, NAMESPACE_LABEL, type Pods } from "../../../components/cluster/network/flows.ts";
import type { Policy } from "../../../components/cluster/network/policies.ts";
import { capture } from "../../../cli/capture.ts";
import { ensureProgram } from "../../support/goProgram.ts";

/** What np-guard's netpol-analyzer says may be reached: pods as namespace/name, addresses as first-last. */
export interface Reach {
  src: string;
  dst: string;
  /** `TCP 5432`, `TCP 53,UDP 53`, `All Connections`. */
  conn: string;
}

/** Builds the analyser, a Go program that knows nothing of this one, unless it is there. */
export function ensureAnalyzer(): Promise<string> {
  return ensureProgram({
    name: "netpol-analyzer",
    what: "np-guard's analyser of network policies",
    source: join(import.meta.dirname, "analyzer"),
    package: "github.com/np-guard/netpol-analyzer/cmd/netpolicy",
  });
}

/** Has it say who may reach whom, of pods under policies. @throws Error with what it complains of. */
export async function analyze(program: string, pods: readonly Pods[], policies: readonly Policy[]): Promise<Reach[]> {
  const folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-network-"));
  try {
    const namespaces = new Set(pods.map(({ namespace }) => namespace));
    const items = [...[...namespaces].map(namespaceObject), ...pods.map(deployment), ...policies.map(policyObject)];
    for (const [index, item] of items.entries()) {
      writeFileSync(join(folder, `${index}.json`), JSON.stringify(item));
    }
    const { code, stdout, stderr } = await capture(
      program,
      ["list", "--dirpath", folder, "--output", "json", "--quiet"],
      {
        cwd: folder,
      },
    );
    if (code !== 0) {
      throw new Error(`${stdout}${stderr}`);
    }
    const plain = (name: string): string => name.replace(/\[\w+\]$/, "");
    return (JSON.parse(stdout) as Reach[]).map(({ src, dst, conn }) => ({ src: plain(src), dst: plain(dst), conn }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function namespaceObject(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { [NAMESPACE_LABEL]: name } } };
}

function deployment({ namespace, name, labels, ports }: Pods): object {
  const carried = Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key, value === ANY ? "some" : value]),
  );
  const containers = [
    { name, image: "a:1", ports: ports.map(({ port, protocol }) => ({ containerPort: port, protocol })) },
  ];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { selector: { matchLabels: carried }, template: { metadata: { labels: carried }, spec: { containers } } },
  };
}

function policyObject({ namespace, name, spec }: Policy): object {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec };
}
