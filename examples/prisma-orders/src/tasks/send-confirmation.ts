import { defineTask, retryStrategy } from "procrastinate";
import { z } from "zod";
import { ServiceUnavailableError, sendMail } from "../services.ts";

export const sendConfirmation = defineTask({
  name: "emails.sendConfirmation",
  queue: "emails",
  schema: z.object({ orderId: z.uuid() }),
  timeout: { seconds: 20 },
  // 0.4 s, 0.8 s, 1.2 s, … up to a minute, for as long as the provider is away, but not for ever.
  retry: retryStrategy({
    maxAttempts: 200,
    wait: { milliseconds: 400 },
    linearWait: { milliseconds: 400 },
    maxWait: { minutes: 1 },
    retryOn: [ServiceUnavailableError],
  }),
  async run({ orderId }, context) {
    // Imported when a job runs: whoever only defers this task needs no database connection of its own.
    const { prisma } = await import("../db.ts");
    const order = await prisma.order.findUnique({ where: { id: orderId } });
    if (!order) throw new Error(`There is no order ${orderId}`);
    const mail = { to: order.email, subject: "Your order", text: `We got your order ${orderId}.` };
    // A mail cannot be taken back, so that a worker that dies right here sends it twice; the key lets the provider
    // drop the second one. What can be rolled back should be done as in move-stock.ts instead.
    await sendMail(mail, { idempotencyKey: `confirmation:${orderId}`, signal: context.signal });
    await prisma.order.update({ where: { id: orderId }, data: { confirmedAt: new Date() } });
  },
});
