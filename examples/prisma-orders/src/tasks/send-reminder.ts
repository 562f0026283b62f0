import { defineTask, retryStrategy } from "procrastinate";
import { z } from "zod";
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
    const { prisma } = await import("../db.ts");
    const order = await prisma.order.findUnique({ where: { id: orderId } });
    if (!order) throw new Error(`There is no order ${orderId}`);
    const mail = { to: order.email, subject: "How do you like it?", text: `You ordered ${order.quantity} pieces.` };
    await sendMail(mail, { idempotencyKey: `reminder:${orderId}`, signal: context.signal });
  },
});
