import { inMs } from "../../../orders-demo/report.ts";
import { eventually } from "../stage.ts";
import type { Step } from "./step.ts";

export const oneTransaction: Step = {
  title: "A web request writes an order and defers its jobs in one transaction",
  async play({ stage: { prisma, world }, shop, report }) {
    const sentAt = performance.now();
    const orderId = await shop.order({ productId: 1, quantity: 2, email: "ada@example.com" });
    const mail = await eventually(() => world.calls.find(({ body }) => body.to === "ada@example.com"));
    report.note(`POST /orders took the order ${orderId}`);
    report.expect(`the worker sent the confirmation ${inMs(mail.startedAt - sentAt)} after the request was sent`, true);
    // Both columns default to now(), which in Postgres is the start of the transaction, to the microsecond.
    const sameTransaction = await prisma.$queryRaw<object[]>`
      select j.id from orders o join procrastinate_jobs j on j.deferred_at = o.created_at
      where o.id = ${orderId}::uuid and j.id = o.confirmation_job_id`;
    report.expect("the order and its job were written by the same transaction", sameTransaction.length === 1);
    // Prisma reads the order, then its job: one answer may have the order from before its confirmation was noted, and the
    // job from after its end.
    const { status } = await eventually(async () => {
      const answer = await shop.get(orderId);
      return answer.body["confirmation"] === "succeeded" && answer.body["confirmedAt"] !== null && answer;
    });
    report.expect("GET /orders/:id joins the order with the state of its job", status === 200);
  },
};
