import { and, eq } from "drizzle-orm";
import { inMs } from "../../../orders-demo/report.ts";
import { orders, procrastinateJobs } from "../../src/schema.ts";
import { eventually } from "../stage.ts";
import type { Step } from "./step.ts";

export const oneTransaction: Step = {
  title: "A web request writes an order and defers its jobs in one transaction",
  async play({ stage: { db, world }, shop, report }) {
    const sentAt = performance.now();
    const orderId = await shop.order({ productId: 1, quantity: 2, email: "ada@example.com" });
    const mail = await eventually(() => world.calls.find(({ body }) => body.to === "ada@example.com"));
    report.note(`POST /orders took the order ${orderId}`);
    report.expect(`the worker sent the confirmation ${inMs(mail.startedAt - sentAt)} after the request was sent`, true);
    // Both columns default to now(), which in Postgres is the start of the transaction, to the microsecond.
    const sameTransaction = await db
      .select({ jobId: procrastinateJobs.id })
      .from(orders)
      .innerJoin(procrastinateJobs, eq(procrastinateJobs.deferredAt, orders.createdAt))
      .where(and(eq(orders.id, orderId), eq(procrastinateJobs.id, orders.confirmationJobId)));
    report.expect("the order and its job were written by the same transaction", sameTransaction.length === 1);
    const { body } = await eventually(async () => {
      const answer = await shop.get(orderId);
      return answer.body["confirmation"] === "succeeded" && answer;
    });
    report.expect("GET /orders/:id joins the order with the state of its job", body["confirmedAt"] !== null);
  },
};
