import { randomUUID } from "node:crypto";
import { and, eq, gte, sql } from "drizzle-orm";
import { z } from "zod";
import { app } from "./app.ts";
import { db } from "./db.ts";
import { orders, procrastinateJobs, products } from "./schema.ts";
import { moveStock } from "./tasks/move-stock.ts";
import { sendConfirmation } from "./tasks/send-confirmation.ts";
import { sendReminder } from "./tasks/send-reminder.ts";

export const newOrder = z.strictObject({
  productId: z.int().positive(),
  quantity: z.int().positive().max(1000),
  email: z.email(),
  /** When to ask how the customer likes it. */
  remindAt: z.iso.datetime({ offset: true }).optional(),
});

export type NewOrder = z.output<typeof newOrder>;

export class OutOfStockError extends Error {}

/**
 * Writes an order and defers what follows from it, all in one transaction: no order without its jobs, and no job
 * without its order.
 *
 * @throws OutOfStockError which rolls all of it back.
 */
export async function placeOrder({ productId, quantity, email, remindAt }: NewOrder): Promise<string> {
  const orderId = randomUUID();
  await db.transaction(async (tx) => {
    const confirmationJobId = await app.defer(sendConfirmation, { orderId }, { tx });
    await app.defer(moveStock, { orderId, productId, quantity }, { tx });
    if (remindAt !== undefined) await app.defer(sendReminder, { orderId }, { tx, scheduleAt: remindAt });
    const [reserved] = await tx
      .update(products)
      .set({ available: sql`${products.available} - ${quantity}` })
      .where(and(eq(products.id, productId), gte(products.available, quantity)))
      .returning({ id: products.id });
    if (!reserved) throw new OutOfStockError(`There are no ${quantity} pieces of product ${productId} left`);
    await tx.insert(orders).values({ id: orderId, productId, quantity, email, confirmationJobId });
  });
  return orderId;
}

/** An order with the state of its confirmation, which is a row of the queue like any other. */
export async function findOrder(orderId: string) {
  const [found] = await db
    .select({
      id: orders.id,
      product: products.name,
      quantity: orders.quantity,
      createdAt: orders.createdAt,
      confirmedAt: orders.confirmedAt,
      confirmation: procrastinateJobs.status,
      attempts: procrastinateJobs.attempts,
    })
    .from(orders)
    .innerJoin(products, eq(products.id, orders.productId))
    .leftJoin(procrastinateJobs, eq(procrastinateJobs.id, orders.confirmationJobId))
    .where(eq(orders.id, orderId));
  return found;
}
