import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { clearSchedules, runOnce } from "../support/periodic-queue.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: () => undefined });

/** What somebody may set by hand, as SQL. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  // Of one that comes often 68 years would be a job each.
  cron: ["'@yearly'", "'0 0 29 2 *'", "''", "'never'", "'0 0 30 2 *'", "repeat('9 ', 5000)"],
  timezone: ["'UTC'", "'Europe/Paris'", "''", "'+01:00'", "'nowhere'"],
  args: ["'{}'", "'[]'", "'null'", "'\"text\"'", "'{\"n\": 1e400}'"],
  queue_name: ["null", "''", "'q'"],
  priority: ["null", "-2147483648", "2147483647"],
  lock: ["null", "''", "repeat(md5('x'), 1000)"],
  queueing_lock: ["null", "''", "repeat(md5('x'), 1000)"],
  missed: ["'skip'", "'once'", "'all'"],
  max_delay_seconds: ["null", "-2147483648", "0", "60", "2147483647"],
  in_code: ["true", "false"],
  paused_at: ["null", "now()", "'infinity'", "'-infinity'"],
  last_tick: [
    "null",
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "extract(epoch from now())::bigint - 40000000",
  ],
  created_at: ["now()", "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-01-01'"],
  seen_at: ["now()", "'infinity'", "'-infinity'"],
};
const assignment = fc
  .constantFrom(...Object.entries(VALUES))
  .chain(([column, values]) => fc.constantFrom(...values).map((value) => [column, value] as const));
/** A schedule that is well, but for a few columns. */
const row = fc
  .array(assignment, { minLength: 1, maxLength: 3 })
  .map((pairs): Readonly<Record<string, string>> => ({ cron: "'@yearly'", ...Object.fromEntries(pairs) }));

function insert(values: Readonly<Record<string, string>>): string {
  return `insert into procrastinate_schedules (task_name, ${Object.keys(values).join(", ")})
    values ('t', ${Object.values(values).join(", ")});`;
}

test("whatever is in the rows of schedules, the others have their jobs, and all are listed", async () => {
  const app = queue.app([task]);
  const other = { periodic_id: "'other'", cron: "'* * * * *'", last_tick: "extract(epoch from now())::bigint - 61" };
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 5, maxLength: 20 }), async (rows) => {
      await clearSchedules(queue);
      const edited = rows.map((values, n) => insert({ periodic_id: `'edited ${n}'`, ...values }));
      await queue.pool.query([...edited, insert(other)].join("\n"));
      await runOnce(app);
      const { rows: ticks } = await queue.pool.query(
        "select count(*)::int as n from procrastinate_periodic_defers where periodic_id = 'other'",
      );
      expect(ticks).toEqual([{ n: 1 }]);
      const names = (await app.periodic.list()).map(({ periodicId }) => periodicId);
      // Those of the code go when nobody has had them for long.
      const stay = rows.flatMap(({ in_code: inCode }, n) => (inCode === "true" ? [] : [`edited ${n}`]));
      expect(names).toEqual(expect.arrayContaining([...stay, "other"]));
    }),
    { numRuns: 8 },
  );
});
