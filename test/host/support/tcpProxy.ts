import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy on the loopback that can drop what goes through it, as the line to EdgeServer does. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that were opened through it since it was started. */
  readonly connections: number;
  /** Drops every connection now; later ones go through. @returns how many there were. */
  cut(): number;
  /** Sends later connections somewhere else. */
  leadTo(target: Target): void;
  /** Resolves when the next connection is opened. */
  nextConnection(): Promise<void>;
  stop(): Promise<void>;
}

interface Target {
  address: string;
  port: number;
}

export async function startProxy(first: Target): Promise<TcpProxy> {
  let target = first;
  const open = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const far = connect(target.port, target.address);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      // A line that drops says nothing in advance, and neither side's complaint is of interest.
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    for (const resolve of waiting.splice(0)) {
      resolve();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
    cut: () => {
      const count = open.size / 2;
      for (const socket of open) {
        socket.destroy();
      }
      return count;
    },
    leadTo: (next) => {
      target = next;
    },
    nextConnection: () => new Promise((resolve) => waiting.push(resolve)),
    stop: async () => {
      for (const socket of open) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
