import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineTask, type PeriodicTask, periodic } from "../../src/index.ts";
import { absent, clearSchedules, runOnce, storedTicks, watchTicks } from "../support/periodic-queue.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(() => clearSchedules(queue));
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: (_args: { at?: number }) => undefined });
const other = defineTask({ name: "other", run: () => undefined });
const appOf = (...list: PeriodicTask[]) => queue.app([task, other], { periodic: list });
const atOf = (at: Date) => ({ at: at.getTime() });
const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
/** Half an hour from now, so that no tick comes while a test runs. */
const MINUTE_OF_HOUR = new Date(Date.now() + 30 * MINUTE).getUTCMinutes();
const cron = `${MINUTE_OF_HOUR} * * * *`;
const hourly = { cron, args: atOf, maxDelay: { hours: 1 } } as const;
const hourOf = (ms: number) => ms - ((ms - MINUTE_OF_HOUR * MINUTE) % HOUR);

describe("a tick", () => {
  test("becomes a job with the tick's time, which an idle worker is told of, and a row that names it", async () => {
    const app = appOf(periodic(task, { cron: "* * * * * *", args: atOf }));
    await using _worker = startWorker(app, { pollingInterval: { seconds: 60 } });
    const job = await until(async () => (await queue.jobs()).find(({ status }) => status === "succeeded"));
    expect(await storedTicks(queue)).toContainEqual([job.args["at"], String(job.id)]);
  });

  test("is none of the time before a schedule was new", async () => {
    expect(await runOnce(appOf(periodic(task, hourly)))).toEqual([]);
    expect(await runOnce(appOf(periodic(task, hourly)))).toEqual([]);
    expect(await queue.jobs()).toEqual([]);
  });

  test("has a job of the task's options, where the schedule has none of its own", async () => {
    const full = defineTask({
      name: "full",
      queue: "q",
      priority: 4,
      lock: ({ n }: { n: number }) => `lock ${n}`,
      queueingLock: "one",
    });
    const app = queue.app([full, task], {
      periodic: [
        periodic(full, { ...hourly, args: { n: 1 } }),
        periodic(full, {
          ...hourly,
          args: { n: 2 },
          periodicId: "2",
          queue: "r",
          priority: -1,
          lock: null,
          queueingLock: "k",
        }),
      ],
    });
    await runOnce(app);
    await absent(queue, 3600);
    await app.createWorker({ wait: false, listen: false, queues: ["none"], installSignalHandlers: false }).run();
    expect(await queue.jobs()).toMatchObject(
      [
        {
          task: "full",
          args: { n: 1 },
          queue: "q",
          priority: 4,
          lock: "lock 1",
          queueingLock: "one",
          queueingKey: "one",
        },
        { task: "full", args: { n: 2 }, queue: "r", priority: -1, lock: null, queueingLock: "k", ready: true },
      ].map((job) => ({ ...job, status: "todo" })),
    );
  });

  test("has a job of its schedule's lock mode, and so has one that is deferred at once", async () => {
    const app = appOf(periodic(task, { ...hourly, lock: "l", lockMode: "mutex" }));
    await runOnce(app);
    await absent(queue, 3600);
    await runOnce(app);
    await app.periodic.runNow(task);
    const { jobs } = await app.jobs.list();
    expect(jobs.map(({ lock, lockMode }) => [lock, lockMode])).toEqual([
      ["l", "mutex"],
      ["l", "mutex"],
    ]);
  });

  test("whose queueing lock is taken is seen to without a job", async () => {
    const app = appOf(periodic(task, { ...hourly, queueingLock: "one" }));
    await runOnce(app);
    const blocker = await app.defer(other, {}, { queueingLock: "one", scheduleIn: { hours: 1 } });
    const latest = hourOf(await absent(queue, 3600));
    expect(await runOnce(app)).toEqual([["skip_periodic_task_queueing_lock", latest]]);
    expect((await queue.jobs()).map(({ id }) => id)).toEqual([blocker]);
    expect(await storedTicks(queue)).toEqual([[latest, null]]);
    expect(await runOnce(app)).toEqual([]);
  });

  test("whose job was deleted stays seen to", async () => {
    const app = appOf(periodic(task, hourly));
    await runOnce(app);
    const latest = hourOf(await absent(queue, 3600));
    await runOnce(app);
    const [job] = await queue.jobs();
    await app.jobs.delete(job?.id ?? 0n);
    await queue.pool.query("update procrastinate_schedules set last_tick = last_tick - 3600");
    expect(await runOnce(app)).toEqual([["periodic_task_already_deferred", latest]]);
    expect(await queue.jobs()).toEqual([]);
    expect(await storedTicks(queue)).toEqual([[latest, job?.id.toString()]]);
  });

  test("that has a row already has no second job, whatever the schedule says", async () => {
    const app = appOf(periodic(task, hourly));
    await runOnce(app);
    const latest = hourOf(await absent(queue, 3600));
    await queue.pool.query("insert into procrastinate_periodic_defers (task_name, defer_timestamp) values ('t', $1)", [
      latest / 1000,
    ]);
    expect(await runOnce(app)).toEqual([["periodic_task_already_deferred", latest]]);
    expect(await runOnce(app)).toEqual([]);
    expect(await queue.jobs()).toEqual([]);
  });
});

