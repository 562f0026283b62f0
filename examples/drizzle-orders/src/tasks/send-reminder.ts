import { eq } from "drizzle-orm";
import { defineTask, retryStrategy } from "procrastinate";
import { z } from "zod";
import { orders } from "../schema.ts";
import { ServiceUnavailableError, sendMail } from "../services.ts";

export const sendReminder = defineTask({
  name: "emails.sendReminder",
  queue: "emails",
  // A confirmation is urgent, a reminder is not.
  priority: -10,
  schema: z.object({ orderId: z.uuid() }),
  timeout: { seconds: 20 },
  retry: retryStrategy({ maxAttempts: 10, exponentialWait: 2, jitter: 0.2, retryOn: [ServiceUnavailableError] }),
  async run({ orderId }, context) {
    const { db } = await import("../db.ts");
    const order = await db.query.orders.findFirst({ where: eq(orders.id, orderId) });
    if (!order) throw new Error(`There is no order ${orderId}`);
    const mail = { to: order.email, subject: "How do you like it?", text: `You ordered ${order.quantity} pieces.` };
    await sendMail(mail, { idempotencyKey: `reminder:${orderId}`, signal: context.signal });
  },
});
