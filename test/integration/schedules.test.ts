import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  AlreadyEnqueuedError,
  defineTask,
  InvalidArgsError,
  InvalidOptionError,
  namespace,
  type PeriodicTask,
  PeriodicTaskAlreadyRegisteredError,
  periodic,
  ScheduleNotFoundError,
  TaskNotFoundError,
} from "../../src/index.ts";
import { absent, clearSchedules, runOnce, storedTicks } from "../support/periodic-queue.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => clearSchedules(queue));
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: (_args: { n?: number }) => undefined });
const appOf = (...list: PeriodicTask[]) => queue.app([task], { periodic: list });
const daily = { cron: "0 3 * * *" } as const;
const everySecond = { cron: "* * * * * *" } as const;
const DAY = 86_400;
const names = async (app: ReturnType<typeof appOf>) => (await app.periodic.list()).map(({ periodicId }) => periodicId);

/** Of a schedule whose ticks a test wants to see, whenever it runs. */
const yearly = { cron: "@yearly", maxDelay: { weeks: 100 } } as const;
const missYear = () => absent(queue, 366 * DAY);

describe("a schedule that is added at run time", () => {
  test("is deferred by the workers that run already, with its arguments", async () => {
    const app = appOf();
    await using started = startWorker(app, { pollingInterval: { seconds: 60 } });
    let listening = false;
    started.worker.on("listening", () => (listening = true));
    await until(() => listening);
    await app.periodic.add(task, { ...everySecond, args: { n: 7 }, queue: "q", priority: 3, lock: "l" });
    const job = await until(async () => (await queue.jobs()).find(({ status }) => status === "succeeded"));
    expect(job).toMatchObject({ args: { n: 7 }, queue: "q", priority: 3, lock: "l" });
  });

  test("is there when, and only when, its transaction commits", async () => {
    const app = appOf();
    const failing = queue.transaction(async (tx) => {
      await app.periodic.add(task, { ...daily, periodicId: "a" }, { tx });
      expect((await app.periodic.list({ tx })).length).toBe(1);
      // What follows in it waits for locks as long as ever.
      expect((await tx.query("show lock_timeout")).rows).toEqual([{ lock_timeout: "0" }]);
      throw new Error("over");
    });
    await expect(failing).rejects.toThrow("over");
    expect(await names(app)).toEqual([]);
    await queue.transaction((tx) => app.periodic.add(task, { ...daily, periodicId: "b" }, { tx }));
    expect(await names(app)).toEqual(["b"]);
  });

  test("replaces another one, and begins anew when its times change", async () => {
    const app = appOf();
    await app.periodic.add(task, { ...yearly, args: { n: 1 } });
    await missYear();
    await app.periodic.add(task, { ...yearly, args: { n: 2 } });
    await runOnce(app);
    expect((await queue.jobs()).map(({ args }) => args)).toEqual([{ n: 2 }]);
    await missYear();
    await app.periodic.add(task, { ...yearly, cron: "0 0 1 1 *", args: { n: 3 } });
    expect(await runOnce(app)).toEqual([]);
    expect(await app.periodic.list()).toMatchObject([{ cron: "0 0 1 1 *", args: { n: 3 } }]);
  });

  test("is refused before anything is written, when a worker would refuse it", async () => {
    const app = appOf();
    const add = (options: object) => app.periodic.add(task, { ...daily, ...options } as never);
    await expect(add({ cron: "0 0 30 2 *" })).rejects.toThrow(InvalidOptionError);
    await expect(add({ lock: null })).rejects.toThrow("Leave it out for what the task says.");
    await expect(add({ lockMode: "mutex" })).rejects.toThrow("a stored one has that of its task");
    await expect(add({ args: () => ({}) })).rejects.toThrow("a stored one has plain arguments");
    await expect(add({ args: { n: Number.NaN } })).rejects.toThrow(InvalidArgsError);
    await expect(add({ tx: {} })).rejects.toThrow("schedule.tx");
    expect(await names(app)).toEqual([]);
  });

  test("never takes the place of one that is in the code, which takes that of one of run time", async () => {
    await appOf().periodic.add(task, { ...daily, args: { n: 1 } });
    const app = appOf(periodic(task, { ...daily, args: { n: 2 } }));
    await runOnce(app);
    expect(await app.periodic.list()).toMatchObject([{ args: { n: 2 }, inCode: true }]);
    await expect(app.periodic.add(task, daily)).rejects.toThrow(PeriodicTaskAlreadyRegisteredError);
  });

  test("is left alone by an app that has not its task", async () => {
    await appOf().periodic.add(task, yearly);
    await missYear();
    const other = queue.app([defineTask({ name: "other", run: () => undefined })]);
    expect(await runOnce(other)).toEqual([]);
    await expect(other.periodic.runNow(task)).rejects.toThrow(TaskNotFoundError);
    expect(await runOnce(appOf())).toHaveLength(1);
  });
});

