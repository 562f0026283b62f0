import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { QUICK_RESCUE, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: () => undefined });

/** What somebody may set by hand, as SQL. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  status: ["'todo'", "'doing'", "'succeeded'", "'failed'", "'cancelled'", "'aborted'"],
  ready: ["true", "false"],
  wake_at: ["null", "now()", "now() + interval '1 hour'", "now() - interval '1 hour'"],
  scheduled_at: ["null", "now()", "now() + interval '1 hour'", "now() - interval '1 hour'"],
  finished_at: ["null", "now()"],
  lock: ["null", "''", "'a'", "'b'"],
  // Another lock than its own would be freed by the next sweep, a minute later.
  running_lock: ["null", "lock"],
  queueing_lock: ["null", "'q'"],
  queueing_key: ["null", "'q'", "queueing_lock"],
  worker_id: ["null", "0", "-1", "9223372036854775807"],
  // One less than what the next claim could not count up any more.
  lease: ["0", "1", "2147483646", "-1"],
  attempts: ["0", "7"],
  rescues: ["0", "1", "2147483647"],
  priority: ["-2147483648", "0", "2147483647"],
  queue_name: ["'default'", "'other'"],
  abort_requested: ["true", "false"],
  started_at: ["null", "now() + interval '1 hour'"],
  mutex: ["true", "false"],
};
const assignment = fc
  .constantFrom(...Object.entries(VALUES))
  .chain(([column, values]) => fc.constantFrom(...values).map((value) => [column, value] as const));
const edit = fc.record({
  job: fc.nat({ max: 5 }),
  set: fc.array(assignment, { minLength: 1, maxLength: 4 }).map((pairs) =>
    Object.entries(Object.fromEntries(pairs))
      .map(([column, value]) => `${column} = ${value}`)
      .join(", "),
  ),
});
const options = fc.record(
  {
    lock: fc.constantFrom("a", "b"),
    queueingLock: fc.constantFrom("q", "r"),
    priority: fc.constantFrom(0, 1),
    scheduleIn: fc.constantFrom({ hours: 1 }, { seconds: 0 }),
  },
  { requiredKeys: [] },
);

/** Jobs that could run and that nothing has, where no job before them in their lock waits for its time. */
const LEFT = `
select j.* from procrastinate_jobs j
where j.finished_at is null and coalesce(j.scheduled_at <= now(), true) and not exists (
  select from procrastinate_jobs o
  where o.lock = j.lock and o.finished_at is null and (o.priority, -o.id) > (j.priority, -j.id) and o.scheduled_at > now()
)`;

test("whatever is edited by hand is refused, or ends", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(options, { minLength: 1, maxLength: 6 }),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      async (jobs, edits) => {
        await queue.clear();
        const app = queue.app([task]);
        for (const each of jobs) await app.defer(task, {}, each).catch(() => undefined);
        for (const { job, set } of edits) {
          const one = `update procrastinate_jobs set ${set} where id = (select id from procrastinate_jobs order by id offset ${job} limit 1)`;
          // Checks and unique indexes.
          await queue.pool.query(one).catch((error) => expect(["23514", "23505"]).toContain(error.code));
        }
        // What the documentation asks of whoever edits a waiting job.
        await queue.pool.query("update procrastinate_jobs set ready = true, wake_at = null where status = 'todo'");
        await using _worker = startWorker(app, { ...QUICK_RESCUE, concurrency: 2 });
        const left = async () => (await queue.pool.query(LEFT)).rows;
        await until(async () => (await left()).length === 0, { what: () => "no job is left" });
      },
    ),
    { numRuns: 40 },
  );
});
