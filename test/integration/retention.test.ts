import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { defineTask, InvalidArgsError, InvalidOptionError, removeOldJobs } from "../../src/index.ts";
import { OldJobsWalk } from "../../src/jobs/old-jobs-walk.ts";
import { resolveRetention } from "../../src/jobs/retention.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { JobPruner } from "../../src/worker/job-pruner.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(async () => {
  await queue.pool.query("drop table if exists orders; delete from procrastinate_events");
  await queue.clear();
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: () => undefined });

/** Jobs that were deferred a day before they ended. */
async function insert(status: string, endedDaysAgo: number | null, count = 1, queueName = "default"): Promise<void> {
  await queue.pool.query(
    `with inserted as (
       insert into procrastinate_jobs (queue_name, task_name, status, ready, deferred_at, finished_at)
       select $4, 't', $1::procrastinate_job_status, $1 = 'todo', now() - (coalesce($2::float8, 400) + 1) * interval '1 day',
         now() - $2::float8 * interval '1 day' from generate_series(1, $3::int)
       returning id)
     insert into procrastinate_events (job_id, type) select id, 'retried' from inserted`,
    [status, endedDaysAgo, count, queueName],
  );
}

const left = async (): Promise<string[]> => {
  const { rows } = await queue.pool.query(
    `select status::text || ' ' || coalesce(round(date_part('epoch', now() - finished_at) / 86400)::text, 'alive') as job
     from procrastinate_jobs order by id`,
  );
  return rows.map(({ job }) => job);
};
const walkOf = (retention: Parameters<typeof resolveRetention>[0] = {}, exclusive = true): OldJobsWalk => {
  const keptMs = resolveRetention(retention);
  if (!keptMs) throw new Error("never");
  return new OldJobsWalk(queueSql(queue.connector.pool, tableNames()), { keptMs, exclusive });
};

async function walk(by: OldJobsWalk): Promise<{ deleted: number; pages: number; refused: number }> {
  const total = { deleted: 0, pages: 0, refused: 0 };
  for (let isEnd = false; !isEnd; total.pages++) {
    const page = await by.next();
    total.deleted += page.deleted;
    total.refused += page.refusal ? 1 : 0;
    isEnd = page.isEnd;
  }
  return total;
}

const ALL = ["succeeded", "failed", "cancelled", "aborted"];

test("failed jobs are kept for 30 days and other finished jobs for 7; living ones stay, however old", async () => {
  await insert("todo", null);
  for (const status of ALL) for (const days of [31, 29, 8, 6]) await insert(status, days);
  await walk(walkOf());
  expect(await left()).toEqual([
    ...["todo alive", "succeeded 6"],
    ...["failed 29", "failed 8", "failed 6"],
    ...["cancelled 6", "aborted 6"],
  ]);
  const { rows } = await queue.pool.query("select count(*)::int as events from procrastinate_events");
  expect(rows).toEqual([{ events: 7 }]);
});

test("a cancelled job is as old as its end, however late it was to run, or how often it was changed", async () => {
  const app = queue.app([task]);
  const id = await app.defer(task, {}, { scheduleIn: { days: 90 } });
  await app.jobs.reschedule(id, { scheduleIn: { days: 100 } });
  await app.jobs.cancel(id);
  await walk(walkOf());
  expect(await left()).toEqual(["cancelled 0"]);
  await queue.pool.query(
    "update procrastinate_jobs set deferred_at = now() - interval '9 days', finished_at = now() - interval '8 days'",
  );
  await walk(walkOf());
  expect(await left()).toEqual([]);
});

test("each status is kept as the app says", async () => {
  for (const status of ALL) for (const days of [100, 2]) await insert(status, days);
  await walk(walkOf({ succeeded: { days: 1 }, failed: "never", cancelled: { days: 200 }, aborted: { hours: 60 } }));
  expect(await left()).toEqual(["failed 100", "failed 2", "cancelled 100", "cancelled 2", "aborted 2"]);
});

test("a walk ends at the first page that is too young, and the next one goes on there", async () => {
  await insert("failed", 20, 2500);
  await insert("succeeded", 1, 5000);
  const by = walkOf();
  expect(await walk(by)).toEqual({ deleted: 0, pages: 4, refused: 0 });
  expect(await walk(by)).toEqual({ deleted: 0, pages: 1, refused: 0 });
  await queue.pool.query(
    "update procrastinate_jobs set deferred_at = deferred_at - interval '11 days', finished_at = finished_at - interval '11 days'",
  );
  expect(await walk(by)).toMatchObject({ deleted: 5000 });
  by.restart();
  expect(await walk(by)).toMatchObject({ deleted: 2500 });
});

test("a job that a row of the app refers to is passed over, and the others go", async () => {
  await queue.pool.query("create table orders (job_id bigint references procrastinate_jobs)");
  await insert("succeeded", 10, 1500);
  await queue.pool.query("insert into orders select id from procrastinate_jobs order by id offset 300 limit 3");
  expect(await walk(walkOf())).toMatchObject({ deleted: 1497, refused: 3 });
  expect(await left()).toEqual(["succeeded 10", "succeeded 10", "succeeded 10"]);
});