describe("a missed tick", () => {
  test("is made up for by the latest one, once", async () => {
    const app = appOf(periodic(task, { ...hourly, maxDelay: { hours: 3 } }));
    await runOnce(app);
    const latest = hourOf(await absent(queue, 5 * 3600));
    expect(await runOnce(app)).toEqual([
      ["ignore_periodic_task", latest - HOUR],
      ["periodic_task_deferred", latest],
    ]);
    expect((await queue.jobs()).map(({ args, status }) => [args, status])).toEqual([[{ at: latest }, "succeeded"]]);
    expect(await runOnce(app)).toEqual([]);
  });

  test("is made up for each in their order where the schedule says all, within its longest delay", async () => {
    const app = appOf(periodic(task, { ...hourly, maxDelay: { hours: 3 }, missed: "all" }));
    await runOnce(app);
    const latest = hourOf(await absent(queue, 5 * 3600));
    const made = [latest - 2 * HOUR, latest - HOUR, latest];
    expect(await runOnce(app)).toEqual([
      ["ignore_periodic_task", latest - 3 * HOUR],
      ...made.map((at) => ["periodic_task_deferred", at]),
    ]);
    expect((await queue.jobs()).map(({ args }) => args["at"])).toEqual(made);
  });

  test.each([{ missed: "skip" } as const, { maxDelay: { seconds: 1 } }])(
    "is told once and has no job under %j",
    async (policy) => {
      const app = appOf(periodic(task, { cron: "0 0 29 2 *", ...policy }));
      await runOnce(app);
      await absent(queue, 10 * 366 * 86_400);
      expect(await runOnce(app)).toMatchObject([["ignore_periodic_task", expect.any(Number)]]);
      expect(await runOnce(app)).toEqual([]);
      expect(await queue.jobs()).toEqual([]);
    },
  );
});

describe("several workers", () => {
  test("defer each tick once, also with many schedules and ticks to make up for", async () => {
    const list = Array.from({ length: 12 }, (_, n) =>
      periodic(task, {
        ...hourly,
        periodicId: `p${n}`,
        missed: "all",
        maxDelay: { hours: 8 },
        ...(n % 3 ? {} : { queueingLock: `k${n}` }),
      }),
    );
    await runOnce(appOf(...list));
    await absent(queue, 6 * 3600);
    const apps = Array.from({ length: 4 }, () => appOf(...list));
    const none = { queues: ["none"], installSignalHandlers: false, listen: false } as const;
    const workers = apps.map((app) => startWorker(app, none));
    // A queueing lock lets one of its ticks have a job.
    await until(async () => (await storedTicks(queue)).length === 12 * 6);
    for (const { worker } of workers) await worker.stop();
    const jobs = await queue.jobs();
    expect(jobs).toHaveLength(8 * 6 + 4);
    const named = (await storedTicks(queue)).flatMap(([, id]) => (id === null ? [] : [id]));
    expect(named.sort()).toEqual(jobs.map(({ id }) => String(id)).sort());
  });

  test("make up for 250 schedules after an absence, each once", async () => {
    const list = Array.from({ length: 250 }, (_, n) =>
      periodic(task, { ...hourly, periodicId: `p${n}`, ...(n % 7 ? {} : { queueingLock: `k${n}` }) }),
    );
    await runOnce(appOf(...list));
    const latest = hourOf(await absent(queue, 3600));
    const none = { queues: ["none"], installSignalHandlers: false, pollingInterval: { seconds: 60 } } as const;
    const workers = Array.from({ length: 3 }, () => startWorker(appOf(...list), none));
    const events = workers.map(({ worker }) => watchTicks(worker));
    await until(async () => (await storedTicks(queue)).length === 250);
    for (const { worker } of workers) await worker.stop();
    const deferred = events.flat().filter(([name]) => name === "periodic_task_deferred");
    expect(deferred).toEqual(Array(250).fill(["periodic_task_deferred", latest]));
    const ticks = await storedTicks(queue);
    expect(ticks.map(([at]) => at)).toEqual(Array(250).fill(latest));
    const jobs = (await queue.jobs()).map(({ id }) => String(id));
    expect(ticks.map(([, id]) => id).sort()).toEqual(jobs.sort());
    const seen = "select distinct periodic_id from procrastinate_periodic_defers";
    expect((await queue.pool.query(seen)).rowCount).toBe(250);
  });

  test("leave a schedule to the one that has its row, and defer the others meanwhile", async () => {
    const app = appOf(periodic(task, hourly), periodic(other, { cron, maxDelay: { hours: 1 } }));
    await runOnce(app);
    const latest = hourOf(await absent(queue, 3600));
    await using started = startWorker(app);
    const events = watchTicks(started.worker);
    await queue.transaction(async (tx) => {
      await app.periodic.pause(task, { tx });
      await until(async () => (await queue.jobs()).some((job) => job.task === "other"));
    });
    await app.periodic.resume(task);
    const deferred = () => events.filter(([name]) => name === "periodic_task_deferred");
    await until(() => deferred().length > 0);
    expect(deferred()).toEqual([["periodic_task_deferred", latest]]);
    expect((await queue.jobs()).map((job) => job.task)).toEqual(["other"]);
  });

  test("wait in vain for a transaction that has the queueing lock, and defer the tick when it is gone", async () => {
    const app = appOf(
      periodic(task, { ...hourly, queueingLock: "one" }),
      periodic(other, { ...hourly, args: {}, maxDelay: { hours: 1 } }),
    );
    await runOnce(app);
    await absent(queue, 3600);
    const rolledBack = new Error("rolled back");
    const holding = queue.transaction(async (tx) => {
      await app.defer(other, {}, { tx, queueingLock: "one" });
      await using _worker = startWorker(app);
      await until(async () => (await queue.jobs()).some((job) => job.task === "other"));
      await queue.untilBlocked();
      throw rolledBack;
    });
    await expect(holding).rejects.toBe(rolledBack);
    await runOnce(app);
    expect((await queue.jobs()).map((job) => job.task).sort()).toEqual(["other", "t"]);
  });
});

