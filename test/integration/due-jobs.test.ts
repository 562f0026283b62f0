import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { type DirectClaim, wakeJobs } from "../../src/sql/wake-jobs.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

interface Row {
  readonly id: number;
  readonly queue?: string;
  readonly priority?: number;
  readonly lock?: string;
  /** Due so many seconds ago. */
  readonly since?: number;
  readonly large?: boolean;
}

async function insert(rows: readonly Row[]): Promise<void> {
  for (const { id, queue: name = "a", priority = 0, lock = null, since = 1, large = false } of rows) {
    await queue.pool.query(
      `insert into procrastinate_jobs (id, queue_name, task_name, priority, lock, scheduled_at, wake_at, ready, args)
       select $1, $2, 't', $3, $4, at, at, false, json_build_object('x', repeat('a', $6::int))
       from (select now() - $5::int * interval '1 second' as at) x`,
      [id, name, priority, lock, since, large ? 100_000 : 1],
    );
  }
}

const ALL: DirectClaim = { limit: 10, exceptQueues: [] };

/** What a look at due jobs claims, and what it makes ready. */
async function look(claim?: DirectClaim) {
  const { jobs, woken, queues } = await wakeJobs(queueSql(queue.connector.pool, tableNames()), {
    ...{ limit: 100, workerId: 1n, claim },
  });
  const { rows } = await queue.pool.query<{ id: number; status: string; ready: boolean }>(
    "select id::int, status, ready from procrastinate_jobs where ready or status <> 'todo' order by id",
  );
  expect(rows.filter(({ status }) => status === "todo")).toHaveLength(woken);
  return {
    claimed: jobs.map(({ id }) => Number(id)),
    ready: rows.flatMap(({ id, status }) => (status === "todo" ? [id] : [])),
    queues: queues.toSorted(),
  };
}

test("due jobs are claimed by priority, then by id, up to the limit; the others are made ready", async () => {
  await insert([{ id: 5 }, { id: 3, priority: 1 }, { id: 4, since: -60 }, { id: 2 }, { id: 1, queue: "b" }]);
  expect(await look({ ...ALL, limit: 3 })).toEqual({ claimed: [3, 1, 2], ready: [5], queues: ["a"] });
});

test.each<[string, DirectClaim | undefined, object]>([
  ["none without a claim", undefined, { claimed: [], ready: [1, 2, 3, 4, 5, 6] }],
  ["all but those with locks or large arguments", ALL, { claimed: [4, 1, 2, 3], ready: [5, 6] }],
  ["those of its queues", { ...ALL, queues: ["b"] }, { claimed: [2], ready: [1, 3, 4, 5, 6] }],
  ["none of other queues", { ...ALL, exceptQueues: ["a", "none"] }, { claimed: [2], ready: [1, 3, 4, 5, 6] }],
  [
    "none that goes behind one with a lock",
    { ...ALL, queues: ["c"] },
    { claimed: [11], ready: [1, 2, 3, 4, 5, 6, 12, 13] },
  ],
  [
    "those that come no later than a job",
    { ...ALL, upTo: { priority: 0, id: 2n } },
    { claimed: [4, 1, 2], ready: [3, 5, 6] },
  ],
])("of due jobs a worker claims %s", async (_which, claim, expected) => {
  await insert([
    ...[{ id: 1 }, { id: 2, queue: "b" }, { id: 3 }, { id: 4, priority: 1 }],
    ...(claim?.queues?.includes("c")
      ? [
          { id: 11, queue: "c", priority: 3 },
          { id: 12, queue: "c", priority: 2, lock: "l" },
          { id: 13, queue: "c" },
        ]
      : []),
    ...[
      { id: 5, lock: "l" },
      { id: 6, large: true },
    ],
  ]);
  expect(await look(claim)).toMatchObject(expected);
});
