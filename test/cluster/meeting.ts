import { ANY, nameOf, type Pods, portName, type Port } from "../../components/cluster/network/flows.ts";
import { kubectl } from "./stack.ts";

/** Listens on all of the ports, whoever asks, so that a connection that fails was kept from being made. */
const SERVER = `
import asyncio, os
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, address): self.transport.sendto(data, address)
async def main():
    for port in os.environ["PORTS"].split(","):
        await asyncio.start_server(lambda reader, writer: writer.close(), "0.0.0.0", int(port))
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("0.0.0.0", 53))
    await asyncio.Event().wait()
asyncio.run(main())`;

/** Tries all of them, some at a time, and prints those that answer. What is refused says so at once; see kubeRouter.ts. */
const CLIENT = `
import asyncio, json, os, sys
async def tcp(host, port):
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
async def udp(host, port):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    class Ask(asyncio.DatagramProtocol):
        def connection_made(self, transport): transport.sendto(b"a")
        def datagram_received(self, data, address): answer.done() or answer.set_result(None)
        def error_received(self, error): answer.done() or answer.set_exception(error)
    await loop.create_datagram_endpoint(Ask, remote_addr=(host, port))
    await answer
some = asyncio.Semaphore(40)
async def attempt(host, port, protocol):
    async with some:
        try:
            await asyncio.wait_for({"TCP": tcp, "UDP": udp}[protocol](host, port), 5)
            return [host, port, protocol]
        except Exception:
            return None
async def main():
    tried = await asyncio.gather(*[attempt(*each) for each in json.load(sys.stdin)])
    print(json.dumps([each for each in tried if each]))
asyncio.run(main())`;

/** A Deployment of one pod in the place of pods of the table: it has their labels, and listens on every port. */
export function standIn(pods: Pods, ports: readonly number[], container: object = {}): object {
  const labels = Object.fromEntries(
    Object.entries(pods.labels).map(([key, value]) => [key, value === ANY ? "some" : value]),
  );
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: pods.name, namespace: pods.namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "a",
              image: "python:3.13-alpine",
              imagePullPolicy: "Never",
              command: ["python3", "-c", SERVER],
              env: [{ name: "PORTS", value: ports.join(",") }],
              ...container,
            },
          ],
        },
      },
    },
  };
}

/** Has every pod try every port of every other. @returns `from -> to: port` for each that was answered. */
export async function meet(kubeconfig: string, all: readonly Pods[], ports: readonly Port[]): Promise<string[]> {
  const addresses = await addressesOf(kubeconfig, all);
  const answered: string[] = [];
  // One after the other: so many at once would not be answered in time, and look refused.
  for (const from of all) {
    const others = all.filter((to) => to !== from);
    const targets = others.flatMap((to) =>
      ports.map(({ port, protocol }) => [addresses.get(nameOf(to)) ?? "", port, protocol]),
    );
    const words = ["--namespace", from.namespace, "exec", "--stdin", `deploy/${from.name}`, "--"];
    const said = await kubectl([...words, "python3", "-c", CLIENT], targets, kubeconfig);
    for (const [address, port, protocol] of JSON.parse(said) as [string, number, Port["protocol"]][]) {
      const to = others.find((each) => addresses.get(nameOf(each)) === address);
      answered.push(`${nameOf(from)} -> ${to === undefined ? address : nameOf(to)}: ${portName({ port, protocol })}`);
    }
  }
  return answered.sort();
}

async function addressesOf(kubeconfig: string, all: readonly Pods[]): Promise<Map<string, string>> {
  const pods = JSON.parse(
    await kubectl(["get", "pods", "--all-namespaces", "--output=json"], undefined, kubeconfig),
  ) as {
    items: { metadata: { namespace: string; name: string }; status: { podIP?: string; phase: string } }[];
  };
  const addressOf = ({ namespace, name }: Pods): string =>
    pods.items.find(
      ({ metadata, status }) =>
        metadata.namespace === namespace &&
        metadata.name.replace(/-[a-z0-9]+-[a-z0-9]+$/, "") === name &&
        status.phase === "Running",
    )?.status.podIP ?? "";
  return new Map(all.map((each) => [nameOf(each), addressOf(each)]));
}
