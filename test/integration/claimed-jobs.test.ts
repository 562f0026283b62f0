import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Job } from "../../src/job.ts";
import { fetchJob } from "../../src/sql/fetch-job.ts";
import { fetchJobs } from "../../src/sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { storableText } from "../support/any-text.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const INT4 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const QUEUES = ["default", 'o,d"d\\{}', "NULL"];

/** Most often what most jobs have, so that usual jobs stand beside others. */
const usually = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, other);

const row = fc.record({
  queue: usually("default", fc.constantFrom(...QUEUES)),
  task: storableText({ minLength: 1, maxLength: 20 }),
  priority: usually(0, fc.integer(INT4)),
  lock: usually<string | null>(null, storableText({ maxLength: 5 })),
  queueingLock: usually<string | null>(null, storableText({ maxLength: 5 })),
  attempts: usually(0, fc.integer({ min: 0, max: INT4.max })),
  lease: usually(0, fc.integer({ min: 0, max: INT4.max - 1 })),
  rescues: usually(0, fc.integer({ min: 0, max: INT4.max })),
  scheduledAt: usually<Date | null>(
    null,
    fc.date({ min: new Date("-004700-01-01"), max: new Date("2020-01-01"), noInvalidDate: true }),
  ),
  deferredAt: fc.date({ min: new Date("-004700-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

/** Around the numbers that a float can still tell apart. */
const FIRST_ID = 2n ** 53n - 5n;

async function insert(rows: readonly Row[]): Promise<void> {
  await queue.clear();
  for (const [at, { queue: name, ...job }] of rows.entries()) {
    const times = [job.scheduledAt, job.deferredAt].map((time) => (time === null ? null : time.getTime() / 1000));
    await queue.pool.query(
      `insert into procrastinate_jobs (id, queue_name, task_name, priority, lock, queueing_lock, attempts, lease, rescues,
         scheduled_at, deferred_at, args)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10), to_timestamp($11), json_build_object('at', $12::int))`,
      [
        String(FIRST_ID + BigInt(at)),
        name,
        job.task,
        job.priority,
        job.lock,
        job.queueingLock,
        job.attempts,
        job.lease,
        job.rescues,
        ...times,
        at,
      ],
    );
  }
}

function expected(rows: readonly Row[]): Job[] {
  const jobs = rows.map(({ task: taskName, ...job }, at): Job => {
    const id = FIRST_ID + BigInt(at);
    return { ...job, id, taskName, lease: job.lease + 1, args: { at } };
  });
  return jobs.sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

const isLight = ({ lock, scheduledAt }: Row): boolean => lock === null && (scheduledAt?.getTime() ?? 0) < Date.now();

test("a claimed job is what its row says, whichever statement claims it, beside whichever others", async () => {
  const sql = queueSql(queue.connector.pool, tableNames());
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 10 }),
      fc.shuffledSubarray(QUEUES),
      async (rows, order) => {
        const queues = [...order, ...QUEUES.filter((name) => !order.includes(name))];
        const request = { workerId: 1n, queues, limit: 10 };
        await insert(rows.filter(isLight));
        expect((await fetchJobs(sql, request)).jobs).toEqual(expected(rows.filter(isLight)));

        // Of jobs that share a lock only some would be claimed.
        const apart = rows.map((job, at) => ({ ...job, lock: job.lock === null ? null : `${job.lock}${at}` }));
        await insert(apart);
        expect((await fetchLockedJobs(sql, { ...request, window: 10, followers: 5, ownFollowers: 0 })).jobs).toEqual(
          expected(apart),
        );

        const [told] = rows.filter(isLight);
        if (told === undefined) return;
        await insert([told]);
        expect((await fetchJob(sql, 1n, { id: FIRST_ID, queue: told.queue })).jobs).toEqual(expected([told]));
      },
    ),
    { numRuns: 60 },
  );
});
