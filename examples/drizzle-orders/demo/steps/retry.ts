import { and, eq } from "drizzle-orm";
import { inMs } from "../../../orders-demo/report.ts";
import { procrastinateEvents } from "../../src/schema.ts";
import { sendConfirmation } from "../../src/tasks/send-confirmation.ts";
import { eventually, jobOf } from "../stage.ts";
import type { Step } from "./step.ts";

const EMAIL = "cyd@example.com";
const FAILURES = 2;

export const retry: Step = {
  title: "A job that fails is retried with backoff until it succeeds",
  async play({ stage, shop, report }) {
    const { db, world } = stage;
    let failures = 0;
    world.behave(({ body }) => (body.to === EMAIL && failures++ < FAILURES ? 503 : 204));
    const orderId = await shop.order({ productId: 1, quantity: 1, email: EMAIL });
    const job = await eventually(async () => {
      const found = await jobOf(stage, orderId, sendConfirmation);
      return found.status === "succeeded" && found;
    });
    const calls = world.calls.filter(({ body }) => body.to === EMAIL);
    const first = calls[0]?.startedAt ?? 0;
    for (const [index, { startedAt, status }] of calls.entries()) {
      report.note(`attempt ${index + 1} after ${inMs(startedAt - first)}: the mail provider answered ${status}`);
    }
    // From the answer: a busy machine can make a pause longer, never shorter.
    const pauses = calls.slice(1).map(({ startedAt }, index) => startedAt - (calls[index]?.endedAt ?? 0));
    const isAsLongAsSaid = pauses.every((pause, index) => pause >= 400 * (index + 1));
    report.expect(
      `it succeeded at attempt ${job.attempts}`,
      job.attempts === FAILURES + 1 && calls.length === job.attempts,
    );
    report.expect("it waited for 400 ms, then for 800 ms", isAsLongAsSaid);
    const retried = await db
      .select({ detail: procrastinateEvents.detail })
      .from(procrastinateEvents)
      .where(and(eq(procrastinateEvents.jobId, job.id), eq(procrastinateEvents.type, "deferred_for_retry")));
    report.expect(`its history has ${retried.length} retries with their errors`, retried.length === FAILURES);
  },
};
