import { eq, sql } from "drizzle-orm";
import { defineTask, retryStrategy } from "procrastinate";
import { z } from "zod";
import { products, stockMovements } from "../schema.ts";
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
    const { db } = await import("../db.ts");
    await pickGoods({ productId, quantity }, { idempotencyKey: `order:${orderId}`, signal: context.signal });
    // The movement and the end of the job are one commit: a worker that dies before has done nothing, one that dies
    // after has done everything, and a worker that was too slow for its lease rolls back.
    await db.transaction(async (tx) => {
      await tx.insert(stockMovements).values({ orderId, productId, change: -quantity });
      await tx
        .update(products)
        .set({ onHand: sql`${products.onHand} - ${quantity}` })
        .where(eq(products.id, productId));
      await context.complete(tx);
    });
  },
});
