import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { z } from "zod";
import { app } from "./app.ts";
import { pool } from "./db.ts";
import { env } from "./env.ts";
import { findOrder, newOrder, OutOfStockError, placeOrder } from "./orders.ts";

interface Answer {
  readonly status: number;
  readonly body: object;
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST" && pathname === "/orders") return postOrder(request);
  const [, orderId] = /^\/orders\/([^/]+)$/.exec(pathname) ?? [];
  if (request.method === "GET" && orderId !== undefined) return getOrder(orderId);
  if (request.method === "GET" && pathname === "/health") return getHealth();
  return { status: 404, body: { error: "not found" } };
}

async function postOrder(request: IncomingMessage): Promise<Answer> {
  const parsed = newOrder.safeParse(await json(request).catch(() => undefined));
  if (!parsed.success) return { status: 400, body: { error: "invalid order", issues: parsed.error.issues } };
  try {
    return { status: 201, body: { id: await placeOrder(parsed.data) } };
  } catch (error) {
    if (error instanceof OutOfStockError) return { status: 409, body: { error: error.message } };
    throw error;
  }
}

async function getOrder(orderId: string): Promise<Answer> {
  const order = z.uuid().safeParse(orderId).success ? await findOrder(orderId) : undefined;
  return order ? { status: 200, body: order } : { status: 404, body: { error: "no such order" } };
}

/** Whether the database answers and has the queue's tables in the version that this code needs. */
async function getHealth(): Promise<Answer> {
  await app.checkHealth();
  return { status: 200, body: { ok: true } };
}

const server = createServer((request, response) => {
  void answer(request)
    .catch((error: unknown): Answer => {
      console.error(error);
      return { status: 500, body: { error: "internal error" } };
    })
    .then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
});

server.listen(env.PORT, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
console.log(`Listening on http://127.0.0.1:${port}`);

await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
server.close();
server.closeIdleConnections();
await once(server, "close");
await pool.end();