describe("a schedule of the code", () => {
  test("is left alone by an app of other code, and cannot be run by it", async () => {
    await runOnce(appOf(periodic(task, yearly)));
    await missYear();
    await expect(appOf().periodic.runNow(task)).rejects.toThrow(/is in the code of another app/);
    expect(await runOnce(appOf())).toEqual([]);
  });

  test("is removed days after it left the code, unless it is paused", async () => {
    const left = [periodic(task, daily), periodic(task, { ...daily, periodicId: "paused" })];
    await runOnce(appOf(...left));
    await appOf().periodic.pause(task, { periodicId: "paused" });
    const app = appOf(periodic(task, { ...daily, periodicId: "kept" }));
    await runOnce(app);
    await absent(queue, 6 * DAY);
    await app.periodic.add(task, { ...daily, periodicId: "added" });
    await runOnce(app);
    expect(await names(app)).toEqual(["", "added", "kept", "paused"]);
    await absent(queue, 2 * DAY);
    let removed = 0;
    await using started = startWorker(app);
    started.worker.on("periodic_tasks_removed", ({ count }) => (removed += count));
    await until(() => removed > 0);
    expect(removed).toBe(1);
    expect(await names(app)).toEqual(["added", "kept", "paused"]);
  });

  test("has its row again after the table was emptied under a worker", async () => {
    const app = appOf(periodic(task, daily), periodic(task, { ...everySecond, periodicId: "s" }));
    await using _worker = startWorker(app);
    await until(async () => (await names(app)).length === 2);
    await queue.pool.query("delete from procrastinate_schedules");
    await until(async () => (await names(app)).length === 2);
  });
});

describe("a paused schedule", () => {
  test("stays paused over restarts and new expressions, and then catches nothing up", async () => {
    const app = appOf(periodic(task, yearly));
    await runOnce(app);
    await app.periodic.pause(task);
    await missYear();
    expect(await runOnce(app)).toEqual([]);
    expect(await runOnce(appOf(periodic(task, { ...yearly, cron: "0 0 1 1 *" })))).toEqual([]);
    const [paused] = await app.periodic.list();
    expect(paused).toMatchObject({ pausedAt: expect.any(Date), nextTick: null, lastTick: null });
    await app.periodic.pause(task);
    expect((await app.periodic.list())[0]?.pausedAt).toEqual(paused?.pausedAt);
    await app.periodic.resume(task);
    expect(await runOnce(app)).toEqual([]);
    await missYear();
    expect(await runOnce(app)).toHaveLength(1);
  });

  test("can be paused before a worker was there, by its name and in a transaction", async () => {
    const app = appOf(periodic(task, { ...daily, periodicId: "p" }));
    await queue.transaction((tx) => app.periodic.pause("t", { periodicId: "p", tx }));
    await runOnce(app);
    expect(await app.periodic.list()).toMatchObject([{ periodicId: "p", pausedAt: expect.any(Date), inCode: true }]);
  });
});