describe("a worker", () => {
  test("that cannot make the arguments says so once a tick, and defers what others have", async () => {
    const failing = (at: Date) => {
      if (at.getTime() === 0) return { at: 0 };
      throw new Error("no arguments");
    };
    const app = appOf(
      periodic(task, { ...hourly, missed: "all", maxDelay: { hours: 3 }, args: failing }),
      periodic(task, { ...hourly, args: () => ({ at: Number.NaN }), periodicId: "no JSON" }),
      periodic(other, { cron, maxDelay: { hours: 1 } }),
    );
    await runOnce(app);
    const latest = hourOf(await absent(queue, 2 * 3600));
    const errors: unknown[] = [];
    await using started = startWorker(app);
    started.worker.on("periodic_task_error", ({ at, error }) => errors.push([at.getTime(), String(error)]));
    await until(async () => (await queue.jobs()).length === 1 && errors.length === 3);
    expect(errors).toEqual([
      [latest - HOUR, "Error: no arguments"],
      [latest, expect.stringMatching("InvalidArgsError: .*args.at is NaN")],
      [latest, "Error: no arguments"],
    ]);
    expect((await queue.jobs()).map((job) => job.task)).toEqual(["other"]);
  });

  test("that Postgres refuses a job says so, and defers the others", async () => {
    const app = appOf();
    for (const periodicId of ["a", "b", "c"])
      await app.periodic.add(task, { cron, maxDelay: { hours: 1 }, periodicId });
    // No option can be so long, but a hand can write it: more than an index of Postgres takes.
    const lengthen = `update procrastinate_schedules set lock = (select string_agg(md5(n::text), '') from generate_series(1, 1000) n)
      where periodic_id = 'b'`;
    await queue.pool.query(lengthen);
    const latest = hourOf(await absent(queue, 3600));
    await using started = startWorker(app);
    const events = watchTicks(started.worker);
    // The rows of the statement that was refused may still be locked for a moment.
    await until(
      async () => (await queue.jobs()).length === 2 && events.some(([name]) => name === "periodic_task_error"),
    );
    expect(events).toContainEqual(["periodic_task_error", latest]);
    expect((await storedTicks(queue)).map(([tick]) => tick)).toEqual([latest, latest]);
  });

  test("goes on when the database is back, and defers what was due meanwhile", async () => {
    const app = appOf(periodic(task, { cron: "* * * * * *", args: atOf, missed: "all" }));
    await using started = startWorker(app);
    const back: number[] = [];
    started.worker.on("database_back", () => back.push(1));
    await until(async () => (await queue.jobs()).length > 0);
    await queue.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() and application_name <> 'look'",
    );
    const before = (await storedTicks(queue)).length;
    await until(async () => (await storedTicks(queue)).length >= before + 2);
    const ticks = (await storedTicks(queue)).map(([at]) => at);
    const first = ticks[0] ?? 0;
    expect(ticks).toEqual(ticks.map((_, n) => first + n * SECOND));
  });

  test("that runs until nothing is left runs what was due", async () => {
    const app = appOf(periodic(task, hourly));
    await runOnce(app);
    await absent(queue, 3600);
    await runOnce(app);
    expect((await queue.jobs()).map(({ status }) => status)).toEqual(["succeeded"]);
  });
});
