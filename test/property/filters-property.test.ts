import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask, InvalidOptionError, type JobFilter } from "../../src/index.ts";
import { anyText } from "../support/any-text.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

const task = defineTask({ name: "t", run: ({ n }: { n: number }) => n });

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
  const app = queue.app([task]);
  for (const n of [1, 2, 3]) await app.defer(task, { n }, { priority: n, lock: "l" });
  await queue.pool.query("update procrastinate_jobs set id = 9223372036854775807 where priority = 3");
});
afterAll(() => queue.close());

/** What Postgres did not refuse, but we: an error of the database would be one that nobody had thought of. */
async function refusedOrGiven<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return undefined;
  }
}

const listed = <T>(value: fc.Arbitrary<T>) => fc.oneof(value, fc.array(value, { maxLength: 3 }));
const texts = listed(anyText({ maxLength: 5 }));
const ids = listed(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }));
const time = fc.oneof(fc.date(), fc.date({ noInvalidDate: true }).map(isoOf), anyText({ maxLength: 30 }));
const times = ["deferred", "scheduled", "started", "finished"].flatMap((name) => [`${name}After`, `${name}Before`]);
const FIELDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ...{ id: ids, workerId: ids, queue: texts, task: texts, lock: texts, queueingLock: texts },
  ...{ status: listed(fc.constantFrom("todo", "doing", "succeeded", "gone")), args: fc.anything({ maxDepth: 2 }) },
  ...Object.fromEntries(times.map((name) => [name, time])),
};
const field = fc.constantFrom(...Object.entries(FIELDS)).chain(([name, value]) => fc.tuple(fc.constant(name), value));
/** Of few fields, as one that is refused is enough. */
const filter = fc.array(field, { minLength: 1, maxLength: 2 }).map((fields): object => Object.fromEntries(fields));

function isoOf(date: Date): string {
  return date.toISOString();
}

test("whatever is looked for is refused by its name or found, and never an error of the database", async () => {
  const { jobs } = queue.app([]);
  await fc.assert(
    fc.asyncProperty(filter, async (given) => {
      const page = await refusedOrGiven(() => jobs.list(given as JobFilter));
      const count = await refusedOrGiven(() => jobs.count(given as JobFilter));
      expect(count?.total).toBe(page?.jobs.length);
    }),
    { numRuns: 300 },
  );
});

const order = fc.record({
  orderBy: fc.constantFrom("id", "priority", "scheduledAt", "startedAt", "finishedAt"),
  order: fc.constantFrom("asc", "desc"),
});
/** Some of what only one of two languages takes for a number. */
const NUMBERS = [
  "0b11",
  "0o7",
  "0x1p3",
  " 1",
  "1 ",
  "1e400",
  "1e-400",
  "NaN",
  "infinity",
  "-Infinity",
  "٣",
  "",
  "-0",
  "+1",
];
const part = fc.oneof(
  fc.constantFrom(...NUMBERS, "9223372036854775808", "-9223372036854775808", "99999999999999999999", "1'--"),
  anyText({ maxLength: 5 }),
  fc.double().map(String),
  fc.anything({ maxDepth: 1 }),
);

test("a cursor that somebody made is refused or taken, and never an error of the database", async () => {
  const { jobs } = queue.app([]);
  await fc.assert(
    fc.asyncProperty(order, fc.tuple(fc.oneof(fc.constant("1"), part), part), async (options, place) => {
      const text = JSON.stringify([options.orderBy, options.order, ...place], (_key, value) =>
        typeof value === "bigint" ? String(value) : value,
      );
      const cursor = Buffer.from(text).toString("base64url");
      await refusedOrGiven(() => jobs.list({}, { ...options, cursor } as object));
    }),
    { numRuns: 300 },
  );
});

test("a cursor that a list gave is taken, whatever the jobs are", async () => {
  const { jobs } = queue.app([]);
  for (const orderBy of ["id", "priority", "startedAt"] as const) {
    for (const direction of ["asc", "desc"] as const) {
      const found: bigint[] = [];
      let cursor: string | undefined;
      do {
        const page = await jobs.list({}, { orderBy, order: direction, limit: 1, cursor });
        found.push(...page.jobs.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(new Set(found).size).toBe(3);
    }
  }
});