describe("the schedules", () => {
  test("are listed with all that is known of them", async () => {
    const app = appOf(periodic(task, { ...yearly, args: (at) => ({ n: at.getUTCDate() }), queueingLock: "k" }));
    await runOnce(app);
    await missYear();
    await runOnce(app);
    const tokyo = { cron: "30 4 1 1 *", timezone: "Asia/Tokyo", missed: "all", maxDelay: { hours: 1 } } as const;
    await app.periodic.add(task, { ...tokyo, periodicId: "b", args: { n: 1 }, queue: "q", priority: 2, lock: "l" });
    const year = new Date().getUTCFullYear();
    const [job] = await queue.jobs();
    const none = { queue: null, priority: null, lock: null, queueingLock: null, lastTick: null, lastJobId: null };
    const dates = { createdAt: expect.any(Date), seenAt: expect.any(Date), pausedAt: null };
    expect(await app.periodic.list()).toEqual([
      {
        ...{
          ...none,
          ...dates,
          taskName: "t",
          periodicId: "",
          cron: "@yearly",
          timezone: "UTC",
          args: {},
          queueingLock: "k",
        },
        ...{ missed: "once", maxDelay: { seconds: 700 * DAY }, inCode: true, lastTick: new Date(Date.UTC(year, 0, 1)) },
        ...{ lastJobId: job?.id, nextTick: new Date(Date.UTC(year + 1, 0, 1)) },
      },
      {
        ...{
          ...none,
          ...dates,
          taskName: "t",
          periodicId: "b",
          ...tokyo,
          args: { n: 1 },
          queue: "q",
          priority: 2,
          lock: "l",
        },
        ...{ maxDelay: { seconds: 3600 }, inCode: false, nextTick: new Date(Date.UTC(year, 11, 31, 19, 30)) },
      },
    ]);
  });

  test("are removed at run time, but not those of the code", async () => {
    const app = appOf(periodic(task, { ...daily, periodicId: "code" }));
    await app.periodic.add(task, daily);
    expect(await app.periodic.remove("t")).toBe(true);
    expect(await app.periodic.remove(task)).toBe(false);
    await expect(app.periodic.remove(task, { periodicId: "code" })).rejects.toThrow("Pause it, or take it out");
  });

  test("that another app has in its code are not removed while its workers would write them again", async () => {
    await runOnce(appOf(periodic(task, daily)));
    const { periodic: schedules } = appOf();
    await schedules.pause("t");
    const refused = schedules.remove("t");
    await expect(refused).rejects.toMatchObject({ code: "invalid_option", option: "task" });
    await expect(refused).rejects.toThrow(
      /^task: "t" has this schedule in the code of another app.* last at \d{4}-.*Z\. Pause it, or take it out of that code/,
    );
    await queue.transaction((tx) => expect(schedules.remove(task, { tx })).rejects.toThrow("code of another app"));
    expect(await schedules.list()).toMatchObject([{ inCode: true, pausedAt: expect.any(Date) }]);
    await absent(queue, 2 * 3600 + 1);
    expect(await schedules.remove("t")).toBe(true);
    expect(await schedules.list()).toEqual([]);
  });

  test("are found by an alias of their task, and by a name that it had when they were added", async () => {
    const ran: unknown[] = [];
    const was = defineTask<{ n?: number }>({ name: "was" });
    const renamed = defineTask({
      ...{ name: "is", aliases: ["was"] },
      run: ({ n }: { n?: number }) => ran.push(n),
    });
    await queue.app([was]).periodic.add(was, { ...daily, args: { n: 1 } });
    const app = queue.app([renamed], { periodic: [periodic(renamed, { ...daily, periodicId: "code" })] });
    await app.periodic.add(renamed, { ...daily, periodicId: "new" });
    const paused = async () => (await app.periodic.list()).filter(({ pausedAt }) => pausedAt !== null).length;
    for (const given of ["was", "is", renamed] as const) {
      for (const periodicId of ["", "code", "new"]) await app.periodic.pause(given, { periodicId });
      expect(await paused()).toBe(3);
      for (const periodicId of ["", "code", "new"]) await app.periodic.resume(given, { periodicId });
      expect(await paused()).toBe(0);
      await app.periodic.runNow(given);
    }
    await runOnce(app);
    expect(ran).toEqual([1, 1, 1]);
    await expect(app.periodic.remove("was", { periodicId: "code" })).rejects.toThrow("in the code. Pause it");
    expect(await app.periodic.remove("was", { periodicId: "new" })).toBe(true);
    expect(await app.periodic.remove("is")).toBe(true);
    expect(await app.periodic.remove("is")).toBe(false);
    expect(await names(app)).toEqual(["code"]);
  });

  test("that nobody has are not paused, resumed or run", async () => {
    const { periodic: schedules } = appOf();
    const reference = { periodicId: "x" };
    await expect(schedules.pause(task, reference)).rejects.toThrow(ScheduleNotFoundError);
    await expect(schedules.resume("t", reference)).rejects.toThrow('no schedule of "t" with the periodicId "x"');
    await expect(schedules.runNow(task, reference)).rejects.toThrow(ScheduleNotFoundError);
  });

  test("that cannot be read are told of once, and listed", async () => {
    const insert = "insert into procrastinate_schedules (task_name, cron) values ('t', 'never')";
    await queue.pool.query(insert);
    const app = appOf(periodic(task, { ...everySecond, periodicId: "s" }));
    const errors: string[] = [];
    await using started = startWorker(app);
    started.worker.on("periodic_task_error", ({ error }) => errors.push(String(error)));
    await until(async () => (await queue.jobs()).length >= 2);
    expect(errors).toEqual([expect.stringContaining('cron: "never" is not a cron expression')]);
    expect((await app.periodic.list())[0]).toMatchObject({ cron: "never", nextTick: null });
  });
});