test("a job that somebody has locked is left for the next time", async () => {
  await insert("succeeded", 10, 3);
  await queue.transaction(async (tx) => {
    await tx.query("select 1 from procrastinate_jobs order by id limit 1 for update");
    expect(await walk(walkOf())).toMatchObject({ deleted: 2 });
  });
  expect(await walk(walkOf())).toMatchObject({ deleted: 1 });
});

test("while one worker is at it, another one waits for its turn", async () => {
  await insert("succeeded", 10);
  await queue.transaction(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('procrastinate retention'), hashtext('procrastinate_jobs'))");
    expect(await walkOf().next()).toMatchObject({ isBusy: true, deleted: 0, isEnd: false });
    // Asked for by name it does not wait.
    expect(await walkOf({}, false).next()).toMatchObject({ isBusy: false, deleted: 1 });
  });
});

/** A worker's background, with the first minutes gone at once. */
async function runBackground(): Promise<unknown[]> {
  const told: unknown[] = [];
  const clock: Clock = {
    now: () => performance.now(),
    timer(ms, callback) {
      const timeout = setTimeout(callback, ms < 100_000 ? 0 : ms);
      return () => clearTimeout(timeout);
    },
  };
  const emit = (...event: unknown[]): number => told.push(event);
  const runtime = {
    ...{ clock, random: () => 0.5, retention: resolveRetention(), options: { wait: true } },
    ...{ sql: queueSql(queue.connector.pool, tableNames()), events: { emit }, health: { ok: () => undefined } },
  };
  const pruner = new JobPruner(runtime as never);
  await pruner.start();
  await until(() => told.length === 2);
  await pruner.stop();
  return told;
}

test("a worker deletes old jobs in the background and tells how many", async () => {
  await queue.pool.query("create table orders (job_id bigint references procrastinate_jobs)");
  await insert("succeeded", 10, 2100);
  await queue.pool.query("insert into orders select max(id) from procrastinate_jobs");
  const told = await runBackground();
  expect(told).toEqual([
    ["old_job_kept", { error: expect.objectContaining({ sqlState: "23503" }) }],
    ["old_jobs_deleted", { deleted: 2099, kept: 1 }],
  ]);
});

test("removeOldJobs deletes what succeeded long ago, in one queue and with other statuses on request", async () => {
  for (const status of ALL) {
    await insert(status, 3, 2, "mail");
    await insert(status, 3, 1, "other");
  }
  await insert("succeeded", 1, 1, "mail");
  const app = queue.app([task]);
  await app.defer(removeOldJobs, { maxHours: 48, queue: "mail" });
  expect((await runDueJobs(app)).succeeded).toHaveLength(1);
  const count = async (): Promise<number> => (await left()).filter((job) => !job.endsWith(" 0")).length;
  expect(await count()).toBe(11);
  await app.defer(removeOldJobs, {
    olderThan: { days: 2 },
    removeFailed: true,
    removeCancelled: true,
    removeAborted: true,
  });
  await runDueJobs(app);
  expect(await count()).toBe(1);
});

test("removeOldJobs says how many it had to keep", async () => {
  await queue.pool.query("create table orders (job_id bigint references procrastinate_jobs)");
  await insert("succeeded", 10, 30);
  await queue.pool.query("insert into orders select id from procrastinate_jobs order by id offset 10 limit 2");
  // Or the worker's own retention, which looks at about the same time, takes some of them.
  const app = queue.app([], { retention: "never" });
  const id = await app.defer(removeOldJobs, { olderThan: { days: 7 } });
  await runDueJobs(app);
  expect((await app.jobs.get(id)).result).toEqual({ deleted: 28, kept: 2 });
  expect(await left()).toEqual(["succeeded 10", "succeeded 10", "succeeded 0"]);
});

test("removeOldJobs refuses arguments that do not say how old", async () => {
  const app = queue.app([]);
  for (const args of [
    {},
    { maxHours: 1, olderThan: { days: 1 } },
    { maxHours: -1 },
    { maxHours: 1, removeAll: true },
    { maxHours: 1, removeFailed: "yes" },
  ]) {
    await expect(app.defer(removeOldJobs, args as never)).rejects.toThrow(InvalidArgsError);
  }
  expect(await queue.jobs()).toEqual([]);
});

test("retention is checked when the app is made", () => {
  const cases = [
    { suceeded: "never" },
    { failed: { days: -1 } },
    { failed: "always" },
    { failed: { days: 40_000 } },
    "always",
  ];
  for (const retention of cases)
    expect(() => queue.app([], { retention: retention as never }), JSON.stringify(retention)).toThrow(
      InvalidOptionError,
    );
  expect(resolveRetention("never")).toBeUndefined();
  const never = { succeeded: "never", failed: "never", cancelled: "never", aborted: "never" } as const;
  expect(resolveRetention(never)).toBeUndefined();
});
