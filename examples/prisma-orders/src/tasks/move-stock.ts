import { defineTask, retryStrategy } from "procrastinate";
import { z } from "zod";
import { pickGoods, ServiceUnavailableError } from "../services.ts";

export const moveStock = defineTask({
  name: "stock.move",
  queue: "stock",
  schema: z.object({ orderId: z.uuid(), productId: z.int(), quantity: z.int().positive() }),
  // One movement of a product at a time, in the order of the orders; other products go on beside it.
  lock: ({ productId }) => `product:${productId}`,
  timeout: { minutes: 1 },
  retry: retryStrategy({ maxAttempts: 10, exponentialWait: 2, jitter: 0.2, retryOn: [ServiceUnavailableError] }),
  async run({ orderId, productId, quantity }, context) {
    const { prisma } = await import("../db.ts");
    await pickGoods({ productId, quantity }, { idempotencyKey: `order:${orderId}`, signal: context.signal });
    // The movement and the end of the job are one commit: a worker that dies before has done nothing, one that dies
    // after has done everything, and a worker that was too slow for its lease rolls back.
    await prisma.$transaction(async (tx) => {
      await tx.stockMovement.create({ data: { orderId, productId, change: -quantity } });
      await tx.product.update({ where: { id: productId }, data: { onHand: { decrement: quantity } } });
      await context.complete(tx);
    });
  },
});