describe("running a schedule now", () => {
  test("defers a job of its own, paused or not, which is no tick", async () => {
    const app = appOf(periodic(task, { ...daily, args: (at) => ({ n: at.getTime() }), queue: "q" }));
    await app.periodic.pause(task);
    const before = Date.now();
    const id = await app.periodic.runNow(task);
    const [job] = await queue.jobs();
    expect(job).toMatchObject({ id, queue: "q", status: "todo" });
    expect(Math.abs(Number(job?.args["n"]) - before)).toBeLessThan(60_000);
    expect(await storedTicks(queue)).toEqual([]);
  });

  test("belongs to the caller's transaction, and minds the queueing lock", async () => {
    const app = appOf();
    await app.periodic.add(task, { ...daily, queueingLock: "k", args: { n: 1 } });
    const failing = queue.transaction(async (tx) => {
      await app.periodic.runNow("t", { tx });
      throw new Error("over");
    });
    await expect(failing).rejects.toThrow("over");
    expect(await queue.jobs()).toEqual([]);
    await app.periodic.runNow("t");
    await expect(app.periodic.runNow("t")).rejects.toThrow(AlreadyEnqueuedError);
  });
});

test("options that do not exist are refused, and change no other schedule", async () => {
  const app = appOf(periodic(task, daily));
  const wrong = { periodicid: "other" } as object;
  for (const act of [
    () => app.periodic.pause(task, wrong),
    () => app.periodic.resume(task, wrong),
    () => app.periodic.remove(task, wrong),
    () => app.periodic.runNow(task, wrong),
    () => app.periodic.list({ txx: 1 } as object),
    () => app.periodic.add(task, daily, { txx: 1 } as object),
  ]) {
    await expect((async () => act())()).rejects.toThrow(InvalidOptionError);
  }
  expect(() => periodic(task, { ...daily, maxDelay: {} })).toThrow("maxDelay: 0 ms is less than a second");
});

test("what was put into a namespace has its schedules under the name there", async () => {
  const own = namespace("ns", [task]);
  const app = queue.app([...own], { periodic: [periodic(task, daily)] });
  await app.periodic.add(task, { ...daily, periodicId: "more" });
  await app.periodic.pause(task);
  expect((await app.periodic.list()).map(({ taskName, periodicId }) => [taskName, periodicId])).toEqual([
    ["ns:t", ""],
    ["ns:t", "more"],
  ]);
});

describe("the ticks of long ago", () => {
  test("are pruned, but the last one of each schedule", async () => {
    const app = appOf(periodic(task, daily), periodic(task, { ...daily, periodicId: "rare" }));
    const insert = `insert into procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
      select 't', id, extract(epoch from now())::bigint - days * 86400 - offset_s
      from (values ('', 1), ('', 8), ('', 9), ('rare', 30), ('rare', 31), ('gone', 6), ('gone', 20), ('gone', 21)) d(id, days),
        generate_series(0, 1) offset_s`;
    await queue.pool.query(insert);
    await using _worker = startWorker(app);
    const left =
      "select periodic_id as id, count(*)::int as ticks from procrastinate_periodic_defers group by 1 order by 1";
    await until(async () => {
      expect((await queue.pool.query(left)).rows).toEqual([
        { id: "", ticks: 2 },
        { id: "gone", ticks: 2 },
        { id: "rare", ticks: 1 },
      ]);
      return true;
    });
  });
});
