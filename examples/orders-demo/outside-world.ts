import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { z } from "zod";

/** A call that the app made to a service. Times are milliseconds of this process. */
export interface Call {
  readonly path: string;
  readonly idempotencyKey: string;
  readonly body: z.output<typeof bodySchema>;
  readonly startedAt: number;
  /** Undefined until it is answered. */
  endedAt: number | undefined;
  status: number | undefined;
}

/** The mail provider and the warehouse of the shop, which see from the outside what the worker does. */
export interface OutsideWorld {
  readonly url: string;
  readonly calls: readonly Call[];
  /** How calls are answered from now on: after what time, and with which status. Default: at once, 204. */
  behave(answer: (call: Call) => number | Promise<number>): void;
  /** Lets calls of this path wait, from now on, until they are released. */
  hold(path: string): Hold;
  stop(): void;
}

export interface Hold {
  /** A call waits. */
  readonly reached: Promise<unknown>;
  release(): void;
}

const bodySchema = z.object({ to: z.string().optional(), productId: z.number().optional() });

export async function startOutsideWorld(): Promise<OutsideWorld> {
  const calls: Call[] = [];
  let behaviour: (call: Call) => number | Promise<number> = () => 204;
  const server = createServer(async (request, response) => {
    const call: Call = {
      path: request.url ?? "",
      idempotencyKey: String(request.headers["idempotency-key"]),
      body: bodySchema.parse(await json(request)),
      startedAt: performance.now(),
      endedAt: undefined,
      status: undefined,
    };
    calls.push(call);
    call.status = await behaviour(call);
    call.endedAt = performance.now();
    response.writeHead(call.status).end(call.status === 204 ? undefined : "try again later");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    behave(answer) {
      behaviour = answer;
    },
    hold(path) {
      const gate = new EventEmitter();
      const released = once(gate, "released");
      behaviour = async (call) => {
        if (call.path === path) {
          gate.emit("reached");
          await released;
        }
        return 204;
      };
      return { reached: once(gate, "reached"), release: () => void gate.emit("released") };
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
