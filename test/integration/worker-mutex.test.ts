import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { defineTask, type LockMode } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, gate, startWorker } from "../support/worker-run.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ max: 20 });
});
beforeEach(() => queue.clear());
afterAll(() => queue.close());

const LATER = { scheduleIn: { hours: 1 } };

/** Says which of its jobs ran, and whether two of them did so at once. */
function witness() {
  const ran: string[] = [];
  let running = 0;
  let overlaps = 0;
  const task = defineTask({
    name: "t",
    lock: "l",
    run: async ({ name }: { name: string }) => {
      if (running++ > 0) overlaps++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      ran.push(name);
    },
  });
  return { task, ran, overlaps: () => overlaps };
}

test.each<[first: LockMode, ran: string[]]>([
  ["mutex", ["second", "third"]],
  ["ordered", []],
])("a scheduled job whose lock mode is %s holds up of its lock %j", async (lockMode, expected) => {
  const { task, ran } = witness();
  const app = queue.app([task]);
  await app.defer(task, { name: "first" }, { ...LATER, lockMode });
  await app.batchDefer(task, [{ name: "second" }, { name: "third" }]);
  await app.defer(task, { name: "above" }, { ...LATER, lockMode, priority: 5 });
  const { failed } = await runDueJobs(app, FAST);
  expect([ran, failed]).toEqual([lockMode === "mutex" ? ["second", "third"] : [], []]);
  expect(ran).toEqual(expected);
});

test("a job that has mutex is held up by an ordered one before it, scheduled or not", async () => {
  const { task, ran } = witness();
  const app = queue.app([task]);
  await app.defer(task, { name: "ordered" }, LATER);
  await app.defer(task, { name: "mutex" }, { lockMode: "mutex" });
  await runDueJobs(app, FAST);
  expect(ran).toEqual([]);
  await queue.pool.query(
    "update procrastinate_jobs set scheduled_at = null, wake_at = null, ready = true where id = (select min(id) from procrastinate_jobs)",
  );
  await runDueJobs(app, FAST);
  expect(ran).toEqual(["ordered", "mutex"]);
});

test("when its time has come, it runs in the order of its lock, and never beside another one", async () => {
  const { task, ran, overlaps } = witness();
  const app = queue.app([task]);
  const bound = app.configure(task, { lockMode: "mutex" });
  for (let n = 0; n < 30; n++) {
    await bound.defer({ name: `${n}` }, n % 3 === 0 ? { scheduleIn: { milliseconds: 100 + n } } : {});
  }
  await using _first = startWorker(app, { concurrency: 5 });
  await using _second = startWorker(app, { concurrency: 5 });
  await until(() => ran.length === 30);
  expect(overlaps()).toBe(0);
  const names = Array.from({ length: 30 }, (_none, n) => n);
  const at = (isLate: boolean) => names.filter((n) => (n % 3 === 0) === isLate).map(String);
  expect(ran.filter((name) => Number(name) % 3 !== 0)).toEqual(at(false));
  expect(ran.toSorted()).toEqual(names.map(String).toSorted());
});

test("while one backs off before its retry the others run, and it waits for none of them longer than they run", async () => {
  const ran: string[] = [];
  const task = defineTask({
    name: "t",
    lock: "l",
    lockMode: "mutex",
    retry: { decide: () => ({ retryIn: { milliseconds: 200 } }) },
    run: ({ name }: { name: string }, { attempt }) => {
      ran.push(`${name} ${attempt}`);
      if (name === "first" && attempt === 1) throw new Error("again");
    },
  });
  const app = queue.app([task]);
  await app.batchDefer(task, [{ name: "first" }, { name: "second" }, { name: "third" }]);
  await using _worker = startWorker(app);
  await until(() => ran.length === 4);
  expect(ran).toEqual(["first 1", "second 1", "third 1", "first 2"]);
});

test("one that was set aside behind a running job comes back at its own time", async () => {
  const held = gate();
  const ran: string[] = [];
  const task = defineTask({
    name: "t",
    lock: "l",
    lockMode: "mutex",
    run: async ({ name }: { name: string }) => {
      ran.push(name);
      if (name === "long") await held.opened;
    },
  });
  const app = queue.app([task]);
  await app.defer(task, { name: "long" });
  await using _worker = startWorker(app, { concurrency: 3 });
  await until(() => ran.length === 1);
  // As a row inserted by hand: ready, though its time has not come.
  await queue.pool.query(`insert into procrastinate_jobs (task_name, lock, mutex, args, scheduled_at)
    values ('t', 'l', true, '{"name": "later"}', now() + interval '1 hour')`);
  await app.defer(task, { name: "next" });
  await until(async () => (await queue.jobs()).slice(1).every(({ ready }) => !ready));
  expect((await queue.jobs()).map(({ wakeAt }) => wakeAt !== null).slice(1)).toEqual([true, false]);
  held.open();
  await until(() => ran.length === 2);
  expect(ran).toEqual(["long", "next"]);
});

test("replacing the head by one that is scheduled and mutex lets the next of its lock run", async () => {
  const { task, ran } = witness();
  const app = queue.app([task]);
  await app.defer(task, { name: "first" }, { queueingLock: "q", queue: "nobody" });
  await app.defer(task, { name: "second" });
  await using _worker = startWorker(app, { queues: ["default"] });
  await until(async () => (await queue.jobs())[1]?.ready === false);
  await app.defer(task, { name: "first" }, { queueingLock: "q", onConflict: "replace", lockMode: "mutex", ...LATER });
  await until(() => ran.length === 1);
  expect(ran).toEqual(["second"]);
});

test("a sweep finds the next of a lock behind those whose time has not come", async () => {
  const { task, ran } = witness();
  const app = queue.app([task]);
  await app.defer(task, { name: "later" }, { lockMode: "mutex", ...LATER });
  await app.defer(task, { name: "lost" }, { lockMode: "mutex" });
  // As a crash between two statements leaves it.
  await queue.pool.query("update procrastinate_jobs set ready = false, wake_at = null where scheduled_at is null");
  await using _worker = startWorker(app);
  await until(() => ran.length === 1);
  expect(ran).toEqual(["lost"]);
});

test("without a lock the mode means nothing, and is not written; batches and single jobs write it alike", async () => {
  const { task } = witness();
  const app = queue.app([task]);
  await app.defer(task, { name: "a" }, { lockMode: "mutex", lock: null });
  await app.defer(task, { name: "b" }, { lockMode: "mutex" });
  await app.batchDefer(task, [{ name: "c" }, { name: "d" }], { lockMode: "mutex" });
  await app.batchDefer(task, [{ name: "e" }, { name: "f" }]);
  const { rows } = await queue.pool.query("select mutex from procrastinate_jobs order by id");
  expect(rows.map(({ mutex }) => mutex)).toEqual([false, true, true, true, false, false]);
  await expect(app.defer(task, { name: "a" }, { lockMode: "none" as LockMode })).rejects.toMatchObject({
    option: "lockMode",
  });
  expect(() => defineTask({ name: "t", lockMode: "none" as LockMode })).toThrow('is not "ordered" or "mutex"');
});
