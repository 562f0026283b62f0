import { randomUUID } from "node:crypto";
import { z } from "zod";
import { app } from "./app.ts";
import { prisma } from "./db.ts";
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
  await prisma.$transaction(async (tx) => {
    const confirmationJobId = await app.defer(sendConfirmation, { orderId }, { tx });
    await app.defer(moveStock, { orderId, productId, quantity }, { tx });
    if (remindAt !== undefined) await app.defer(sendReminder, { orderId }, { tx, scheduleAt: remindAt });
    const reserved = await tx.product.updateMany({
      where: { id: productId, available: { gte: quantity } },
      data: { available: { decrement: quantity } },
    });
    if (reserved.count === 0) throw new OutOfStockError(`There are no ${quantity} pieces of product ${productId} left`);
    await tx.order.create({ data: { id: orderId, productId, quantity, email, confirmationJobId } });
  });
  return orderId;
}

/** An order with the state of its confirmation, which is a row of the queue like any other. */
export async function findOrder(orderId: string) {
  const found = await prisma.order.findUnique({
    where: { id: orderId },
    include: { product: true, confirmationJob: { select: { status: true, attempts: true } } },
  });
  if (!found) return undefined;
  const { id, product, quantity, createdAt, confirmedAt, confirmationJob: job } = found;
  return {
    id,
    product: product.name,
    quantity,
    createdAt,
    confirmedAt,
    confirmation: job?.status,
    attempts: job?.attempts,
  };
}
