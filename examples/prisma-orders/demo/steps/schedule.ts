import { inMs } from "../../../orders-demo/report.ts";
import { sendReminder } from "../../src/tasks/send-reminder.ts";
import { eventually, jobOf } from "../stage.ts";
import type { Step } from "./step.ts";

const DELAY_MS = 1500;
/** On a machine that does nothing else it is some milliseconds. */
const TOLERANCE_MS = 1000;

export const schedule: Step = {
  title: "A scheduled job starts at its time",
  async play({ stage, shop, report }) {
    // By the clock of the database, which decides what is due: it may be another machine.
    const [clock] = await stage.prisma.$queryRaw<
      { ms: number }[]
    >`select extract(epoch from now())::float8 * 1000 as ms`;
    const remindAt = new Date((clock?.ms ?? 0) + DELAY_MS).toISOString();
    const orderId = await shop.order({ productId: 3, quantity: 1, email: "eve@example.com", remindAt });
    const { status } = await jobOf(stage, orderId, sendReminder);
    report.expect(`the reminder waits until ${remindAt}`, status === "todo");
    const { id } = await eventually(async () => {
      const job = await jobOf(stage, orderId, sendReminder);
      return job.status === "succeeded" && job;
    });
    const [job] = await stage.prisma.$queryRaw<{ lateMs: number }[]>`
      select extract(epoch from started_at - scheduled_at)::float8 * 1000 as "lateMs" from procrastinate_jobs where id = ${id}`;
    const lateMs = job?.lateMs ?? Number.NaN;
    report.expect(
      `it started ${lateMs.toFixed(1)} ms late (allowed: ${inMs(TOLERANCE_MS)})`,
      lateMs >= 0 && lateMs < TOLERANCE_MS,
    );
  },
};
