import { inspect } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineTask, type LogFields, type Logger, periodic, retryStrategy } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

const SECRET = "s3cr3t-s3cr3t";
let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

/** Keeps everything that a logger could print, errors with all their causes and fields. */
function recorder(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (fields: LogFields, message: string): void => {
    lines.push(`${message} ${inspect(fields, { depth: Number.POSITIVE_INFINITY, showHidden: true })}`);
  };
  return { lines, logger: { debug: keep, info: keep, warn: keep, error: keep } };
}

/** One job for each way in which a run can end. */
const schema = z.object({ how: z.string(), password: z.string() });
const retry = retryStrategy({ maxAttempts: 1 });
const ways = defineTask({
  name: "ways",
  schema,
  retry,
  timeout: { milliseconds: 30 },
  async run({ how }, context) {
    if (how === "fail") throw new Error("failed");
    if (how === "throw null") await Promise.reject(null);
    if (how === "time out") await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    if (how === "time out") context.signal.throwIfAborted();
    if (how === "complete") await queue.transaction((tx) => context.complete(tx, { token: SECRET }));
    if (how === "roll back") {
      await queue.transaction(async (tx) => {
        await context.complete(tx, { token: SECRET });
        await tx.query("rollback");
      });
    }
    return SECRET;
  },
});
/** A schema that quotes what it refuses, and whose issues hold all of the arguments. */
const quoting = defineTask({
  name: "quoting",
  schema: v.object({ email: v.pipe(v.string(), v.email()), password: v.string() }),
  run: () => undefined,
});
const WRONG = { email: SECRET, password: SECRET };
const unknown = defineTask<{ password: string }>({ name: "unknown" });
const HOWS = ["succeed", "fail", "throw null", "time out", "complete", "roll back"];

test("arguments and results reach no line of the log, at no level, however a job ends", async () => {
  const { logger, lines } = recorder();
  for (const how of HOWS) await queue.app([ways]).defer(ways, { how, password: SECRET });
  await queue.app([unknown]).defer(unknown, { password: SECRET });
  // What somebody wrote by hand, and the schema refuses.
  await queue.pool.query("insert into procrastinate_jobs (task_name, args) values ('ways', $1)", [
    JSON.stringify({ how: { nested: SECRET }, password: SECRET }),
  ]);
  await queue.pool.query("insert into procrastinate_jobs (task_name, args) values ('quoting', $1)", [
    JSON.stringify(WRONG),
  ]);
  const app = queue.app([ways, quoting], { logger });
  await using worker = startWorker(app, { concurrency: 4 });
  await until(async () => (await queue.jobs()).every(({ status }) => status === "succeeded" || status === "failed"));
  await worker.worker.stop();
  expect(lines.some((line) => line.includes('Task "quoting": args.email is refused by the task\'s schema.'))).toBe(
    true,
  );
  expect(lines.filter((line) => /Starting job|succeeded after|failed|No task here/.test(line)).length).toBeGreaterThan(
    8,
  );
  expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
  const events = await queue.pool.query("select detail::text from procrastinate_events");
  expect(events.rows.length).toBeGreaterThan(4);
  expect(events.rows.filter(({ detail }) => detail?.includes(SECRET))).toEqual([]);
});

test("what is refused or warned of when a job is deferred does not tell its arguments", async () => {
  const { logger, lines } = recorder();
  const app = queue.app([ways], { logger });
  const large = { how: "succeed", password: SECRET.repeat(200_000) };
  await app.defer(ways, large, { scheduleIn: { hours: 1 } });
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
  const wrong = [{ how: "fail", password: [SECRET] }, { how: SECRET }] as unknown as {
    how: string;
    password: string;
  }[];
  for (const args of wrong) {
    const error: unknown = await app.defer(ways, args).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).not.toContain(SECRET);
  }
});

test("arguments of a tick that its schema refuses are not told", async () => {
  const { logger, lines } = recorder();
  const schedule = periodic(quoting, { cron: "* * * * * *", args: () => WRONG });
  await using worker = startWorker(queue.app([quoting], { logger, periodic: [schedule] }));
  await until(() => lines.some((line) => line.includes("args.email is refused by the task's schema.")));
  await worker.worker.stop();
  expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
});

test("who defers is told what the schema says, and at which places, but not given the arguments back", async () => {
  const error: unknown = await queue
    .app([quoting])
    .defer(quoting, WRONG)
    .catch((thrown: unknown) => thrown);
  const message = expect.stringMatching(/^Invalid email/);
  expect(error).toMatchObject({ path: "args.email", cause: [{ path: "args.email", message }] });
  expect(inspect(error, { depth: Number.POSITIVE_INFINITY })).not.toContain("password");
});
