import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { FAST } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const insert = (jobs: number, locks: number): Promise<unknown> =>
  queue.pool.query(
    `insert into procrastinate_jobs (task_name, lock, args)
     select 't', 'lock ' || n % $2::int, json_build_object('n', n) from generate_series(0, $1::int - 1) n`,
    [jobs, locks],
  );

test("a claim of full lanes leaves in the fetch index what waits behind them", async () => {
  const sql = queueSql(queue.connector.pool, tableNames());
  const request = { workerId: 1n, queues: ["default"], window: 20, ownFollowers: 0 };
  await insert(40, 1);
  const lane = await fetchLockedJobs(sql, { ...request, limit: 10, followers: 9 });
  expect([lane.jobs.length, lane.aside]).toEqual([10, 0]);
  const none = await fetchLockedJobs(sql, { ...request, limit: 10, followers: 9 });
  expect([none.jobs.length, none.aside]).toEqual([0, 20]);
});

test("a claim that found too few sets aside what waits behind them, so that the next one looks further", async () => {
  const sql = queueSql(queue.connector.pool, tableNames());
  await insert(40, 1);
  const request = { workerId: 1n, queues: ["default"], window: 20, ownFollowers: 0, limit: 10, followers: 0 };
  const head = await fetchLockedJobs(sql, request);
  expect([head.jobs.length, head.aside]).toEqual([1, 19]);
});

interface Fetch {
  /** Or when the list of its queues was asked for, just before. */
  readonly begunAt: number;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly claimed: number;
}

/** Notes the fetches, and when locks were released. */
function watch() {
  const fetches: Fetch[] = [];
  const releases: { readonly at: number; heardAt: number }[] = [];
  let listedAt: number | undefined;
  const connector: typeof queue.connector = {
    ...queue.connector,
    pool: {
      async query(statement, values) {
        const sentAt = performance.now();
        const rows = await queue.connector.pool.query<never>(statement, values);
        const answeredAt = performance.now();
        if (["finish_jobs", "release_jobs", "promote_locks"].includes(statement.name)) {
          const release = { at: answeredAt, heardAt: Number.POSITIVE_INFINITY };
          releases.push(release);
          // By then all promises between this answer and the worker are settled.
          setImmediate(() => (release.heardAt = performance.now()));
        }
        if (statement.name === "list_ready_queues") listedAt = sentAt;
        if (!statement.name.startsWith("fetch_locked_jobs")) return rows;
        const [{ jobs }] = rows as unknown as [{ jobs: string | null }];
        const claimed = jobs === null ? 0 : (JSON.parse(jobs) as { task: unknown[] }).task.length;
        fetches.push({ begunAt: listedAt ?? sentAt, sentAt, answeredAt, claimed });
        listedAt = undefined;
        return rows;
      },
    },
  };
  return { connector, fetches, releases };
}

test.each([10, 7])(
  "a worker that took lanes of all %i locks fetches again when one is released, or after 20 ms",
  async (locks) => {
    const JOBS = 12_000;
    const { connector, fetches, releases } = watch();
    const ran: number[] = [];
    const task = defineTask<{ n: number }>({ name: "t", run: ({ n }) => void ran.push(n) });
    await insert(JOBS, locks);
    // Nothing else gives it news: it does not listen, and looks nowhere beside the fetches.
    const options = { ...FAST, concurrency: 24, wait: false, listen: false };
    await queue.app([task], { connector }).createWorker(options).run();
    expect(ran).toHaveLength(JOBS);
    const followed = fetches
      .slice(0, -1)
      .flatMap((fetch, at) => (fetch.claimed > 500 ? [[fetch, fetches[at + 1]]] : []));
    expect(followed.length).toBeGreaterThan(5);
    const early = followed.filter(([bound, next]) => {
      if (!bound || !next) throw new Error("no fetch");
      // Timers may be a millisecond early.
      const isRested = next.sentAt - bound.answeredAt > 19;
      return !isRested && !releases.some(({ at, heardAt }) => bound.begunAt <= heardAt && at <= next.sentAt);
    });
    expect(early).toEqual([]);
    for (let lock = 0; lock < locks; lock++) {
      const ofLock = ran.filter((n) => n % locks === lock);
      expect(ofLock).toEqual(ofLock.toSorted((a, b) => a - b));
    }
  },
);
