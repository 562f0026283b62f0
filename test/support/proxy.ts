import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";

/** A network that can fail, between workers and a Postgres. */
export interface Network {
  /** The same database, through the proxy. */
  readonly url: string;
  /** Cuts all connections and takes no new ones. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Delivers nothing more, in both directions, and says nothing about it. */
  freeze(): void;
  /** Delivers all that was held back. */
  thaw(): void;
  /** Holds back what comes over the connections of now; new ones work. The result ends the old ones at last. */
  forget(): () => void;
  /** New connections go to another server. */
  moveTo(url: string): void;
  close(): Promise<void>;
}

export async function startProxy(url: string): Promise<Network> {
  let target = new URL(url);
  let frozen = false;
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    const far = connectSocket(Number(target.port), target.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on("data", (data) => void to.write(data));
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (frozen) from.pause();
    }
  });
  const listen = async (port: number): Promise<number> => {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return (server.address() as AddressInfo).port;
  };
  const sockets = (): Socket[] => [...pairs].flat();
  const port = await listen(0);
  const through = new URL(url);
  through.port = String(port);
  const refuse = async (): Promise<void> => {
    const closed = server.listening ? once(server.close(), "close") : undefined;
    for (const socket of sockets()) socket.destroy();
    await closed;
  };
  return {
    url: through.href,
    refuse,
    accept: async () => void (await listen(port)),
    freeze: () => {
      frozen = true;
      for (const socket of sockets()) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets()) socket.resume();
    },
    forget: () => {
      const forgotten = sockets();
      for (const socket of forgotten) socket.pause();
      return () => {
        for (const socket of forgotten) socket.destroy();
      };
    },
    moveTo: (to) => {
      target = new URL(to);
    },
    close: refuse,
  };
}
