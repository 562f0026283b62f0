import type { Stage } from "../stage.ts";
import type { Step } from "./step.ts";

export const rollback: Step = {
  title: "An order that rolls back: its jobs never exist",
  async play({ stage, shop, report }) {
    const before = await countRows(stage);
    const refused = await shop.post({ productId: 1, quantity: 1000, email: "bob@example.com" });
    const after = await countRows(stage);
    report.expect(`POST /orders answered ${refused.status}: ${refused.body.error}`, refused.status === 409);
    report.expect(
      `two jobs were written and got their ids (${before.lastId + 1}, ${after.lastId}) ...`,
      after.lastId === before.lastId + 2,
    );
    report.expect("... and are gone with the order", after.jobs === before.jobs && after.orders === before.orders);
    const invalid = await shop.post({ productId: 1, quantity: -1, email: "bob" });
    const unchanged = await countRows(stage);
    report.expect(
      `an invalid order was answered ${invalid.status} before anything was written`,
      invalid.status === 400 && unchanged.lastId === after.lastId,
    );
  },
};

async function countRows({ prisma }: Stage) {
  const orders = await prisma.order.count();
  const jobs = await prisma.procrastinateJob.count();
  const [row] = await prisma.$queryRaw<{ lastId: number }[]>`
    select last_value::int as "lastId" from procrastinate_jobs_id_seq`;
  return { orders, jobs, lastId: row?.lastId ?? 0 };
}
