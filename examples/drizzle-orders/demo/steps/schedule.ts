import { sql } from "drizzle-orm";
import { inMs } from "../../../orders-demo/report.ts";
import { procrastinateJobs } from "../../src/schema.ts";
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
    const [clock] = (
      await stage.db.execute<{ ms: number }>(sql`select (extract(epoch from now()) * 1000)::float8 as ms`)
    ).rows;
    const remindAt = new Date((clock?.ms ?? 0) + DELAY_MS).toISOString();
    const orderId = await shop.order({ productId: 3, quantity: 1, email: "eve@example.com", remindAt });
    const { status } = await jobOf(stage, orderId, sendReminder);
    report.expect(`the reminder waits until ${remindAt}`, status === "todo");
    const { id } = await eventually(async () => {
      const job = await jobOf(stage, orderId, sendReminder);
      return job.status === "succeeded" && job;
    });
    const { startedAt, scheduledAt } = procrastinateJobs;
    const [job] = await stage.db
      .select({ lateMs: sql<number>`(extract(epoch from ${startedAt} - ${scheduledAt}) * 1000)::float8` })
      .from(procrastinateJobs)
      .where(sql`${procrastinateJobs.id} = ${id}`);
    const lateMs = job?.lateMs ?? Number.NaN;
    report.expect(
      `it started ${lateMs.toFixed(1)} ms late (allowed: ${inMs(TOLERANCE_MS)})`,
      lateMs >= 0 && lateMs < TOLERANCE_MS,
    );
  },
};
